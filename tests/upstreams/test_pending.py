"""More requests than connections: who waits, for how long, and what the others are told."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from strangler.core.model import Address, Config, Timeouts, Upstream, UpstreamTls
from tests.support.backend import Backend, Conversation, Received, backend, ok, says
from tests.support.plane import Proxy, Wire, config, field_of, proxy
from tests.support.waiting import until

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"


class Gate:
    """A script that answers when it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def __call__(self, _received: Received, _conversation: Conversation) -> bytes:
        await self.opened.wait()
        return ok()


def served(backend: Backend, *, connect_s: float = 30.0, **more: Any) -> Config:
    given: dict[str, Any] = {"max_connections": 1, "max_idle": 1, **more}
    monolith = Upstream(name="monolith", addresses=(Address(host="127.0.0.1", port=backend.port),), **given)
    return replace(config(1), upstreams=(monolith,), timeouts=Timeouts(connect_s=connect_s))


def pending(running: Proxy) -> int:
    return running.plane.gauges()["upstream_pending"]


async def send(running: Proxy, request: bytes = GET) -> Wire:
    wire = await running.connect()
    await wire.send(request)
    return wire


async def is_overloaded(wire: Wire) -> None:
    head, body = await wire.answer()
    assert head.startswith(b"HTTP/1.1 503 ")
    assert field_of(head, b"Retry-After") == b"1"
    assert json.loads(body)["reason"] == "overloaded"


async def test_whoever_finds_the_queue_full_is_told_to_come_back_and_the_others_are_served() -> None:
    gate = Gate()
    async with backend(gate) as monolith, proxy(served(monolith, max_pending=1)) as running:
        first = await send(running)
        await asyncio.wait_for(monolith.arrived.wait(), 10)
        second = await send(running)
        await until(lambda: pending(running) == 1)
        third = await send(running)
        await is_overloaded(third)
        gate.opened.set()

        for wire in (first, second):
            assert (await wire.head()).startswith(b"HTTP/1.1 200 ")
        assert running.counts() == {("", "legacy", "2xx"): 2, ("", "legacy", "refused"): 1}
        assert monolith.connections == 1


async def test_nobody_may_wait_if_none_may() -> None:
    gate = Gate()
    async with backend(gate) as monolith, proxy(served(monolith, max_pending=0)) as running:
        await send(running)
        await asyncio.wait_for(monolith.arrived.wait(), 10)
        await is_overloaded(await send(running))
        gate.opened.set()


async def test_whoever_waits_longer_than_for_a_connection_is_told_to_come_back() -> None:
    gate = Gate()
    async with backend(gate) as monolith, proxy(served(monolith, connect_s=0.2)) as running:
        await send(running)
        await asyncio.wait_for(monolith.arrived.wait(), 10)
        waiting = await send(running, POST)
        await is_overloaded(waiting)

        assert pending(running) == 0
        assert running.counts() == {("", "legacy", "refused"): 1}
        gate.opened.set()
    assert len(monolith.received) == 1


async def test_a_client_that_leaves_gives_its_place_in_the_queue_to_another() -> None:
    gate = Gate()
    async with backend(gate) as monolith, proxy(served(monolith, max_pending=1)) as running:
        await send(running)
        await asyncio.wait_for(monolith.arrived.wait(), 10)
        leaving = await send(running)
        await until(lambda: pending(running) == 1)
        leaving.reset()
        await until(lambda: running.counts().get(("", "legacy", "client_gone")) == 1)
        staying = await send(running)
        await until(lambda: pending(running) == 1)
        gate.opened.set()

        assert (await staying.head()).startswith(b"HTTP/1.1 200 ")
    assert len(monolith.received) == 2


async def test_a_connection_that_cannot_be_had_holds_nobody_up() -> None:
    hang_up = asyncio.Event()

    async def no_handshake(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hang_up.wait()
        writer.transport.abort()

    server = await asyncio.start_server(no_handshake, "127.0.0.1", 0)
    nobody = Backend(says(b""), port=server.sockets[0].getsockname()[1])
    async with proxy(served(nobody, tls=UpstreamTls(verify=False))) as running:
        wires = [await send(running) for _ in range(3)]
        await until(lambda: pending(running) == 2)
        hang_up.set()

        for wire in wires:
            assert (await wire.head()).startswith(b"HTTP/1.1 502 ")
        assert running.plane.gauges()["upstream_connections"] == 0
    server.close()
    await server.wait_closed()


async def test_at_the_limit_an_idle_connection_that_is_too_old_for_a_write_makes_room_for_a_new_one() -> None:
    async with backend(says(ok())) as monolith, proxy(served(monolith)) as running:
        wire = await send(running)
        await wire.answer()
        (endpoint,) = running.plane.serving.pools["monolith"].endpoints
        await until(lambda: bool(endpoint.idle))
        endpoint.idle[0].idle_since -= 2.0
        await wire.send(POST)
        head, _ = await wire.answer()

        assert head.startswith(b"HTTP/1.1 200 ")
        assert running.plane.gauges()["upstream_connections"] == 1
    assert [received.method for received in monolith.received] == [b"GET", b"POST"]
    assert monolith.connections == 2


async def test_an_answer_that_nobody_asked_for_ends_the_connection_and_reaches_nobody() -> None:
    async def talks_on(received: Received, conversation: Conversation) -> bytes:
        if conversation.number == 1:
            await conversation.send(ok(b"asked"))
            await asked.wait()
            return ok(b"unasked")
        return ok(b"fresh")

    asked = asyncio.Event()
    async with backend(talks_on) as monolith, proxy(served(monolith)) as running:
        wire = await send(running)
        _, first = await wire.answer()
        asked.set()
        await until(lambda: running.plane.gauges()["upstream_connections"] == 0)
        await wire.send(GET)
        _, second = await wire.answer()

    assert (first, second) == (b"asked", b"fresh")


async def test_a_connection_that_the_upstream_ends_while_idle_is_not_used_again() -> None:
    async def ends(_received: Received, conversation: Conversation) -> None:
        await conversation.send(ok())

    async with backend(ends) as monolith, proxy(served(monolith)) as running:
        wire = await send(running, POST)
        await wire.answer()
        await until(lambda: running.plane.gauges()["upstream_connections"] == 0)
        await wire.send(POST)
        head, _ = await wire.answer()

    assert head.startswith(b"HTTP/1.1 200 ")
    assert monolith.connections == 2
