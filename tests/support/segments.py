"""Segments: how bytes are cut on their way, so that every wire test runs with each.

TCP promises the order of bytes and nothing about where a read ends. So what clients send and what backends answer is
delivered whole, one byte at a time, and cut at random; the promise of a test must hold for all three.
"""

import asyncio
from enum import StrEnum
from itertools import pairwise
from random import Random
from zlib import crc32

import pytest

MAX_PIECES = 512
"""Because a big body would take minutes, only its ends are cut finely."""
_FINE = MAX_PIECES // 2 - 8
"""Bytes at each end of a long message that are cut one by one."""


class Cut(StrEnum):
    """The ways of cutting."""

    WHOLE = "whole"
    BYTES = "bytes"
    RANDOM = "random"


class _Current:
    """What the test that runs has asked for; tests run one at a time."""

    cut = Cut.WHOLE
    random = Random(0)


def pieces(data: bytes) -> list[bytes]:
    """Return the data cut in the way of the test that runs, in at most MAX_PIECES pieces."""
    match _Current.cut:
        case Cut.WHOLE:
            return [data]
        case Cut.BYTES:
            return _at(data, _fine(len(data)))
        case Cut.RANDOM:
            return _at(data, _random(len(data), _Current.random))


async def deliver(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write the data in its pieces, and let the other end read each before the next is written."""
    first, *others = pieces(data)
    writer.write(first)
    await writer.drain()
    for piece in others:
        # Because uvloop writes at the end of a turn and reads at the start of the next.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if writer.is_closing():
            return
        try:
            writer.write(piece)
            await writer.drain()
        except ConnectionError:
            # Because the other end had enough; in one packet, the rest would be lost the same.
            return


def _at(data: bytes, positions: list[int]) -> list[bytes]:
    return [data[start:end] for start, end in pairwise([0, *positions, len(data)])]


def _fine(length: int) -> list[int]:
    if length <= MAX_PIECES:
        return list(range(1, length))
    return [
        *range(1, _FINE),
        *range(_FINE, length - _FINE, max(1, (length - 2 * _FINE) // 8)),
        *range(length - _FINE, length),
    ]


def _random(length: int, random: Random) -> list[int]:
    if length < 2:
        return []
    return sorted(random.sample(range(1, length), min(length - 1, random.randint(1, 24))))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of the folder once for each way of cutting; `@pytest.mark.whole` is for those that send nothing."""
    if "segments" in metafunc.fixturenames:
        is_whole = metafunc.definition.get_closest_marker("whole") is not None
        metafunc.parametrize("segments", [Cut.WHOLE] if is_whole else list(Cut), indirect=True, ids=str)


@pytest.fixture(autouse=True)
def segments(request: pytest.FixtureRequest) -> Cut:
    """The way of cutting; chance is seeded by the test's name, so that a failure comes again."""
    _Current.cut = getattr(request, "param", Cut.WHOLE)
    _Current.random = Random(crc32(request.node.nodeid.encode()))
    return _Current.cut
