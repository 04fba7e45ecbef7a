"""Time: each wait has a limit of its own, and what is slow but alive is not cut."""

import asyncio
import json
import socket
from contextlib import suppress
from typing import Any

import pytest

from strangler.core.model import ListenerLimits, Timeouts
from tests.support.backend import Conversation, Received, backend, ok, says
from tests.support.plane import Wire, config, proxy
from tests.support.waiting import until

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"
QUICK = Timeouts(connect_s=2.0, response_s=0.4, idle_s=0.4)
STEP_S = 0.04
"""A tenth of the limits in these tests."""
LIMIT_S = 0.4
HUGE = 64 * 1_048_576
"""More than all the kernel's buffers on the way."""

pytestmark = pytest.mark.whole


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, piece: bytes, times: int) -> None:
    """Write a piece at every step, until the other end has sent something or left."""
    for _ in range(times):
        with suppress(TimeoutError):
            async with asyncio.timeout(STEP_S):
                await reader.read(1)
                return
        writer.write(piece)


async def _step() -> None:
    """Let a step's time pass; because it is the test's own slowness that is tested, nothing can be waited for."""
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), STEP_S)


async def _problem(wire: Wire) -> tuple[int, str]:
    head, body = await wire.answer()
    return int(head.split(b" ")[1]), json.loads(body)["reason"]


async def _is_cut(wire: Wire, end: bytes) -> bool:
    """Return whether the answer ends without its end."""
    got = b""
    with suppress(ConnectionError):
        while data := await asyncio.wait_for(wire.reader.read(65_536), 10):
            got += data
    return not got.endswith(end)


def _dripping(*, first: bytes, piece: bytes, times: int = 1_000, last: bytes = b"") -> Any:
    async def script(_received: Received, conversation: Conversation) -> bytes | None:
        await conversation.send(first)
        await _drip(conversation.reader, conversation.writer, piece, times)
        return last or None

    return script


@pytest.mark.parametrize(
    ("first", "piece"), [(b"HTTP/1.1 200 OK\r\nX: ", b"x"), (b"", b"HTTP/1.1 102 Processing\r\n\r\n")]
)
async def test_a_head_that_drips_does_not_put_off_its_own_deadline(first: bytes, piece: bytes) -> None:
    slowly = piece if len(piece) == 1 else b""
    async with (
        backend(_dripping(first=first + piece, piece=slowly or b"")) as monolith,
        proxy(config(monolith.port, timeouts=QUICK)) as running,
    ):
        wire = await running.connect()

        await wire.send(GET)
        if not slowly:
            await wire.head()

        assert await _problem(wire) == (504, "timeout")
        assert running.counts() == {("", "legacy", "timeout"): 1}


async def test_an_answer_that_is_slow_but_alive_is_not_cut() -> None:
    script = _dripping(first=b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n", piece=b"x", times=30, last=b"\r\n")
    async with backend(script) as monolith, proxy(config(monolith.port, timeouts=QUICK)) as running:
        wire = await running.connect()

        await wire.send(GET)

        assert (await wire.answer())[1] == b"x" * 30


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 9\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"]
)
async def test_an_answer_that_stops_halfway_is_cut(framing: bytes) -> None:
    async def script(_received: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\n" + framing)
        await conversation.reader.read(1)
        monolith.lost.set()

    async with backend(script) as monolith, proxy(config(monolith.port, timeouts=QUICK)) as running:
        wire = await running.connect()

        await wire.send(GET)

        assert await _is_cut(wire, b"0\r\n\r\n")
        await asyncio.wait_for(monolith.lost.wait(), 10)
        assert running.counts() == {("", "legacy", "timeout"): 1}


@pytest.mark.parametrize(
    "request_bytes", [POST + b"abc", b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"]
)
async def test_a_body_that_stops_coming_is_a_408_and_is_cut_at_the_upstream(request_bytes: bytes) -> None:
    limits = ListenerLimits(body_timeout_s=LIMIT_S)
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, limits=limits)) as running:
        wire = await running.connect()

        await wire.send(request_bytes)

        assert await _problem(wire) == (408, "body_timeout")
        await asyncio.wait_for(monolith.lost.wait(), 10)
        assert [got for got in monolith.received if got.is_complete] == []
        assert running.counts() == {("", "legacy", "client_gone"): 1}


async def test_a_body_that_is_slow_but_alive_is_not_cut() -> None:
    limits = ListenerLimits(body_timeout_s=LIMIT_S)
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, limits=limits)) as running:
        wire = await running.connect()

        await wire.send(POST)
        await _drip(wire.reader, wire.writer, b"xxxx", 25)

        assert (await wire.answer())[1] == b"ok"
        assert monolith.received[0].body == b"x" * 100


async def test_headers_that_drip_do_not_put_off_their_deadline() -> None:
    limits = ListenerLimits(header_timeout_s=LIMIT_S)
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, limits=limits)) as running:
        wire = await running.connect()

        await wire.send(b"GET /x HTTP/1.1\r\nX: ")
        await _drip(wire.reader, wire.writer, b"x", 1_000)

        # The drip has read the first byte of what came, the H of HTTP.
        assert (await wire.head()).startswith(b"TTP/1.1 408 ")


