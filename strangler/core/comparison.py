"""Comparisons: what came of holding the shadow's answer beside the primary's, as values."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

Json: TypeAlias = "bool | int | Decimal | bytes | str | list[Json] | dict[str, Json] | None"
"""A JSON value whose numbers are exact: an integer is an int, every other number a Decimal, or any number is still the
bytes that it is written with (core.document)."""

Place: TypeAlias = tuple[str | int, ...]
"""Where in a document: member names and indexes from the root."""

MAX_DIFFERENCES = 50
"""Differences kept of one comparison; one change in every element of a long list would say the same over and over."""
MAX_DEPTH = 100
"""Levels at which a difference is looked for. Precedent: Jackson and Rust's serde_json stop at 1,000 and 128."""


class Result(StrEnum):
    """How a comparison ended."""

    EQUAL = "equal"
    IGNORED = "ignored"
    """Different, but only where the route's rules say that it does not matter."""
    DIFFERENT = "different"
    NOT_COMPARABLE = "not_comparable"


class Obstacle(StrEnum):
    """Why two answers could not be compared."""

    ENCODING = "encoding"
    """A content coding that is none of gzip, deflate, br and zstd, or too many of them."""
    CORRUPT = "corrupt"
    """The content coding cannot be undone: the bytes are not what it says."""
    TOO_LARGE = "too_large"
    """Larger than the bound once its coding is undone, or than the comparer has room for once it is read."""
    TOO_DEEP = "too_deep"
    INVALID_JSON = "invalid_json"
    """On both sides, with different bytes."""
    CHARSET = "charset"
    """Text whose bytes are not of the character set that it names, or of one that is unknown."""


class Kind(StrEnum):
    """What is different at a place. Missing and extra are told from the shadow: it lacks, or has, what the primary
    has, or lacks."""

    STATUS = "status"
    HEADER = "header"
    MISSING = "missing"
    EXTRA = "extra"
    TYPE = "type"
    VALUE = "value"
    ORDER = "order"
    """The same elements in another order."""
    LENGTH = "length"
    """Lists, texts or bodies of different length."""
    DUPLICATE = "duplicate"
    """A member's name stands more often on one side than on the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference. Its values are raw: they are redacted before anything keeps them."""

    kind: Kind
    place: Place = ()
    """In the body; the header's name for a header."""
    primary: Json = None
    """The value there, or what is told of it: a length, a type's name. None where there is none."""
    shadow: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The result, and what it rests on."""

    result: Result
    differences: tuple[Difference, ...] = ()
    """What counts, at most MAX_DIFFERENCES; empty unless the result is `different`."""
    ignored: tuple[Difference, ...] = ()
    """Raw differences that rules explain, bounded alike; only of a result that is `ignored`."""
    is_cut: bool = False
    """Whether there were more differences than were kept."""
    obstacle: Obstacle | None = None
    """Why it is not comparable."""
