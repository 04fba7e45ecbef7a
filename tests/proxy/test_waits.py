"""Latency is what a client has waited for: all of an answer, but of a stream that stays open its beginning."""

import asyncio
from collections.abc import Callable
from time import monotonic

import pytest

from strangler.core.tally import Tally
from tests.support.backend import Conversation, Received, backend
from tests.support.plane import Proxy, Wire, config, proxy
from tests.support.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


class Open:
    """An upstream whose answer stays open for longer than its head took to come."""

    def __init__(self, kind: bytes) -> None:
        self._kind = kind
        self.go_on = asyncio.Event()

    async def __call__(self, _received: Received, conversation: Conversation) -> None:
        await conversation.send(HEAD % self._kind)
        await self.go_on.wait()
        await conversation.send(END)


async def outlasted(running: Proxy, end: Callable[[Wire], None]) -> tuple[float, float]:
    """Return how long the head took to come, and what the answer was counted as, which took at least twice as long."""
    begun = monotonic()
    wire = await running.connect()
    await wire.send(GET)
    await wire.head()
    waited = monotonic() - begun
    await until(lambda: monotonic() - begun > 2 * waited, what="the answer outlasts its head")
    end(wire)
    found: list[Tally] = []

    def is_counted() -> bool:
        found.extend(running.plane.take_tallies())
        return bool(found)

    await until(is_counted, what="the exchange is counted")
    (tally,) = found
    assert sum(count for _, count in tally.latency) == 1
    return waited, tally.seconds


@pytest.mark.parametrize("kind", [b"text/event-stream", b"Text/Event-Stream; charset=utf-8"])
async def test_an_event_stream_is_counted_up_to_its_head(kind: bytes) -> None:
    held = Open(kind)
    async with backend(held) as monolith, proxy(config(monolith.port)) as running:
        waited, counted = await outlasted(running, lambda _: held.go_on.set())

    assert 0 < counted <= waited


async def test_so_is_one_that_its_client_leaves() -> None:
    held = Open(b"text/event-stream")
    async with backend(held) as monolith, proxy(config(monolith.port)) as running:
        waited, counted = await outlasted(running, lambda wire: wire.close())
        held.go_on.set()

    assert 0 < counted <= waited


async def test_any_other_answer_is_counted_up_to_its_end() -> None:
    held = Open(b"application/json")
    async with backend(held) as monolith, proxy(config(monolith.port)) as running:
        waited, counted = await outlasted(running, lambda _: held.go_on.set())

    assert counted > waited