async def test_headers_that_began_behind_another_request_have_the_same_deadline() -> None:
    limits = ListenerLimits(header_timeout_s=LIMIT_S)
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, limits=limits)) as running:
        wire = await running.connect()

        await wire.send(GET + b"GET /y HTTP/1.1\r\nX: ")
        await wire.answer()

        assert await _problem(wire) == (408, "header_timeout")


async def test_the_whole_exchange_is_cut_at_its_total_though_it_is_alive() -> None:
    script = _dripping(first=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", piece=b"1\r\nx\r\n")
    total = Timeouts(total_s=LIMIT_S)
    async with backend(script) as monolith, proxy(config(monolith.port, timeouts=total)) as running:
        wire = await running.connect()

        await wire.send(GET)

        assert await _is_cut(wire, b"0\r\n\r\n")
        assert running.counts() == {("", "legacy", "timeout"): 1}


async def test_an_upload_is_cut_at_the_total_though_it_is_alive() -> None:
    total = Timeouts(total_s=LIMIT_S)
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, timeouts=total)) as running:
        wire = await running.connect()

        await wire.send(POST)
        await _drip(wire.reader, wire.writer, b"x", 99)

        assert (await wire.head()).startswith(b"TTP/1.1 408 ")
        assert [got for got in monolith.received if got.is_complete] == []


async def test_a_client_that_does_not_read_its_answer_is_cut_and_its_request_given_up() -> None:
    async def script(_received: Received, conversation: Conversation) -> None:
        conversation.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % HUGE + b"x" * HUGE)
        with suppress(ConnectionError):
            await conversation.writer.drain()
        monolith.lost.set()

    limits = ListenerLimits(write_timeout_s=LIMIT_S)
    async with backend(script) as monolith, proxy(config(monolith.port, limits=limits)) as running:
        wire = await running.connect()

        await wire.send(GET)
        await wire.head()

        await asyncio.wait_for(monolith.lost.wait(), 10)
        await until(lambda: running.plane.gauges()["client_connections"] == 0)
        assert running.counts() == {("", "legacy", "client_gone"): 1}


async def test_a_client_that_reads_slowly_is_not_cut() -> None:
    loop = asyncio.get_running_loop()
    limits = ListenerLimits(write_timeout_s=LIMIT_S)
    async with backend(says(ok(b"x" * HUGE))) as monolith, proxy(config(monolith.port, limits=limits)) as running:
        with socket.socket() as sock:
            # Because a large window opens in large steps, the client has a small one.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
            sock.setblocking(False)
            await loop.sock_connect(sock, ("127.0.0.1", running.port))
            await loop.sock_sendall(sock, GET)

            for _ in range(5 * round(LIMIT_S / STEP_S)):
                await _step()
                assert await loop.sock_recv(sock, 16_384)

            assert running.plane.gauges()["requests_in_flight"] == 1


async def test_a_client_that_asks_again_and_again_and_never_reads_is_held() -> None:
    async with backend(says(ok(b"x" * 65_536))) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        for asked in range(1_000):
            wire.writer.write(GET)
            try:
                await until(lambda: len(monolith.received) > asked, deadline_s=0.5)  # noqa: B023 (used at once)
            except AssertionError:
                break

        assert 0 < len(monolith.received) < HUGE / 2 / 65_536


async def test_a_client_that_pipelines_and_never_reads_is_held() -> None:
    answer = ok(b"x" * 65_536)
    async with backend(says(answer)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        wire.writer.write(GET * 3_000)
        await until(lambda: len(monolith.received) > 0)
        before = -1
        while before != len(monolith.received):
            before = len(monolith.received)
            for _ in range(5):
                await _step()

        assert len(monolith.received) * len(answer) < HUGE / 2
        assert [len((await wire.answer())[1]) for _ in range(3_000)] == [65_536] * 3_000


async def test_a_client_that_pipelines_and_never_reads_is_cut() -> None:
    limits = ListenerLimits(write_timeout_s=LIMIT_S)
    async with (
        backend(says(ok(b"x" * 65_536))) as monolith,
        proxy(config(monolith.port, limits=limits)) as running,
    ):
        wire = await running.connect()

        wire.writer.write(GET * 3_000)

        await until(lambda: running.plane.gauges()["client_connections"] == 1)
        await until(lambda: running.plane.gauges()["client_connections"] == 0)


async def test_a_connection_that_is_closing_swallows_what_still_comes_for_a_bounded_time() -> None:
    async with backend(says(ok(b"no")), on_head=True) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(POST)
        await wire.answer()

        with suppress(ConnectionError):
            while running.plane.gauges()["client_connections"]:
                wire.writer.write(b"x")
                await wire.writer.drain()
                await _step()

        await until(lambda: running.plane.gauges()["client_connections"] == 0)
        assert monolith.connections == 1


async def test_an_idle_connection_that_never_sent_a_byte_is_closed() -> None:
    limits = ListenerLimits(idle_timeout_s=LIMIT_S)
    async with proxy(config(1, limits=limits)) as running:
        wire = await running.connect()

        assert await wire.rest() == b""
