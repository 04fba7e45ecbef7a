"""Interim answers, Expect, and answers that come before the whole request."""

import asyncio

import pytest

from tests.support.backend import Conversation, Received, backend, ok, says
from tests.support.plane import config, field_of, proxy
from tests.support.waiting import until

EXPECTS = b"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 41\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\nX-Pad: 1\r\n\r\n"[:41]
CHUNKED = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "interims",
    [
        [b"HTTP/1.1 100 Continue\r\n\r\n"],
        [b"HTTP/1.1 102 Processing\r\n\r\n"] * 3,
        [b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nLink: </b.css>\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 P\r\n\r\n", b"HTTP/1.1 103 H\r\nLink: </a>\r\n\r\n"],
    ],
)
async def test_interim_answers_pass_in_order_before_the_final_one(interims: list[bytes]) -> None:
    async with backend(says(b"".join(interims) + ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")

        assert [await wire.head() for _ in interims] == interims
        assert (await wire.answer())[1] == b"ok"


async def test_a_1_0_client_sees_no_interim_answer() -> None:
    answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 H\r\nLink: </a>\r\n\r\n" + ok()
    async with backend(says(answer)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"GET /x HTTP/1.0\r\nHost: a\r\n\r\n")

        assert (await wire.rest()).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_interim_answers_without_end_are_bad_framing() -> None:
    async with (
        backend(says(b"HTTP/1.1 102 P\r\n\r\n" * 100 + ok())) as monolith,
        proxy(config(monolith.port)) as running,
    ):
        wire = await running.connect()

        await wire.send(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

        heads = (await wire.rest()).split(b"HTTP/1.1 ")[1:]
        assert {head[:3] for head in heads[:-1]} == {b"102"}
        assert len(heads) <= 17
        assert heads[-1].startswith(b"502 ")


async def test_a_final_answer_without_100_ends_the_connection_and_the_body_is_never_a_request() -> None:
    async with backend(says(ok(b"no")), on_head=True) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(EXPECTS)
        head, body = await wire.answer()
        await wire.send(SMUGGLED)
        rest = await wire.rest()

        assert (field_of(head, b"connection"), body, rest) == (b"close", b"no", b"")
        assert [got.target for got in monolith.received] == [b"/x"]
        await until(lambda: running.plane.gauges()["upstream_connections"] == 0)


async def test_a_client_that_never_sends_its_body_leaves_no_upstream_connection_to_the_next() -> None:
    async with backend(says(ok(b"no")), on_head=True) as monolith, proxy(config(monolith.port)) as running:
        first, second = await running.connect(), await running.connect()

        await first.send(EXPECTS)
        await first.answer()
        await second.send(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
        await second.answer()

        assert [got.target for got in monolith.received] == [b"/x", b"/next"]
        assert monolith.connections == 2


async def test_a_body_that_is_sent_without_waiting_for_100_arrives_whole() -> None:
    answer = b"HTTP/1.1 100 Continue\r\n\r\n" + ok()
    async with backend(says(answer)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(EXPECTS + SMUGGLED)
        interim = await wire.head()

        assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await wire.answer())[1] == b"ok"
        assert [(got.target, got.body) for got in monolith.received] == [(b"/x", SMUGGLED)]


@pytest.mark.whole
@pytest.mark.parametrize("framing", [b"Content-Length: 100000000", b"Transfer-Encoding: chunked"])
async def test_an_upload_stops_at_an_early_413_which_the_client_reads_whole(framing: bytes) -> None:
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 70000\r\n\r\n" + b"r" * 70_000
    piece = b"p" * 65_536 if framing.startswith(b"C") else b"10000\r\n" + b"p" * 65_536 + b"\r\n"
    async with backend(says(refusal), on_head=True) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"POST /x HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % framing)
        for _ in range(64):
            wire.writer.write(piece)
        head, body = await wire.answer()

        assert (head[:12], field_of(head, b"connection"), body) == (b"HTTP/1.1 413", b"close", b"r" * 70_000)
        assert len(monolith.received) == 1
        await until(lambda: running.plane.gauges()["upstream_connections"] == 0)


@pytest.mark.whole
async def test_an_upstream_that_answers_and_reads_no_more_of_the_body_holds_no_connection() -> None:
    is_full, over = asyncio.Event(), asyncio.Event()

    async def answer_early(_received: Received, conversation: Conversation) -> None:
        await is_full.wait()
        await conversation.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
        await over.wait()

    async with backend(answer_early, on_head=True) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        (client,) = running.plane._clients

        wire.writer.write(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 33554432\r\n\r\n" + bytes(33_554_432))
        await until(lambda: client.is_reading_paused)
        is_full.set()

        assert (await wire.answer())[1] == b"no"
        await until(lambda: not running.plane.gauges()["upstream_connections"])
        over.set()


async def test_a_request_and_its_answer_stream_at_the_same_time() -> None:
    async def script(_received: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            line = await conversation.reader.readuntil(b"!\r\n")
            await conversation.send(b"%x\r\n%b\r\n" % (len(line), line))
        await conversation.send(b"0\r\n\r\n")

    async with backend(script, on_head=True) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(CHUNKED)
        await wire.head()
        for word in (b"who!", b"why!", b"not!"):
            await wire.send(b"4\r\n%b\r\n" % word)
            seen = b""
            while word not in seen:
                # Because the words may come back in pieces, all that could be chunk framing is left out.
                seen += (await wire.data(1)).translate(None, b"\r\n0123456789abcdef")

        assert monolith.connections == 1


async def test_pipelined_requests_behind_a_refused_one_are_not_carried_out() -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
        got = await wire.rest()

        assert [part[:3] for part in got.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]
        assert [received.target for received in monolith.received] == [b"/1"]


async def test_a_client_that_pipelines_and_shuts_its_half_gets_all_of_its_answers() -> None:
    go_on = asyncio.Event()

    async def script(received: Received, _conversation: Conversation) -> bytes:
        await go_on.wait()
        return ok(received.target)

    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % i for i in range(5)))
        wire.writer.write_eof()
        go_on.set()
        got = await wire.rest()

        assert [b"\r\n\r\n/%d" % i in got for i in range(5)] == [True] * 5
        assert len(monolith.received) == 5
