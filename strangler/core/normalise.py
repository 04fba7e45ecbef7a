"""Normalising: the one form of a path that routes are matched on.

What is forwarded are the client's bytes; only matching uses this form. It undoes what servers commonly undo before
they look a path up, so that no spelling of a path slips past the route that is meant for it.
"""

import re
from urllib.parse import quote_from_bytes

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PLAIN = bytes(_UNRESERVED - frozenset(b".")) + b"/"
"""A path of these is in normal form already, unless slashes are repeated."""
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_NON_ASCII = re.compile(rb"[\x80-\xff]")


def path_of(target: bytes) -> bytes:
    """Return the path part of an origin-form target, as it was sent."""
    return target.partition(b"?")[0]


def normal(target: bytes) -> str:
    """Return the normal form of a target's path; `*` stays as it is, and a second call changes nothing.

    In this order: the query goes; escapes of unreserved characters are decoded and other escapes written in upper
    case (RFC 3986 section 6.2.2), so that `%2F` stays inside its segment; path parameters (`;...`) go; runs of
    slashes become one; dot segments are resolved (section 5.2.4). A slash at the end, and upper and lower case,
    keep their meaning.
    """
    if not target.translate(None, _PLAIN) and b"//" not in target:
        return target.decode("ascii")
    path = target.partition(b"?")[0]
    path = _NON_ASCII.sub(lambda byte: quote_from_bytes(byte[0]).encode("ascii"), path)
    path = _ESCAPE.sub(_unescape, path)
    if not path.startswith(b"/"):
        return path.decode("ascii")
    kept: list[str] = []
    segments = path.decode("ascii").split("/")
    last = len(segments) - 1
    for index, segment in enumerate(segments):
        name = segment.partition(";")[0]
        if name == "..":
            if kept:
                kept.pop()
        elif name not in (".", ""):
            kept.append(name)
        if index == last and name in ("", ".", "..") and kept:
            kept.append("")
    return "/" + "/".join(kept)


def _unescape(match: re.Match[bytes]) -> bytes:
    byte = int(match[1], 16)
    return bytes((byte,)) if byte in _UNRESERVED else b"%%%02X" % byte
