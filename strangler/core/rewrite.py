"""Rules by path: what may differ between two answers without mattering.

A rule only ever makes more things equal: what is equal without rules, or with any one of them, is equal with all. Each
applies to both sides alike. `settle` is what the rules make of one value; settling twice is settling once.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from typing import TypeAlias

from strangler.core.comparison import Json
from strangler.core.jsonpath import JsonPath

MAX_DECIMALS = 15
"""More digits than a double holds."""

_NOT_MAPPED = "only null, booleans, numbers and strings can be mapped; use `ignore` for the rest"
_UUID = re.compile(r"(?:urn:uuid:)?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_UNITS = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))
"""From which size an epoch counts so many parts of a second; 10**11 s is the year 5138."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """Whatever is at the path, or is not, does not matter."""

    path: JsonPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Unordered:
    """The order of the list at the path does not matter."""

    path: JsonPath
    by: str | None = None
    """A member of the list's objects that says which belong together; None pairs those that are equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Numbers at the path are compared with so many decimals, half to even; `1` and `1.0` are then alike."""

    path: JsonPath
    digits: int

    def __post_init__(self) -> None:
        if not 0 <= self.digits <= MAX_DECIMALS:
            raise ValueError(f"{self.digits} decimals cannot be rounded to; write 0 to {MAX_DECIMALS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Numeric:
    """At the path, `1` and `1.0` are the same number."""

    path: JsonPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """Times at the path may be so many seconds apart: ISO 8601 text, or an epoch in s, ms, us or ns."""

    path: JsonPath
    seconds: float

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < float("inf"):
            raise ValueError(f"{self.seconds} is no number of seconds; write 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Uuid:
    """Any UUID at the path is as good as any other."""

    path: JsonPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Lower:
    """The case of letters at the path does not matter."""

    path: JsonPath


@dataclass(frozen=True, slots=True, kw_only=True)
class MapValues:
    """At the path, each first value means the same as its second."""

    path: JsonPath
    pairs: tuple[tuple[Json, Json], ...]
    """Of null, booleans, numbers and strings; a second value is no pair's first."""

    def __post_init__(self) -> None:
        for old, new in self.pairs:
            if isinstance(old, list | dict) or isinstance(new, list | dict):
                raise ValueError(_NOT_MAPPED)  # noqa: TRY004 -- because it is the operator's text that is wrong
            if any(is_same(new, other) for other, _ in self.pairs):
                raise ValueError(f"`{new!s}` is mapped to and mapped again; map each straight to its last meaning")


Rule: TypeAlias = Ignore | Unordered | Round | Numeric | Within | Uuid | Lower | MapValues


class Token(str):
    """What stands for every value that a rule holds to be the same; no JSON text makes one."""

    __slots__ = ()


IGNORED = Token("ignored")
_ANY_UUID = Token("uuid")


def is_same(one: Json, other: Json) -> bool:
    """Return whether two values that are no containers are the same, types kept apart."""
    return type(one) is type(other) and one == other


def are_alike(one: Json, other: Json, rules: tuple[Rule, ...]) -> bool:
    """Return whether the rules of a place hold two values, no containers, for the same."""
    if len(rules) == 1 and not isinstance(rules[0], Within):
        # Because most places have one rule, and many have values to judge.
        return is_same(_settled(one, rules[0]), _settled(other, rules[0]))
    return (
        any(_is_excused(one, other, rule) for rule in rules)
        or is_same(settle(one, rules), settle(other, rules))
    )  # fmt: skip


def settle(value: Json, rules: tuple[Rule, ...]) -> Json:
    """Return what the rules of its place make of a value that is no container; a Token where they say it is any."""
    value = _mapped(value, rules)
    if isinstance(value, Token):
        return value
    for rule in rules:
        if isinstance(rule, Ignore):
            return IGNORED
        if not isinstance(rule, MapValues | Uuid):
            value = _settled(value, rule)
    value = _mapped(value, rules)
    return _ANY_UUID if any(type(rule) is Uuid for rule in rules) and _is_uuid(value) else value


def seconds_of(value: Json) -> float | None:
    """Return the time that a value tells, in seconds since 1970; None if it tells none."""
    if type(value) is str:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        # Because a time without a zone is compared with another of its kind, any zone will do.
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH).total_seconds()
    if type(value) is not int and type(value) is not Decimal:
        return None
    number = Decimal(value)
    if not -30 < number.adjusted() < 30:
        return None
    parts = next((parts for size, parts in _EPOCH_UNITS if abs(number) >= size), 1)
    return float(number / parts)


def _is_excused(one: Json, other: Json, rule: Rule) -> bool:
    if isinstance(rule, Within):
        if type(one) is not type(other):
            return False
        first, second = seconds_of(one), seconds_of(other)
        return first is not None and second is not None and abs(first - second) <= rule.seconds
    return is_same(_settled(one, rule), _settled(other, rule))


def _settled(value: Json, rule: Rule) -> Json:
    """Return what one rule alone makes of a value."""
    if isinstance(rule, Lower):
        return value.lower() if type(value) is str else value
    if isinstance(rule, Numeric):
        return Decimal(value) if type(value) is int else value
    if isinstance(rule, Round):
        return _rounded(value, rule.digits)
    if isinstance(rule, Uuid):
        return _ANY_UUID if _is_uuid(value) else value
    if isinstance(rule, MapValues):
        return _mapped(value, (rule,))
    return IGNORED if isinstance(rule, Ignore) else value


def _is_uuid(value: Json) -> bool:
    return type(value) is str and _UUID.fullmatch(value) is not None


def _mapped(value: Json, rules: tuple[Rule, ...]) -> Json:
    for rule in rules:
        if type(rule) is MapValues:
            for old, new in rule.pairs:
                if is_same(value, old) or is_same(value, new):
                    return Token(f"{type(new).__name__} {new!s}")
    return value


def _rounded(value: Json, digits: int) -> Json:
    if type(value) is int:
        return Decimal(value)
    if type(value) is not Decimal:
        return value
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent >= -digits:
        return value
    # Because the digits before the point are all in the text, the precision is bounded by its length.
    context = Context(
        prec=max(value.adjusted(), 0) + digits + 2, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX
    )
    rounded = value.quantize(Decimal(1).scaleb(-digits), context=context)
    return rounded or abs(rounded)
