"""Grouping: the place of a difference without what tells one document from the next."""

import re

from strangler.core.comparison import Difference, Kind, Place
from strangler.core.jsonpath import print_place
from strangler.core.secrets import mask_text

GroupKey = tuple[str, str]
"""A place without its indexes, and a kind."""

MAX_PLACE = 512
"""Characters of a printed place; a document may have names of any length."""

_ID = re.compile(
    r"[0-9]+|[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|(?=[^0-9]*[0-9])[0-9a-f]{12,}"
    r"|(?=\D*\d)(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9_-]{20,}|[^@\s]+@[^@\s]+",
    re.IGNORECASE,
)
"""Names that say which, not what: numbers, UUIDs, long hexadecimal, long mixes of letters and digits, addresses."""


def is_id(name: str) -> bool:
    """Return whether a name says which, not what: a number, a UUID, a long mix of letters and digits, an address."""
    return _ID.fullmatch(name) is not None


def general_place(place: Place) -> str:
    """Return a place with `[*]` for its indexes and for names that are ids."""
    text = "".join(
        "[*]" if isinstance(key, int) or is_id(key) else print_place((key,)).removeprefix("$") for key in place
    )
    # Because JSON may escape half of a surrogate pair, which no encoding can write.
    text = text[: MAX_PLACE + 1].encode("utf-8", "backslashreplace").decode("utf-8")
    return "$" + (text if len(text) <= MAX_PLACE else text[:MAX_PLACE] + "...")


def group_key(difference: Difference) -> GroupKey:
    """Return which group a difference belongs to."""
    match difference.kind:
        case Kind.STATUS:
            return "status", difference.kind.value
        case Kind.HEADER:
            return f"header {difference.place[0]}", difference.kind.value
        case _:
            # Because a member's name may be somebody's card or address.
            return printable(mask_text(general_place(difference.place), _named)), difference.kind.value


def printable(text: str) -> str:
    """Return text that has an encoding: JSON may write half a surrogate pair, which has none."""
    return text.encode("utf-8", "backslashreplace").decode()


def _named(what: str, _: str) -> str:
    return f"[{what}]"
