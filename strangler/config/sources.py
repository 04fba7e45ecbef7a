"""Where in a request a value is read, as people write it: `header X-User-Id`."""

import re

from strangler.config.reading import nearest, show
from strangler.config.units import Wrong
from strangler.core.model import Source, SourceKind

DEFAULT_COOKIE = "strangler_id"
"""The name of the assigned cookie unless the file gives another."""

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
"""What a header or a cookie may be called (RFC 9110 section 5.6.2)."""

SOURCE_WORDS = "Write one of: header NAME, jwt CLAIM, cookie NAME, query NAME, ip, assigned NAME"


def source(text: str) -> Source | Wrong:
    """Return the source; header names become lower case."""
    words = text.split()
    kinds = {kind.value: kind for kind in SourceKind}
    if not words or words[0] not in kinds:
        word = words[0] if words else ""
        hint = nearest(word, tuple(kinds)) if word else ""
        remedy = hint if hint.startswith("Did") else SOURCE_WORDS
        return Wrong(message=f"{show(text)} is not a place in a request", remedy=remedy)
    return _named(kinds[words[0]], words[1:], text)


def _named(kind: SourceKind, names: list[str], text: str) -> Source | Wrong:
    if len(names) > 1:
        return Wrong(message=f"{show(text)} names more than one", remedy="List them one by one")
    name = names[0] if names else ""
    match kind:
        case SourceKind.IP:
            if name:
                return Wrong(message=f"{show(text)} names something after `ip`", remedy="Write `ip` alone")
            return Source(kind=kind)
        case SourceKind.ASSIGNED:
            return _token(kind, DEFAULT_COOKIE if name in ("", "cookie") else name)
        case SourceKind.HEADER:
            return _token(kind, name.lower())
        case SourceKind.COOKIE:
            return _token(kind, name)
        case SourceKind.JWT | SourceKind.QUERY:
            if not name or len(name) > 128 or not name.isprintable():
                return Wrong(message=f"{show(text)} has no usable name", remedy=f"Write `{kind.value} NAME`")
            return Source(kind=kind, name=name)


def _token(kind: SourceKind, name: str) -> Source | Wrong:
    if not name:
        return Wrong(message=f"`{kind.value}` has no name", remedy=f"Write `{kind.value} NAME`")
    if not TOKEN.fullmatch(name):
        message = f"{show(name)} cannot be the name of a {'header' if kind is SourceKind.HEADER else 'cookie'}"
        return Wrong(message=message, remedy="Use letters, digits and - _ .")
    return Source(kind=kind, name=name)
