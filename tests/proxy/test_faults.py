"""Faults of upstreams and of clients: what is counted, what is told, and that nothing is poisoned."""

import asyncio
import json
import os
from dataclasses import replace

import pytest

from strangler.core.model import ListenerLimits, Timeouts
from tests.support.backend import Backend, Conversation, Received, backend, ok, says
from tests.support.plane import Wire, config, field_of, proxy, unchunked

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
QUICK = Timeouts(connect_s=2.0, response_s=0.3, idle_s=0.3)


async def _problem(wire: Wire) -> tuple[int, str]:
    head, body = await wire.answer()
    return int(head.split(b" ")[1]), json.loads(body)["reason"]


async def _settled(backend: Backend, event: asyncio.Event) -> Backend:
    await asyncio.wait_for(event.wait(), 10)
    return backend


async def test_an_upstream_that_cannot_be_reached_is_a_502_and_counted() -> None:
    async with proxy(config(1)) as running:
        wire = await running.connect()

        await wire.send(POST)

        assert await _problem(wire) == (502, "connect")
        assert running.counts() == {("", "legacy", "connect"): 1}


async def test_an_upstream_that_says_nothing_is_a_504_and_its_connection_is_given_up() -> None:
    async def silent(_received: Received, conversation: Conversation) -> None:
        await conversation.reader.read(1)

    async with backend(silent) as monolith, proxy(config(monolith.port, timeouts=QUICK)) as running:
        wire = await running.connect()

        await wire.send(GET)

        assert await _problem(wire) == (504, "timeout")
        assert running.counts() == {("", "legacy", "timeout"): 1}
        assert running.plane.gauges()["upstream_connections"] == 0


async def test_an_upstream_that_hangs_up_is_a_502_and_a_post_is_sent_once() -> None:
    async def hang_up(_received: Received, _conversation: Conversation) -> None:
        return None

    async with backend(hang_up) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(POST)

        assert await _problem(wire) == (502, "reset")
        assert len(monolith.received) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
    ],
)
async def test_an_answer_whose_meaning_is_in_doubt_is_a_502_and_nothing_of_it_passes(answer: bytes) -> None:
    async with backend(says(answer)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(GET)
        head = await wire.head()
        while head.startswith(b"HTTP/1.1 100"):
            head = await wire.head()

        assert head.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
        assert running.counts() == {("", "legacy", "bad_framing"): 1}


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
    ],
)
async def test_a_cut_answer_never_looks_complete(answer: bytes) -> None:
    async def cut(_received: Received, conversation: Conversation) -> None:
        await conversation.send(answer)

    async with backend(cut) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(GET)
        try:
            got = await wire.rest()
        except ConnectionResetError:
            got = b""

        head, _, body = got.partition(b"\r\n\r\n")
        if field_of(head, b"transfer-encoding") is not None:
            body, is_complete = unchunked(body)
            assert not is_complete
        assert b"abc".startswith(body)
        assert sum(count for (_, _, outcome), count in running.counts().items() if outcome != "2xx") == 1


