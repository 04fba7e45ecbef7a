"""Back-pressure: who takes slowly holds who sends, so memory stays bounded whatever is sent; and nothing is delayed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.backend import Backend, Conversation, Received, backend
from tests.support.plane import Proxy, Wire, config, proxy
from tests.support.waiting import until

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
UPGRADE = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n"
GRANTED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n"
LENGTH = 256 * 1_048_576
HELD_BYTES = 64 * 1_048_576
"""The kernel holds up to 6 MiB a socket at four sockets; a proxy that held nothing back would hold all of LENGTH."""
PIECE = b"x" * 65_536

pytestmark = pytest.mark.whole


class Pump:
    """Writes as much as is taken, up to LENGTH, and knows how much that was."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._before = -1
        self.sent = 0

    async def run(self) -> None:
        while self.sent < LENGTH:
            self._writer.write(PIECE)
            await self._writer.drain()
            self.sent += len(PIECE)

    def stands_still(self) -> bool:
        """Return whether nothing was taken since this was asked last."""
        before, self._before = self._before, self.sent
        return self.sent == before


@asynccontextmanager
async def held(pump: Pump) -> AsyncIterator[None]:
    """Pump until nothing more is taken, and end it with the block."""
    task = asyncio.ensure_future(pump.run())
    try:
        for _ in range(5):
            await until(pump.stands_still)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def quiet_backend(answer: bytes) -> AsyncIterator[tuple[Backend, "asyncio.Queue[Conversation]"]]:
    """A backend that answers on the head and leaves the connection to the test."""
    given: asyncio.Queue[Conversation] = asyncio.Queue()
    over = asyncio.Event()

    async def script(_received: Received, conversation: Conversation) -> None:
        conversation.writer.write(answer)
        given.put_nowait(conversation)
        await over.wait()

    async with backend(script, on_head=True) as monolith:
        yield monolith, given
        over.set()


async def _take(reader: asyncio.StreamReader, count: int) -> None:
    while count:
        count -= len(await asyncio.wait_for(reader.readexactly(min(count, 1_048_576)), 20))


async def test_a_client_that_does_not_read_holds_the_upstream_and_gets_all_when_it_does() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LENGTH
    async with quiet_backend(head) as (monolith, given), proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(GET)
        pump = Pump((await given.get()).writer)

        async with held(pump):
            assert pump.sent < HELD_BYTES
            await wire.head()
            await _take(wire.reader, LENGTH)


async def test_an_upstream_that_does_not_read_holds_the_client_and_gets_all_when_it_does() -> None:
    async with quiet_backend(b"") as (monolith, given), proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % LENGTH)
        conversation = await given.get()
        pump = Pump(wire.writer)

        async with held(pump):
            assert pump.sent < HELD_BYTES
            await _take(conversation.reader, LENGTH)


@asynccontextmanager
async def tunnel() -> AsyncIterator[tuple[Proxy, Wire, Conversation]]:
    """A tunnel through a proxy, by its two ends."""
    async with quiet_backend(GRANTED) as (monolith, given), proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(UPGRADE)
        await wire.head()
        yield running, wire, await given.get()


async def test_a_tunnel_holds_an_upstream_whose_client_does_not_read() -> None:
    async with tunnel() as (_, wire, conversation):
        pump = Pump(conversation.writer)

        async with held(pump):
            assert pump.sent < HELD_BYTES
            await _take(wire.reader, LENGTH)


async def test_a_tunnel_holds_a_client_whose_upstream_does_not_read() -> None:
    async with tunnel() as (_, wire, conversation):
        pump = Pump(wire.writer)

        async with held(pump):
            assert pump.sent < HELD_BYTES
            await _take(conversation.reader, LENGTH)


async def test_a_tunnel_that_is_held_one_way_passes_the_other() -> None:
    async with tunnel() as (_, wire, conversation), held(Pump(conversation.writer)):
        await wire.send(b"still here")

        assert await asyncio.wait_for(conversation.reader.readexactly(10), 10) == b"still here"


async def test_every_event_of_a_stream_arrives_before_the_next_is_written() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n"
    async with quiet_backend(head) as (monolith, given), proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(GET)
        await wire.head()
        conversation = await given.get()

        for number in range(100):
            event = b"id: %d\ndata: %d\n\n" % (number, number)
            await conversation.send(event)

            assert await wire.data(len(event)) == event


async def test_the_head_of_an_answer_passes_before_its_body_has_come() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    async with quiet_backend(head) as (monolith, given), proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(GET)

        assert (await wire.head()).startswith(b"HTTP/1.1 200 ")
        await (await given.get()).send(b"hello")
        assert await wire.exactly(5) == b"hello"
