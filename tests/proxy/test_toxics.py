"""Faults of an upstream in Toxiproxy's vocabulary, through the real plane, on a legacy and on an extracted side."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from strangler.core.model import FULL_SHARE, Timeouts
from tests.support.backend import Conversation, Received, Script, backend, ok, says
from tests.support.plane import Proxy, Wire, config, proxy, route
from tests.support.waiting import until

QUICK = Timeouts(connect_s=2.0, response_s=0.5, idle_s=0.5)
STEP_S = 0.05
BODY = b"".join(b"%06d\n" % number for number in range(100))
ANSWER = ok(BODY)

pytestmark = pytest.mark.whole

Toxic = Callable[[Conversation], Awaitable[None]]


async def _step() -> None:
    """Let a step's time pass: a toxic is slow by design, and there is nothing to wait for."""
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), STEP_S)


async def latency(conversation: Conversation) -> None:
    """The answer comes late, but within the time allowed."""
    for _ in range(4):
        await _step()
    await conversation.send(ANSWER)


async def bandwidth(conversation: Conversation) -> None:
    """The answer comes at a low rate; in all it takes longer than any single wait may."""
    head, _, body = ANSWER.partition(b"\r\n\r\n")
    await conversation.send(head + b"\r\n\r\n")
    for start in range(0, len(body), 50):
        await _step()
        await conversation.send(body[start : start + 50])


async def slicer(conversation: Conversation) -> None:
    """The answer comes in packets of a few bytes."""
    for start in range(0, len(ANSWER), 3):
        conversation.writer.write(ANSWER[start : start + 3])
        await asyncio.sleep(0)


async def slow_close(conversation: Conversation) -> None:
    """The answer is whole, and its connection ends only later."""
    await conversation.send(ANSWER.replace(b"200 OK\r\n", b"200 OK\r\nConnection: close\r\n"))
    for _ in range(4):
        await _step()


async def timeout(conversation: Conversation) -> None:
    """Nothing comes, and the connection stays."""
    await conversation.reader.read(1)


async def reset_peer(conversation: Conversation) -> None:
    """The connection is reset before anything has come."""
    Wire(reader=conversation.reader, writer=conversation.writer).reset()


def limit_data(count: int) -> Toxic:
    """Return the toxic that ends the connection after so many bytes."""

    async def toxic(conversation: Conversation) -> None:
        await conversation.send(ANSWER[:count])

    return toxic


HARMLESS = {"latency": latency, "bandwidth": bandwidth, "slicer": slicer, "slow_close": slow_close}
HARMFUL = {"timeout": (timeout, 504), "reset_peer": (reset_peer, 502), "limit_data": (limit_data(20), 502)}


def poisoned(toxic: Toxic) -> Script:
    """Return the script that answers with a toxic."""

    async def script(_received: Received, conversation: Conversation) -> None:
        await toxic(conversation)

    return script


@asynccontextmanager
async def legacy(toxic: Toxic) -> AsyncIterator[tuple[Proxy, Wire]]:
    async with backend(poisoned(toxic)) as monolith, proxy(config(monolith.port, timeouts=QUICK)) as running:
        yield running, await running.connect()


def ask(method: bytes) -> bytes:
    return b"%b /r HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" % method


@pytest.mark.parametrize("name", HARMLESS)
async def test_an_upstream_that_is_slow_but_alive_is_answered_whole(name: str) -> None:
    async with legacy(HARMLESS[name]) as (running, wire):
        await wire.send(ask(b"POST"))

        head, body = await wire.answer()

        assert (head[:12], body) == (b"HTTP/1.1 200", BODY)
        await until(lambda: running.counts() == {("", "legacy", "2xx"): 1})


@pytest.mark.parametrize("name", HARMFUL)
async def test_a_fault_before_the_answer_is_told_once_and_leaves_nothing_open(name: str) -> None:
    toxic, status = HARMFUL[name]
    async with legacy(toxic) as (running, wire):
        await wire.send(ask(b"POST"))

        head, body = await wire.answer()

        assert int(head.split(b" ")[1]) == json.loads(body)["status"] == status
        await until(lambda: running.plane.gauges()["upstream_connections"] == 0)
        assert sum(running.counts().values()) == 1


@pytest.mark.parametrize("count", [60, 200, len(ANSWER) - 1])
async def test_an_answer_that_is_limited_halfway_is_cut_and_never_complete(count: int) -> None:
    async with legacy(limit_data(count)) as (running, wire):
        await wire.send(ask(b"GET"))

        got = b""
        with suppress(ConnectionError):
            while data := await wire.reader.read(65_536):
                got += data

        assert len(got) < len(ANSWER)
        assert running.counts() == {("", "legacy", "reset"): 1}


@pytest.mark.parametrize("name", HARMFUL)
async def test_a_fault_of_the_extracted_side_is_covered_by_the_monolith_for_reads(name: str) -> None:
    toxic, _ = HARMFUL[name]
    served = route("r", "/r", share=FULL_SHARE, timeouts=QUICK)
    async with (
        backend(says(ok(b"legacy"))) as monolith,
        backend(poisoned(toxic)) as extracted,
        proxy(config(monolith.port, extracted.port, served)) as running,
    ):
        wire = await running.connect()
        for _ in range(5):
            await wire.send(ask(b"GET"))

            assert (await wire.answer())[1] == b"legacy"

        assert running.counts()["r", "legacy", "2xx"] == 5
        assert len(monolith.received) == 5


async def test_an_upstream_that_is_down_is_told_fast_and_serves_again_when_it_is_back() -> None:
    async with backend(says(ok())) as monolith:
        pass
    async with proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(ask(b"POST"))
        head, _ = await wire.answer()
        assert head.startswith(b"HTTP/1.1 502 ")

        server = await asyncio.start_server(_serve_once, "127.0.0.1", monolith.port)
        async with server:
            await wire.send(ask(b"POST"))

            assert (await wire.answer())[1] == b"ok"


async def _serve_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\nx")
    writer.write(ok(b"ok", b"Connection: close"))
    writer.close()


async def test_an_answer_that_comes_after_its_time_goes_to_nobody() -> None:
    late = asyncio.Event()

    async def script(received: Received, conversation: Conversation) -> bytes | None:
        if received.target == b"/late":
            await late.wait()
            with suppress(ConnectionError):
                await conversation.send(ok(b"late"))
            return None
        return ok(b"right")

    async with backend(script) as monolith, proxy(config(monolith.port, timeouts=QUICK)) as running:
        wire = await running.connect()
        await wire.send(b"GET /late HTTP/1.1\r\nHost: a\r\n\r\n")
        head, _ = await wire.answer()
        late.set()

        assert head.startswith(b"HTTP/1.1 504 ")
        for _ in range(5):
            await wire.send(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await wire.answer())[1] == b"right"


async def test_an_upstream_that_closes_as_the_next_request_is_on_the_wire_gets_a_write_once() -> None:
    async def script(received: Received, conversation: Conversation) -> bytes | None:
        return ok() if conversation.number % 2 and received.method == b"GET" else None

    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        for _ in range(10):
            await wire.send(b"GET /r HTTP/1.1\r\nHost: a\r\n\r\n")
            await wire.answer()
            before = len(monolith.received)
            await wire.send(ask(b"POST"))
            head, _ = await wire.answer()

            assert head.startswith(b"HTTP/1.1 502 ")
            assert [got.method for got in monolith.received[before:]] == [b"POST"]
