"""Readings: what else a server may take a path for.

Servers do not agree on what a path's odd spellings mean: one takes `%2F` for a slash, another keeps it in its segment;
one drops `;...`, another does not. The normal form is one reading, RFC 3986's. A path that is one route's in one
reading and another's in the next is what someone sends who wishes to be decided by one route and served by another.
"""

import re
from itertools import product

from strangler.core.normalise import normal, path_of, resolved, respelled

_ODD = re.compile(rb"[%;\\]|//|/\.")
_RAW = re.compile(rb"%[0-9A-Fa-f]{2}|[^!-~]")
_UNDONE = {"%2F": "/", "%3B": ";", "%5C": "\\"}
_BAD = re.compile(rb"%(?:00|[cC][01]%[89abAB]|(?![0-9A-Fa-f]{2}))")
"""An encoded NUL, which ends a C string; an overlong UTF-8 form of an ASCII character; a `%` that begins no escape."""
_SEPARATOR = re.compile(rb"[/\\]|%2[fF]|%5[cC]")
_MAX_SEPARATORS = 128
"""Twice the segments of the deepest template; more would let one request cost as much as hundreds."""


def is_bad(target: bytes) -> bool:
    """Return whether a target's path has escapes that no strict server takes."""
    return _BAD.search(path_of(target)) is not None


def is_odd(target: bytes) -> bool:
    """Return whether a target's path may be read in more than one way."""
    return _ODD.search(path_of(target)) is not None


def is_deep(target: bytes) -> bool:
    """Return whether a target's path has too many segments to be read in each way that there is."""
    return len(_SEPARATOR.findall(path_of(target))) > _MAX_SEPARATORS


def others(target: bytes) -> frozenset[str]:
    """Return what a path may be to servers that read it otherwise; its normal form is not among them.

    They differ in which escapes they undo (none, those of plain characters, all), whether a backslash is a slash,
    whether `;...` goes, whether slashes that follow each other are one, and whether dot segments are resolved.
    """
    path = path_of(target)
    raw = _RAW.sub(_upper, path).decode("ascii")
    plain = respelled(path)
    undone = plain
    for escape, character in _UNDONE.items():
        undone = undone.replace(escape, character)
    spellings = {raw, plain, undone}
    spellings |= {text.replace("%5C", "/").replace("\\", "/") for text in spellings}
    found: set[str] = set()
    for text in spellings:
        found |= _read(text.replace("\\", "%5C"))
    return frozenset(found - {normal(target)})


def _read(text: str) -> set[str]:
    """Return the paths that a spelling may be once its escapes are settled."""
    found: set[str] = set()
    ways = (True, False)
    for drops, merges, resolves in product(ways, ways if "//" in text else (True,), ways if "/." in text else (True,)):
        segments = text.split("/")[1:]
        if ";" in text:
            segments = [part.partition(";")[0] if drops else part.replace(";", "%3B") for part in segments]
        if merges:
            segments = [part for part in segments[:-1] if part] + segments[-1:]
        if not resolves:
            found.add("/" + "/".join(segments))
        elif merges or "" not in segments[:-1]:
            found.add(resolved(segments))
        else:
            found.add(_resolved_as_they_are(segments))
    return found


def _resolved_as_they_are(segments: list[str]) -> str:
    """Return the path with dot segments resolved where an empty segment is one like others (RFC 3986 section 5.2.4)."""
    kept: list[str] = []
    for index, name in enumerate(segments):
        if name == "..":
            del kept[-1:]
        elif name != ".":
            kept.append(name)
        if index == len(segments) - 1 and name in (".", ".."):
            kept.append("")
    return "/" + "/".join(kept)


def _upper(match: re.Match[bytes]) -> bytes:
    found = match[0]
    return found.upper() if found[:1] == b"%" else b"%%%02X" % found[0]
