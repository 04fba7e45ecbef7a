"""Checking an answer against what is expected of it; exported tests have this text in them, so it needs nothing else.

What is expected is a document in which some values are not plain: any value, any of a type, one that a rule holds for
the same, an object of which some members do not matter, a list in any order. Types are kept apart: `1` is not `1.0`.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any

_UUID = re.compile(r"(?:urn:uuid:)?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_TYPES = {bool: "boolean", int: "integer", Decimal: "number", str: "string", list: "array", dict: "object"}


_MAX_DIGITS = 4_000


class Huge(str):
    """A number that Python cannot read, or not in a short time, as its text."""

    __slots__ = ()


class Anything:
    """Whatever stands there."""

    def __repr__(self) -> str:
        return "ANY"


ANY = Anything()


@dataclass(frozen=True, slots=True)
class OfType:
    """Any value of a type of JSON; integers and other numbers apart."""

    name: str


@dataclass(frozen=True, slots=True)
class Alike:
    """A value, or one that rules hold for the same."""

    value: Any
    rules: tuple[tuple[Any, ...], ...]
    """`("round", decimals)`, `("numeric",)`, `("within", seconds)`, `("uuid",)`, `("lower",)` or `("map", pairs)`."""

    def takes(self, actual: Any) -> bool:
        """Return whether a value is as good as this one."""
        if isinstance(actual, list | dict):
            return False
        return any(_is_excused(self.value, actual, rule) for rule in self.rules) or _is_same(
            _settled(self.value, self.rules), _settled(actual, self.rules)
        )


@dataclass(frozen=True, slots=True)
class Members:
    """An object with these members, and perhaps others."""

    members: dict[str, Any]
    may_have: tuple[str, ...] = ()
    """Names that may stand there besides, with any value."""
    is_open: bool = False
    """Whether any name may."""


@dataclass(frozen=True, slots=True)
class Unordered:
    """A list with these elements in any order; `by` names the member that says which belong together."""

    elements: list[Any]
    by: str | None = None


def parse(text: str) -> Any:
    """Return what a JSON text says, with exact numbers; raises ValueError if it is none, or has a name twice."""
    return json.loads(text, parse_int=_integer, parse_float=_real, parse_constant=_refuse, object_pairs_hook=_object)


def problems(expected: Any, actual: Any, path: str = "$") -> list[str]:
    """Return what is not as expected, each with its place; nothing if all is."""
    match expected:
        case Anything():
            return []
        case OfType(name=name):
            found = _type(actual)
            return [] if found == name else [f"{path} is of type {found}, not {name}"]
        case Alike():
            return [] if expected.takes(actual) else [f"{path} is {_shown(actual)}, not alike {_shown(expected.value)}"]
        case Members():
            return _members(expected, actual, path)
        case dict():
            return _members(Members(expected), actual, path)
        case Unordered():
            return _unordered(expected, actual, path)
        case list():
            return _elements(expected, actual, path)
        case _:
            return [] if _is_same(expected, actual) else [f"{path} is {_shown(actual)}, not {_shown(expected)}"]


def _members(expected: Members, actual: Any, path: str) -> list[str]:
    if not isinstance(actual, dict):
        return [f"{path} is {_shown(actual)}, not an object"]
    found = []
    for name, value in expected.members.items():
        place = f"{path}.{name}"
        found += problems(value, actual[name], place) if name in actual else [f"{place} is missing"]
    known = expected.members.keys() | set(expected.may_have)
    if not expected.is_open:
        found += [f"{path}.{name} is too much" for name in actual if name not in known]
    return found


def _elements(expected: list[Any], actual: Any, path: str) -> list[str]:
    if not isinstance(actual, list):
        return [f"{path} is {_shown(actual)}, not a list"]
    if len(expected) != len(actual):
        return [f"{path} has {len(actual)} elements, not {len(expected)}"]
    pairs = enumerate(zip(expected, actual, strict=True))
    return [problem for at, (one, other) in pairs for problem in problems(one, other, f"{path}[{at}]")]


def _unordered(expected: Unordered, actual: Any, path: str) -> list[str]:
    if not isinstance(actual, list):
        return [f"{path} is {_shown(actual)}, not a list"]
    found, left = [], list(actual)
    for at, element in enumerate(expected.elements):
        place = f"{path}[{at}]"
        twin = next((one for one in left if _belong(element, one, expected.by)), ANY)
        if twin is ANY:
            found.append(f"{place}, {_shown(element)}, is missing")
            continue
        left = [one for one in left if one is not twin] if isinstance(twin, dict | list) else _without(left, twin)
        found += problems(element, twin, place)
    return found + [f"{path} has {_shown(one)} too much" for one in left]


def _belong(expected: Any, actual: Any, by: str | None) -> bool:
    members = expected.members if isinstance(expected, Members) else expected
    if by is not None and isinstance(members, dict) and by in members:
        return isinstance(actual, dict) and by in actual and not problems(members[by], actual[by])
    return not problems(expected, actual)


def _without(values: list[Any], one: Any) -> list[Any]:
    at = next(at for at, value in enumerate(values) if _is_same(value, one))
    return values[:at] + values[at + 1 :]


def _is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _is_excused(one: Any, other: Any, rule: tuple[Any, ...]) -> bool:
    if rule[0] != "within":
        return _is_same(_settled(one, (rule,)), _settled(other, (rule,)))
    times = _seconds(one), _seconds(other)
    if type(one) is not type(other) or times[0] is None or times[1] is None:
        return False
    return bool(abs(times[0] - times[1]) <= rule[1])


def _settled(value: Any, rules: tuple[tuple[Any, ...], ...]) -> Any:
    """Return what rules make of a value that is no container."""
    is_mapped, value = _mapped(value, rules)
    if is_mapped:
        return value
    for rule in rules:
        if rule[0] == "lower" and type(value) is str:
            value = value.lower()
        elif rule[0] in ("numeric", "round") and type(value) is int:
            value = Decimal(value)
        elif rule[0] == "round" and type(value) is Decimal:
            value = _rounded(value, rule[1])
    is_mapped, value = _mapped(value, rules)
    is_uuid = any(rule[0] == "uuid" for rule in rules) and type(value) is str and _UUID.fullmatch(value)
    return ("any uuid",) if is_uuid and not is_mapped else value


def _mapped(value: Any, rules: tuple[tuple[Any, ...], ...]) -> tuple[bool, Any]:
    for rule in rules:
        for one, other in rule[1] if rule[0] == "map" else ():
            if _is_same(value, one) or _is_same(value, other):
                return True, ("mapped to", type(other), other)
    return False, value


def _rounded(value: Decimal, decimals: int) -> Decimal:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent >= -decimals:
        return value
    precision = max(value.adjusted(), 0) + decimals + 2
    context = Context(prec=precision, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX)
    rounded = value.quantize(Decimal(1).scaleb(-decimals), context=context)
    return rounded or abs(rounded)


def _seconds(value: Any) -> float | None:
    """Return the time that ISO 8601 text, or an epoch in s, ms, us or ns, tells, in seconds; None for all else."""
    if type(value) is str:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    if type(value) is not int and type(value) is not Decimal:
        return None
    number = Decimal(value)
    if not -30 < number.adjusted() < 30:
        return None
    sizes = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))
    return float(number / next((parts for size, parts in sizes if abs(number) >= size), 1))


def _type(value: Any) -> str:
    return "null" if value is None else _TYPES.get(type(value), "huge number")


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 80 else text[:80] + "..."


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has a name twice")
    return found


def _integer(text: str) -> Any:
    return int(text) if len(text) <= _MAX_DIGITS else Huge(text)


def _real(text: str) -> Any:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Huge(text)


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")