async def test_bytes_behind_an_answer_never_become_the_next_one() -> None:
    poisoned = ok(b"first") + ok(b"poison")
    async with backend(says(poisoned)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(GET)
        assert (await wire.answer())[1] == b"first"
        await wire.send(GET)

        assert (await wire.answer())[1] == b"first"
        assert monolith.connections == 2


async def test_an_unsolicited_answer_on_an_idle_connection_goes_to_nobody() -> None:
    sent = asyncio.Event()

    async def script(received: Received, conversation: Conversation) -> bytes | None:
        if conversation.number > 1:
            return ok(b"right")
        await conversation.send(ok(b"right"))
        await answered.wait()
        await conversation.send(ok(b"poison"))
        sent.set()
        await conversation.reader.read(1)
        return None

    answered = asyncio.Event()
    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(GET)
        first = (await wire.answer())[1]
        answered.set()
        await asyncio.wait_for(sent.wait(), 10)
        await wire.send(GET)

        assert (first, (await wire.answer())[1]) == (b"right", b"right")


async def test_an_unsolicited_answer_that_nobody_has_read_yet_goes_to_nobody() -> None:
    given: list[Conversation] = []

    async def script(_received: Received, conversation: Conversation) -> bytes | None:
        given.append(conversation)
        return ok(b"right")

    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(GET)
        await wire.answer()

        # Because the loop does not run in between, the proxy hears of the request first, and of the answer after it.
        os.write(wire.writer.get_extra_info("socket").fileno(), GET)
        os.write(given[0].writer.get_extra_info("socket").fileno(), ok(b"poison"))

        assert (await wire.answer())[1] == b"right"
        assert monolith.connections == 2


async def test_a_read_on_a_connection_that_died_in_the_pool_is_asked_again() -> None:
    async def once(received: Received, conversation: Conversation) -> bytes | None:
        if conversation.number == 1 and len(monolith.received) > 1:
            return None
        return ok(received.target)

    async with backend(once) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(GET)
        await wire.answer()

        await wire.send(GET.replace(b"/x", b"/y"))

        assert (await wire.answer())[1] == b"/y"
        assert monolith.connections == 2
        assert running.counts() == {("", "legacy", "2xx"): 2}


async def test_a_write_on_a_connection_that_died_in_the_pool_is_not_asked_again() -> None:
    async def once(received: Received, conversation: Conversation) -> bytes | None:
        return None if received.method == b"POST" else ok()

    async with backend(once) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(GET)
        await wire.answer()

        await wire.send(POST)

        assert await _problem(wire) == (502, "reset")
        assert [got.method for got in monolith.received] == [b"GET", b"POST"]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: the-worst\r\nContent-Length: 1\r\n\r\na", 417),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 101 + b"\r\n", 431),
    ],
)
async def test_a_doubtful_request_is_refused_and_no_upstream_sees_it(request_bytes: bytes, status: int) -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(request_bytes + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        got = await wire.rest()

        head, _, body = got.partition(b"\r\n\r\n")
        assert int(head.split(b" ")[1]) == status
        assert field_of(head, b"connection") == b"close"
        assert json.loads(body)["status"] == status
        assert monolith.received == []


async def test_a_head_that_never_ends_is_refused_before_it_fills_memory() -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 300_000)

        assert (await wire.head()).startswith(b"HTTP/1.1 431 ")


async def test_a_body_whose_chunks_turn_bad_is_never_complete_at_the_upstream() -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await wire.send(b"zz\r\n")

        assert (await wire.head()).startswith(b"HTTP/1.1 400 ")
        assert [got for got in monolith.received if got.is_complete] == []


async def test_a_client_that_leaves_cancels_its_request_upstream() -> None:
    async def silent(_received: Received, conversation: Conversation) -> None:
        await conversation.reader.read(1)
        monolith.lost.set()

    async with backend(silent) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(GET)
        await _settled(monolith, monolith.arrived)

        wire.reset()

        await _settled(monolith, monolith.lost)
        assert running.counts() == {("", "legacy", "client_gone"): 1}


async def test_an_upload_that_is_cut_is_never_complete_at_the_upstream() -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")

        wire.reset()

        await _settled(monolith, monolith.lost)
        assert [got for got in monolith.received if got.is_complete] == []


async def test_a_client_that_shuts_its_half_still_gets_its_answer() -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(GET)
        wire.writer.write_eof()

        assert (await wire.rest()).endswith(b"ok")


async def test_a_client_that_closes_in_an_event_stream_cancels_it_upstream() -> None:
    async def stream(_received: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await conversation.reader.read(1)
        monolith.lost.set()

    async with backend(stream) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(GET)
        await wire.head()
        await wire.data(9)

        wire.close()

        await _settled(monolith, monolith.lost)
        assert running.counts() == {("", "legacy", "client_gone"): 1}


async def test_headers_that_drip_are_cut_at_the_deadline() -> None:
    limits = replace(ListenerLimits(), header_timeout_s=0.3)
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, limits=limits)) as running:
        wire = await running.connect()

        await wire.send(b"GET / HTTP/1.1\r\nHo")

        assert (await wire.head()).startswith(b"HTTP/1.1 408 ")


async def test_an_idle_connection_is_closed_quietly() -> None:
    limits = replace(ListenerLimits(), idle_timeout_s=0.3)
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, limits=limits)) as running:
        wire = await running.connect()
        await wire.send(GET)
        await wire.answer()

        assert await wire.rest() == b""


async def test_an_answer_before_the_whole_request_ends_the_connection() -> None:
    async with backend(says(ok(b"no")), on_head=True) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc")
        got = await wire.rest()

        assert field_of(got, b"connection") == b"close"
        assert got.endswith(b"no")
        assert running.plane.gauges()["upstream_connections"] == 0
