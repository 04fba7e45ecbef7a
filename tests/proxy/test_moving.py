"""When a route trips, requests under way finish, and what would last for ever is told to come again, or stays."""

import asyncio
from typing import Any

from strangler.core.model import FULL_SHARE, Config
from strangler.core.rules import LongLived, Rollback
from strangler.core.shares import Overrides
from tests.support.backend import Conversation, Received, backend, ok, says
from tests.support.plane import Proxy, Wire, config, proxy, route

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
GRANTED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n"
UPGRADE = b"GET /r HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n"
GET = b"GET /r HTTP/1.1\r\nHost: a\r\n\r\n"
TRIPPED = Overrides(caps=(("r", 0),))


def guarded(monolith: int, extracted: int, **rules: Any) -> Config:
    given = route("r", "/r", share=FULL_SHARE, rollback=Rollback(grace_s=0.1, **rules))
    return config(
        monolith, extracted, given, route("other", "/other", share=FULL_SHARE, rollback=Rollback(grace_s=0.1))
    )


class Held:
    """An upstream that begins an answer and goes on when it is told to."""

    def __init__(self, begin: bytes, end: bytes) -> None:
        self._begin = begin
        self._end = end
        self.go_on = asyncio.Event()

    async def __call__(self, _received: Received, conversation: Conversation) -> None:
        await conversation.send(self._begin)
        await self.go_on.wait()
        await conversation.send(self._end)


async def begun(running: Proxy, request: bytes) -> Wire:
    wire = await running.connect()
    await wire.send(request)
    await wire.head()
    return wire


async def test_an_event_stream_ends_after_the_grace_and_its_client_gets_the_monolith() -> None:
    held = Held(STREAM + b"5\r\ndata1\r\n", b"0\r\n\r\n")
    async with backend(says(ok(b"legacy"))) as legacy, backend(held) as extracted:
        by = guarded(legacy.port, extracted.port)
        async with proxy(by) as running:
            wire = await begun(running, GET)
            event = await wire.data(5)

            running.apply(by, overrides=TRIPPED)
            rest = await wire.rest()
            again = await running.connect()
            await again.send(GET)

            assert (event, rest) == (b"data1", b"")
            assert (await again.answer())[1] == b"legacy"
        held.go_on.set()


async def test_a_tunnel_ends_after_the_grace() -> None:
    held = Held(GRANTED, b"late")
    async with backend(says(ok())) as legacy, backend(held) as extracted:
        by = guarded(legacy.port, extracted.port)
        async with proxy(by) as running:
            wire = await begun(running, UPGRADE)

            running.apply(by, overrides=TRIPPED)

            assert await wire.rest() == b""
        held.go_on.set()


async def test_what_stays_by_rule_stays() -> None:
    held = Held(GRANTED, b"late")
    async with backend(says(ok())) as legacy, backend(held) as extracted:
        by = guarded(legacy.port, extracted.port, long_lived=LongLived.STAY)
        async with proxy(by) as running:
            wire = await begun(running, UPGRADE)
            closing = await begun(running, UPGRADE.replace(b"/r", b"/other"))

            # Because the other route's tunnel is ended by the same sweep, this one was not forgotten but spared.
            running.apply(by, overrides=Overrides(caps=(("r", 0), ("other", 0))))
            ended = await closing.rest()
            held.go_on.set()

            assert ended == b""
            assert await wire.exactly(4) == b"late"


async def test_an_answer_under_way_finishes_on_the_side_that_tripped() -> None:
    held = Held(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"3\r\ndef\r\n0\r\n\r\n")
    async with backend(says(ok())) as legacy, backend(held) as extracted:
        by = guarded(legacy.port, extracted.port)
        async with proxy(by) as running:
            wire = await begun(running, GET)

            running.apply(by, overrides=TRIPPED)
            moved = list(running.plane._moving._due)
            held.go_on.set()

            assert (await wire.chunks())[0] == b"abcdef"
            assert moved == []


async def test_another_route_trips_alone() -> None:
    held = Held(GRANTED, b"late")
    async with backend(says(ok())) as legacy, backend(held) as extracted:
        by = guarded(legacy.port, extracted.port)
        async with proxy(by) as running:
            wire = await begun(running, UPGRADE)

            running.apply(by, overrides=Overrides(caps=(("other", 0),)))
            moved = list(running.plane._moving._due)
            held.go_on.set()

            assert await wire.exactly(4) == b"late"
            assert moved == []
