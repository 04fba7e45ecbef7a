"""A client or an upstream that leaves: the other side learns it at once, and a cut message never looks complete."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import h11
import pytest

from tests.support.backend import Conversation, Received, backend, ok, says
from tests.support.plane import Wire, config, proxy
from tests.support.waiting import until

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
SOON_S = 2.0
UPLOADS = {
    "length": b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc",
    "chunked": b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "in a chunk": b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    "before the last chunk": b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
}
WAYS: dict[str, Callable[[Wire], None]] = {"FIN": Wire.close, "RST": Wire.reset}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("upload", UPLOADS)
async def test_an_upload_whose_client_leaves_is_cut_and_never_complete(upload: str, way: str) -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(UPLOADS[upload])
        await until(lambda: running.plane.gauges()["upstream_connections"] == 1)

        WAYS[way](wire)

        await asyncio.wait_for(monolith.lost.wait(), SOON_S)
        assert [got for got in monolith.received if got.is_complete] == []
        await until(lambda: running.plane.gauges()["requests_in_flight"] == 0)
        assert running.counts() == {("", "legacy", "client_gone"): 1}


async def test_a_client_that_leaves_after_a_body_that_came_before_the_connection_is_seen() -> None:
    async def wait(_received: Received, conversation: Conversation) -> None:
        await conversation.reader.read(1)

    async with backend(wait) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
        await asyncio.wait_for(monolith.arrived.wait(), 10)

        wire.reset()

        await until(lambda: running.plane.gauges()["client_connections"] == 0, deadline_s=SOON_S)


@pytest.mark.parametrize(
    ("way", "answer"),
    [
        ("RST", b""),
        ("RST", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"),
        ("RST", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
        ("FIN", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
        ("FIN", b"HTTP/1.1 200 OK\r\n\r\nabc"),
    ],
)
async def test_a_request_whose_client_leaves_is_given_up_upstream(way: str, answer: bytes) -> None:
    async def script(_received: Received, conversation: Conversation) -> None:
        await conversation.send(answer)
        await conversation.reader.read(1)
        monolith.lost.set()

    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(GET)
        await asyncio.wait_for(monolith.arrived.wait(), 10)
        if answer:
            await wire.head()

        WAYS[way](wire)

        await asyncio.wait_for(monolith.lost.wait(), SOON_S)
        await until(lambda: running.plane.gauges()["upstream_connections"] == 0)
        assert running.counts() == {("", "legacy", "client_gone"): 1}


@pytest.mark.whole
async def test_a_client_that_closes_in_a_download_with_a_length_ends_it_upstream() -> None:
    async def script(_received: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                await conversation.send(b"x" * 65_536)
        except ConnectionError:
            monolith.lost.set()

    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(GET)
        await wire.head()

        wire.close()

        await asyncio.wait_for(monolith.lost.wait(), SOON_S)
        await until(lambda: running.plane.gauges()["upstream_connections"] == 0)


@pytest.mark.whole
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_an_upload_that_is_held_is_cut_when_its_client_resets(framing: str) -> None:
    async def script(_received: Received, conversation: Conversation) -> None:
        await over.wait()
        with suppress(ConnectionError):
            while await conversation.reader.read(1_048_576):
                pass
        monolith.lost.set()

    over = asyncio.Event()
    piece = b"x" * 65_536 if framing == "length" else b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    head = b"Content-Length: 1000000000" if framing == "length" else b"Transfer-Encoding: chunked"
    async with backend(script, on_head=True) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(b"POST /x HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % head)
        await asyncio.wait_for(monolith.arrived.wait(), 10)
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                while True:
                    wire.writer.write(piece)
                    await wire.writer.drain()

        wire.reset()

        await until(lambda: running.plane.gauges()["client_connections"] == 0, deadline_s=SOON_S)
        await until(lambda: running.plane.gauges()["upstream_connections"] == 0)
        over.set()
        await asyncio.wait_for(monolith.lost.wait(), SOON_S)


CUTS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 3\r\n",
]


@pytest.mark.parametrize("is_reset", [False, True])
@pytest.mark.parametrize("answer", CUTS)
async def test_an_independent_client_sees_that_a_cut_answer_is_cut(answer: bytes, is_reset: bool) -> None:
    async def script(_received: Received, conversation: Conversation) -> None:
        await conversation.send(answer)
        if is_reset:
            conversation.writer.transport.abort()

    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(GET)

        assert not await _is_complete(wire)
        assert running.counts() == {("", "legacy", "reset"): 1}


@pytest.mark.parametrize("is_reset", [False, True])
async def test_an_answer_that_ends_with_its_connection_is_complete_only_after_a_clean_end(is_reset: bool) -> None:
    async def script(_received: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
        await read.wait()
        if is_reset:
            _reset(conversation)

    read = asyncio.Event()
    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(GET)
        reading = asyncio.ensure_future(_is_complete(wire))
        await until(lambda: running.plane.gauges()["requests_in_flight"] == 1)
        read.set()

        assert await reading is not is_reset


async def _is_complete(wire: Wire) -> bool:
    """Return whether h11 takes what comes for a whole answer."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/x", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    while True:
        try:
            event = client.next_event()
        except h11.RemoteProtocolError:
            return False
        if event is h11.NEED_DATA:
            try:
                client.receive_data(await asyncio.wait_for(wire.reader.read(65_536), 10))
            except ConnectionError:
                return False
        elif isinstance(event, h11.EndOfMessage):
            return True


def _reset(conversation: Conversation) -> None:
    Wire(reader=conversation.reader, writer=conversation.writer).reset()


async def test_an_upstream_that_shuts_its_half_after_an_answer_is_not_used_again() -> None:
    async def script(received: Received, conversation: Conversation) -> bytes | None:
        if conversation.number > 1:
            return ok(received.target)
        await conversation.send(ok(received.target))
        conversation.writer.write_eof()
        await conversation.reader.read(1)
        return None

    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(GET)
        await wire.answer()
        await until(lambda: running.plane.gauges()["upstream_connections"] == 0)

        await wire.send(GET.replace(b"/x", b"/y"))

        assert (await wire.answer())[1] == b"/y"
        assert [got.target for got in monolith.received] == [b"/x", b"/y"]


async def test_nothing_is_left_open_after_many_requests_that_were_left() -> None:
    async def script(_received: Received, conversation: Conversation) -> None:
        await conversation.reader.read(1)

    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wires = [await running.connect() for _ in range(50)]
        for wire in wires:
            await wire.send(GET)
        await until(lambda: len(monolith.received) == 50)

        for wire in wires:
            wire.reset()

        await until(lambda: running.plane.gauges()["client_connections"] == 0)
        await until(lambda: not any(running.plane.gauges().values()))
