"""Segments: which parts of a path are values and not names, by how they are spelled, and what stands for them.

A placeholder is in braces, which no path in normal form has, so it cannot be taken for a segment that was sent. What is
no value by its spelling (a slug, a name) is found by how many there are; see `endpoints`.
"""

import re
from collections.abc import Set
from enum import StrEnum

MAX_DEPTH = 16
"""Segments that are told apart; what is deeper is one placeholder. Routes rarely have more than eight."""
MAX_NAME = 64
"""Characters of a segment that may be a name; a longer one is a value."""
REST = "{rest...}"
"""Stands for all that is deeper."""


class Kind(StrEnum):
    """What a value looks like."""

    NUMBER = "number"
    DATE = "date"
    UUID = "uuid"
    ULID = "ulid"
    HASH = "hash"
    """Sixteen hexadecimal digits or more, as of a digest or an ObjectId."""
    CODE = "code"
    """Letters and many digits, such as `INV-2024-0017` or `cus_9s6XKzkNRiz8i3`."""
    EMAIL = "email"
    FILE = "file"
    """A value with an extension, such as `10042.pdf`."""
    TEXT = "text"
    """Too long for a name, or with escapes."""
    NAME = "name"
    """One of too many words at its place; never found by spelling."""


PLACEHOLDERS = {f"{{{kind}}}": kind for kind in Kind}
"""What each placeholder stands for."""
PLACEHOLDERS_OF = {kind: text for text, kind in PLACEHOLDERS.items()}

IDENTIFIERS = frozenset({Kind.NUMBER, Kind.UUID, Kind.ULID, Kind.HASH, Kind.CODE})

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
_DATE = re.compile(r"\d{4}-\d{2}(?:-\d{2}(?:T[\d:.]+(?:Z|[-+]\d{2}:?\d{2})?)?)?|\d{4}-W\d{2}|\d{4}-Q[1-4]")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_HASH = re.compile(r"[0-9a-f]{16,}|[0-9A-F]{16,}")
_CODE = re.compile(r"[A-Za-z0-9_~=.+:-]*")
_FILE = re.compile(r"(.+)\.[A-Za-z][A-Za-z0-9]{0,4}")


def kind_of(segment: str) -> Kind | None:
    """Return what a segment of a path in normal form is if its spelling says that it is a value; None for a name."""
    # Because most segments are words, they are told by the cheapest look there is.
    if segment.isalpha() and len(segment) <= MAX_NAME:
        return None
    if "@" in segment[1:-1]:
        return Kind.EMAIL
    if "%" in segment:
        return Kind.TEXT
    if (file := _FILE.fullmatch(segment)) is not None and _spelled(file[1]) is not None:
        return Kind.FILE
    return _spelled(segment) or (Kind.TEXT if len(segment) > MAX_NAME else None)


def redact(path: str, names: Set[str]) -> str:
    """Return a path in normal form with a placeholder for each value; what is in `names` stays as it is."""
    if not path.startswith("/"):
        return path if path == "*" else "/" + PLACEHOLDERS_OF[Kind.TEXT]
    segments = path[1:].split("/", MAX_DEPTH)
    if len(segments) > MAX_DEPTH:
        segments[-1] = REST
    return "/" + "/".join(
        segment if segment in names or segment is REST or (kind := kind_of(segment)) is None else PLACEHOLDERS_OF[kind]
        for segment in segments
    )


def _spelled(text: str) -> Kind | None:
    if _NUMBER.fullmatch(text):
        return Kind.NUMBER
    if _DATE.fullmatch(text):
        return Kind.DATE
    if _UUID.fullmatch(text):
        return Kind.UUID
    if _ULID.fullmatch(text):
        return Kind.ULID
    if _HASH.fullmatch(text):
        return Kind.HASH
    return Kind.CODE if _is_code(text) else None


def _is_code(text: str) -> bool:
    """Return whether letters and digits are mixed as in no word: `oauth2`, `v1.10` and `order-17` are words."""
    digits = sum(character.isdigit() for character in text)
    if not digits or not _CODE.fullmatch(text):
        return False
    has_case = text != text.lower() and text != text.upper()
    has_mark = any(mark in text for mark in "-_")
    return digits >= 5 or (digits >= 3 and has_mark) or (digits >= 2 and len(text) >= 10 and has_case)
