"""The cutting itself: the proxy's end really reads the pieces, and no byte is lost or out of order."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.segments import MAX_PIECES, Cut, deliver, pieces


class _Reads(asyncio.Protocol):
    def __init__(self) -> None:
        self.reads: list[bytes] = []
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.reads.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()


@pytest.mark.parametrize("length", [1, 2, 120, 100_000])
async def test_the_other_end_reads_what_was_sent_in_the_way_of_the_test(segments: Cut, length: int) -> None:
    reads = _Reads()
    server = await asyncio.get_running_loop().create_server(lambda: reads, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    sent = bytes(i % 251 for i in range(length))

    await deliver(writer, sent)
    writer.close()
    await asyncio.wait_for(reads.ended.wait(), 10)
    server.close()

    assert b"".join(reads.reads) == sent
    if segments is Cut.BYTES and length == 120:
        assert len(reads.reads) > 100
    if segments is Cut.RANDOM and length == 120:
        assert len({len(read) for read in reads.reads}) > 1


@given(data=st.binary(max_size=3_000))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_pieces_are_the_data_and_their_number_is_bounded(segments: Cut, data: bytes) -> None:
    cut = pieces(data)

    assert b"".join(cut) == data
    assert len(cut) <= MAX_PIECES
    assert all(cut) or not data
    if segments is Cut.BYTES and len(data) <= MAX_PIECES:
        assert [len(piece) for piece in cut] == [1] * len(data) or not data
