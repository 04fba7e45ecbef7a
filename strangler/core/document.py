"""Documents: JSON text read so that nothing that makes two texts different is lost.

Integers and other numbers are kept apart and exact, a member's name that stands twice is kept as often as it stands.

What is to be compared is read with its numbers as they are written, as bytes. Because no other value is bytes, Python's
own `==` then never takes two values of different types for equal, and answers for a whole document in no time. NaN and
Infinity are no JSON (RFC 8259), but many servers write them, so they are read as themselves there, and nowhere else.
"""

import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import cast

from strangler.core.comparison import Json

_MAX_DIGITS = 4_000
"""Digits of an int; Python refuses to read more than 4,300, because the time grows with their square."""


class Repeated(dict[str, Json]):
    """An object with a name that stands more than once; as a dict it has the last, as most parsers do."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Json]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs

    def __eq__(self, other: object) -> bool:
        """Return whether the same stands in the same order; what else is equal, a walk has to find."""
        return isinstance(other, Repeated) and self.pairs == other.pairs

    def __ne__(self, other: object) -> bool:
        """Return the opposite; dict has one of its own."""
        return not self == other

    __hash__ = None

    def under(self, name: str) -> list[Json]:
        """Return every value that stands under a name, in order."""
        return [value for other, value in self.pairs if other == name]


class HugeNumber(str):
    """A number that is kept as its text, because Python can hold it only at a cost or not at all, as NaN."""

    __slots__ = ()


def parse_json(text: str) -> Json:
    """Return what a JSON text says; raise ValueError if it is not one, RecursionError if it is nested too deep."""
    try:
        return cast("Json", _QUICK(text))
    except json.JSONDecodeError:
        raise
    except (ValueError, InvalidOperation):
        # Because only the rare number that does not fit, and NaN, are worth looking at one by one.
        return cast("Json", _CAREFUL(text))


def read_json(text: str) -> Json:
    """Return what a JSON text says, its numbers, NaN and Infinity as they are written; raise as `parse_json` does."""
    return cast("Json", _AS_WRITTEN(text))


def exact(value: Json) -> Json:
    """Return a number that was read as it is written as the number that it is; all else as it came."""
    if type(value) is not bytes:
        return value
    if value.isdigit() and len(value) <= _MAX_DIGITS:
        return int(value)
    text = value.decode("ascii")
    if not text[-1].isdigit():
        # NaN and Infinity, of which Decimal would not hold the first for equal to itself.
        return HugeNumber(text)
    return _integer(text) if text.lstrip("-").isdigit() else _real(text)


def type_name(value: Json) -> str:
    """Return what JSON calls the type of a value, integers and other numbers apart."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case Decimal():
            return "number"
        case HugeNumber():
            return "huge number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def dump_json(value: Json) -> str:
    """Return a JSON text that says the same, on one line, names in the order of the document."""
    match value:
        case HugeNumber() | Decimal():
            return str(value)
        case bytes():
            return value.decode("ascii")
        case list():
            return "[" + ", ".join(map(dump_json, value)) + "]"
        case dict():
            pairs = value.pairs if isinstance(value, Repeated) else value.items()
            return "{" + ", ".join(f"{json.dumps(name)}: {dump_json(inner)}" for name, inner in pairs) + "}"
        case _:
            return json.dumps(value)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Repeated(pairs)


def _no_number(text: str) -> Json:
    raise ValueError(f"{text} is not JSON")


def _integer(text: str) -> int | HugeNumber:
    return int(text) if len(text) <= _MAX_DIGITS else HugeNumber(text)


def _real(text: str) -> Decimal | HugeNumber:
    try:
        return Decimal(text)
    except InvalidOperation:
        return HugeNumber(text)


def _reader(
    integer: Callable[[str], object], real: Callable[[str], object], constant: Callable[[str], object] = _no_number
) -> Callable[[str], object]:
    return json.JSONDecoder(
        object_pairs_hook=_object, parse_int=integer, parse_float=real, parse_constant=constant
    ).decode


_QUICK = _reader(int, Decimal)
_CAREFUL = _reader(_integer, _real)
_AS_WRITTEN = _reader(str.encode, str.encode, str.encode)
