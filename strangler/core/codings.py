"""Content codings undone (RFC 9110 section 8.4.1), with a bound on what comes out and on the work."""

import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

import brotli
import zstandard

MAX_MEMBERS = 1_000
"""Of a gzip file, and frames of zstd. What parallel packers make has a few; each costs as much as a short body."""
_PIECE = 65_536
"""Bytes that are given to zlib at a time, because what it leaves of them is copied."""
_ZSTD_PIECE = 256
"""Bytes that are given to zstd at a time. Because it gives all that comes of them, which is 8 MiB at most: 128 KiB for
four bytes (RFC 8878 section 3.1.1.2.3)."""
_ZSTD_HEAD = 18
"""Bytes of a frame's head at most."""
_ZSTD_WINDOW = 8 * 1024 * 1024
"""Bytes of memory that a frame may ask for. RFC 9659: the most that an answer may."""


class Corrupt(ValueError):  # noqa: N818 -- because it is an answer, not an error.
    """The bytes are not what the coding says."""


class TooLarge(ValueError):  # noqa: N818 -- because it is an answer, not an error.
    """More would come out than may."""


def unpack(body: bytes, coding: str, most: int) -> bytes:
    """Return what a body of one of CODINGS holds, at most `most` bytes; raise Corrupt or TooLarge."""
    return CODINGS[coding](body, most)


def _gunzip(body: bytes, most: int) -> bytes:
    """Return what all members of a gzip file hold (RFC 1952 section 2.2); zeros may follow them."""
    return _members(body, most, lambda at, left: _stream(body, at, 31, left), b"\0")


def _inflate(body: bytes, most: int) -> bytes:
    """Return what a deflate body holds: zlib's format, or bare, as some servers send it (RFC 9110 section 8.4.1.2)."""
    try:
        part, end = _stream(body, 0, 15, most)
    except Corrupt:
        part, end = _stream(body, 0, -15, most)
    if end < len(body):
        raise Corrupt
    return part


def _unzstd(body: bytes, most: int) -> bytes:
    """Return what all frames of a zstd body hold (RFC 8878 section 3.1)."""
    return _members(body, most, lambda at, left: _frame(body, at, left))


def _unbrotli(body: bytes, most: int) -> bytes:
    """Return what a brotli body holds (RFC 7932)."""
    machine = brotli.Decompressor()
    parts: list[bytes] = []
    while not machine.is_finished():
        if parts and machine.can_accept_more_data():
            # Because all of the body was taken, and no end of it has come.
            raise Corrupt
        try:
            part = machine.process(b"" if parts else body, output_buffer_limit=most + 1)
        except brotli.error as error:
            raise Corrupt from error
        most -= len(part)
        if most < 0:
            raise TooLarge
        parts.append(part)
    return b"".join(parts)


def _members(body: bytes, most: int, member: Callable[[int, int], tuple[bytes, int]], padding: bytes = b"") -> bytes:
    parts: list[bytes] = []
    at = 0
    for _ in range(MAX_MEMBERS):
        part, at = member(at, most)
        parts.append(part)
        most -= len(part)
        if at == len(body) or (body[at : at + 1] == padding and not body[at:].strip(padding)):
            return b"".join(parts)
    raise TooLarge


def _stream(body: bytes, at: int, window: int, most: int) -> tuple[bytes, int]:
    """Return what one stream of zlib's that begins at a place holds, and where it ends."""
    machine = zlib.decompressobj(window)
    return _read(body, at, most, _PIECE, machine, machine.decompress)


def _frame(body: bytes, at: int, most: int) -> tuple[bytes, int]:
    """Return what one frame of zstd's that begins at a place holds, and where it ends."""
    try:
        wanted = zstandard.get_frame_parameters(body[at : at + _ZSTD_HEAD]).window_size
    except zstandard.ZstdError as error:
        raise Corrupt from error
    if wanted > _ZSTD_WINDOW:
        raise TooLarge
    machine = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
    return _read(body, at, most, _ZSTD_PIECE, machine, lambda piece, _: machine.decompress(piece))


class _Machine(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


def _read(
    body: bytes, at: int, most: int, size: int, machine: _Machine, take: Callable[[memoryview, int], bytes]
) -> tuple[bytes, int]:
    """Return what comes of a machine that is given pieces of a body until it says that it has had all of its own."""
    view, parts = memoryview(body), []
    while not machine.eof:
        piece = view[at : at + size]
        if not piece:
            raise Corrupt
        try:
            part = take(piece, most + 1)
        except (zlib.error, zstandard.ZstdError) as error:
            raise Corrupt from error
        most -= len(part)
        if most < 0:
            raise TooLarge
        parts.append(part)
        at += len(piece) - len(machine.unused_data)
    return b"".join(parts), at


CODINGS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
"""What can be undone, lower case."""
