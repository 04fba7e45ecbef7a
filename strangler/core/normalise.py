"""Normalising: the one form of a path that routes are matched on.

What is forwarded are the client's bytes; only matching uses this form. It undoes what servers commonly undo before
they look a path up, so that no spelling of a path slips past the route that is meant for it.
"""

import re

_LITERAL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@")
"""What a segment is made of as it is (RFC 3986 section 3.3), but for `;`, which begins its parameters."""
_PLAIN = bytes(_LITERAL - frozenset(b".")) + b"/"
"""A path of these is in normal form already, unless slashes are repeated."""
_OTHER = re.compile(rb"%([0-9A-Fa-f]{2})?|[^/;%" + re.escape(bytes(_LITERAL)) + rb"]")


def path_of(target: bytes) -> bytes:
    """Return the path part of an origin-form target, as it was sent."""
    return target.partition(b"?")[0]


def normal(target: bytes) -> str:
    """Return the normal form of a target's path; `*` stays as it is, and a second call changes nothing.

    In this order: the query goes; every byte of a segment gets one spelling, which is itself if it may stand in a
    segment and an escape in upper case otherwise (RFC 3986 section 6.2.2), so that `%41` and `%3A` are `A` and `:`, and
    `%2F` and `%3B` stay inside their segment; path parameters (`;...`) go; runs of slashes become one; dot segments are
    resolved (section 5.2.4). A slash at the end, and upper and lower case, keep their meaning.
    """
    if not target.translate(None, _PLAIN) and b"//" not in target:
        return target.decode("ascii")
    path = respelled(path_of(target))
    if not path.startswith("/"):
        return path
    return resolved([segment.partition(";")[0] for segment in path.split("/")])


def respelled(path: bytes) -> str:
    """Return a path in which every byte of a segment has one spelling."""
    return _OTHER.sub(_respell, path).decode("ascii")


def resolved(segments: list[str]) -> str:
    """Return the path of segments without empty ones and dot segments; a slash at the end stays."""
    kept: list[str] = []
    last = len(segments) - 1
    for index, name in enumerate(segments):
        if name == "..":
            if kept:
                kept.pop()
        elif name not in (".", ""):
            kept.append(name)
        if index == last and name in ("", ".", "..") and kept:
            kept.append("")
    return "/" + "/".join(kept)


def _respell(match: re.Match[bytes]) -> bytes:
    if match[1] is not None:
        byte = int(match[1], 16)
        return bytes((byte,)) if byte in _LITERAL else b"%%%02X" % byte
    # Because a `%` that begins no escape is a byte like others, it cannot join what follows into one.
    return b"%%%02X" % match[0][0]
