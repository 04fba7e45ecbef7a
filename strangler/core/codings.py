"""Content codings undone (RFC 9110 section 8.4.1), with a bound on what comes out and on the work."""

import zlib
from collections.abc import Callable, Mapping

MAX_MEMBERS = 1_000
"""Of a gzip file. What `gzip -k a b | cat` and parallel packers make has a few; each costs as much as a short body."""
_PIECE = 65_536
"""Bytes that are given to zlib at a time, because what it leaves of them is copied."""


class Corrupt(ValueError):  # noqa: N818 -- because it is an answer, not an error.
    """The bytes are not what the coding says."""


class TooLarge(ValueError):  # noqa: N818 -- because it is an answer, not an error.
    """More would come out than may."""


def unpack(body: bytes, coding: str, most: int) -> bytes:
    """Return what a body of one of CODINGS holds, at most `most` bytes; raise Corrupt or TooLarge."""
    return CODINGS[coding](body, most)


def _gunzip(body: bytes, most: int) -> bytes:
    """Return what all members of a gzip file hold (RFC 1952 section 2.2); zeros may follow them."""
    parts: list[bytes] = []
    at = 0
    for _ in range(MAX_MEMBERS):
        part, at = _stream(body, at, 31, most)
        parts.append(part)
        most -= len(part)
        if at == len(body) or (body[at] == 0 and not body[at:].strip(b"\0")):
            return b"".join(parts)
    raise TooLarge


def _inflate(body: bytes, most: int) -> bytes:
    """Return what a deflate body holds: zlib's format, or bare, as some servers send it (RFC 9110 section 8.4.1.2)."""
    try:
        part, end = _stream(body, 0, 15, most)
    except Corrupt:
        part, end = _stream(body, 0, -15, most)
    if end < len(body):
        raise Corrupt
    return part


def _stream(body: bytes, at: int, window: int, most: int) -> tuple[bytes, int]:
    """Return what one stream that begins at a place holds, and where it ends."""
    machine = zlib.decompressobj(window)
    view, parts = memoryview(body), []
    while not machine.eof:
        piece = view[at : at + _PIECE]
        if not piece:
            raise Corrupt
        try:
            part = machine.decompress(piece, most + 1)
        except zlib.error as error:
            raise Corrupt from error
        most -= len(part)
        if most < 0:
            raise TooLarge
        parts.append(part)
        at += len(piece) - len(machine.unused_data)
    return b"".join(parts), at


CODINGS: Mapping[str, Callable[[bytes, int], bytes]] = {"gzip": _gunzip, "x-gzip": _gunzip, "deflate": _inflate}
"""What can be undone, lower case."""
