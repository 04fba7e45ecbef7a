"""Connections that wait in the pool: how many there are, and what it means that one of them is gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import trustme

from strangler.core.model import Address, Config, Ejection, Timeouts, Upstream, UpstreamTls
from tests.support import certificates
from tests.support.backend import Conversation, Received, backend, ok, says
from tests.support.plane import Proxy, config, proxy
from tests.support.waiting import until

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


def served(*ports: int, **more: Any) -> Config:
    """Return a config whose monolith is at these ports of the loopback."""
    addresses = tuple(Address(host="127.0.0.1", port=port) for port in ports)
    monolith = Upstream(name="monolith", addresses=addresses, **more)
    return replace(config(1), upstreams=(monolith,), timeouts=Timeouts(connect_s=5.0, response_s=5.0))


async def ask(running: Proxy, request: bytes = GET) -> tuple[int, bytes]:
    """Return status and body of one request on a connection of its own."""
    wire = await running.connect()
    await wire.send(request)
    head, body = await wire.answer()
    wire.close()
    return int(head.split(b" ")[1]), body


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until the end, and the end too."""
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def holding(port: int, go: asyncio.Event) -> AsyncIterator[int]:
    """Accept at once and pass everything on to a port, but nothing before `go`: a TLS handshake waits as long."""
    tasks: set[asyncio.Task[None]] = set()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await go.wait()
            there, back = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pump(reader, back), pump(there, writer))
        except asyncio.CancelledError:
            # Because the test is over; asyncio's streams would report the cancellation as a crash.
            writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await server.wait_closed()


def idle(running: Proxy) -> int:
    return sum(pool.idle for pool in running.plane.serving.pools.values())


async def opened_for_one_who_left(running: Proxy, go: asyncio.Event) -> None:
    """Have a connection opened for a client that leaves meanwhile; it is idle then, and nobody has used it."""
    gone = await running.connect()
    await gone.send(GET)
    await until(lambda: running.plane.gauges()["upstream_connections"] == 1)
    gone.reset()
    await until(lambda: running.counts() == {("", "legacy", "client_gone"): 1})
    go.set()
    await until(lambda: idle(running) == 1)


async def closes_the_first(_received: Received, conversation: Conversation) -> bytes | None:
    return None if conversation.number == 1 else ok(b"again")


async def test_a_connection_that_was_idle_but_never_used_may_be_gone_like_a_used_one() -> None:
    ca = trustme.CA()
    go = asyncio.Event()
    tls = UpstreamTls(ca=certificates.pem(ca))
    async with (
        backend(closes_the_first, tls=certificates.server(ca, "127.0.0.1")) as monolith,
        holding(monolith.port, go) as port,
        proxy(served(port, tls=tls)) as running,
    ):
        await opened_for_one_who_left(running, go)
        answer = await ask(running)

    assert answer == (200, b"again")
    assert (monolith.connections, len(monolith.received)) == (2, 2)


async def test_a_connection_that_was_opened_for_the_request_is_not_excused() -> None:
    async with backend(closes_the_first) as monolith, proxy(served(monolith.port)) as running:
        status, _ = await ask(running)

    assert status == 502
    assert monolith.connections == 1


async def test_an_idle_connection_that_is_gone_is_no_failure_of_its_address() -> None:
    served_once: set[int] = set()

    async def script(_received: Received, conversation: Conversation) -> bytes | None:
        # Because each connection ends at its second request, every second one that gets here finds a stale one.
        if conversation.number in served_once:
            return None
        served_once.add(conversation.number)
        return ok()

    rules = Ejection(consecutive_failures=1)
    async with (
        backend(script) as first,
        backend(says(ok())) as second,
        proxy(served(first.port, second.port, ejection=rules)) as running,
    ):
        answers = [await ask(running) for _ in range(12)]

        assert answers == [(200, b"ok")] * 12
        assert [event for event, _ in running.notices if event == "upstream_ejected"] == []
    assert first.connections > 2


async def test_no_more_connections_are_kept_than_max_idle() -> None:
    release = asyncio.Event()

    async def slow(_received: Received, _conversation: Conversation) -> bytes:
        await release.wait()
        return ok()

    async with backend(slow) as monolith, proxy(served(monolith.port, max_idle=2)) as running:
        wires = [await running.connect() for _ in range(5)]
        for wire in wires:
            await wire.send(GET)
        await until(lambda: len(monolith.received) == 5)
        release.set()
        for wire in wires:
            await wire.answer()

        await until(lambda: running.plane.gauges()["upstream_connections"] == 2)
        assert idle(running) == 2
