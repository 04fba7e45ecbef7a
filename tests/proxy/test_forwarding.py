"""What passes is the same message: bytes of the path, order and repetition of headers, bodies, trailers."""

import asyncio
import json

import pytest

from strangler.core.model import HostRule
from tests.support.backend import Conversation, Received, backend, ok, says
from tests.support.plane import Wire, config, field_of, fields_of, proxy, route

HOP = (
    b"connection", b"via", b"x-request-id", b"traceparent", b"forwarded", b"x-forwarded-for", b"x-forwarded-host",
    b"x-forwarded-proto",
)  # fmt: skip


async def _ask(wire: Wire, request: bytes) -> tuple[bytes, bytes]:
    await wire.send(request)
    return await wire.answer()


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"/a%2Fb/%41?q=%20&&x;y=1",
        b"/a//b/./c/../d?",
        b"/" + b"x" * 7_000,
        b"/?",
        b"/path;param=1?redirect=http://other/",
        b"/%e4%b8%ad?%00",
    ],
)
async def test_the_upstream_sees_the_bytes_of_the_clients_target(target: bytes) -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await _ask(wire, b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)

        assert monolith.received[0].target == target


async def test_headers_keep_their_order_case_and_repetition() -> None:
    sent = (
        (b"Host", b"shop.example:8080"),
        (b"X-B", b"2"),
        (b"x-a", b"1"),
        (b"X-B", b"1"),
        (b"COOKIE", b"a=1; b=2"),
        (b"X-Empty", b""),
        (b"X-Latin", b"caf\xe9"),
        (b"Accept-Encoding", b"br"),
    )
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await _ask(wire, b"GET / HTTP/1.1\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % pair for pair in sent))

        passed = tuple(pair for pair in monolith.received[0].headers if pair[0].lower() not in HOP)
        assert passed == sent


async def test_hop_by_hop_headers_and_those_that_connection_names_end_here() -> None:
    request = (
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=5\r\n"
        b"Proxy-Connection: keep-alive\r\nTE: gzip\r\nX-Kept: 1\r\n\r\n"
    )
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await _ask(wire, request)

        names = {name.lower() for name, _ in monolith.received[0].headers}
        assert names == {b"host", b"x-kept", *HOP} - {b"connection"}


async def test_connection_cannot_take_out_the_proxys_own_headers() -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Forwarded-For, Host, X-Request-Id\r\n\r\n"
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await _ask(wire, request)

        assert monolith.received[0].values(b"x-forwarded-for") == [b"127.0.0.1"]
        assert monolith.received[0].values(b"host") == [b"a"]
        assert len(monolith.received[0].values(b"x-request-id")) == 1


async def test_an_untrusted_clients_account_of_itself_is_replaced() -> None:
    request = (
        b"GET / HTTP/1.1\r\nHost: shop\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n"
        b"X-Forwarded-Host: bank\r\nForwarded: for=9.9.9.9\r\nX-Request-Id: forged\r\n"
        b"traceparent: 00-11111111111111111111111111111111-2222222222222222-01\r\n\r\n"
    )
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await _ask(wire, request)

        got = monolith.received[0]
        assert got.values(b"x-forwarded-for") == [b"127.0.0.1"]
        assert got.values(b"x-forwarded-proto") == [b"http"]
        assert got.values(b"x-forwarded-host") == [b"shop"]
        assert got.values(b"forwarded") == [b'for=127.0.0.1;host="shop";proto=http']
        assert got.values(b"x-request-id") != [b"forged"]
        assert got.values(b"traceparent")[0][-3:] == b"-00"


async def test_a_trusted_proxys_account_goes_on_with_itself_added() -> None:
    trace = b"00-11111111111111111111111111111111-2222222222222222-01"
    request = (
        b"GET / HTTP/1.1\r\nHost: shop\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n"
        b"X-Forwarded-Host: bank\r\nForwarded: for=9.9.9.9\r\nX-Request-Id: abc-1\r\ntraceparent: %b\r\n\r\n" % trace
    )
    async with (
        backend(says(ok())) as monolith,
        proxy(config(monolith.port, trusted_proxies=("127.0.0.0/8",))) as running,
    ):
        wire = await running.connect()

        await _ask(wire, request)

        got = monolith.received[0]
        assert got.values(b"x-forwarded-for") == [b"9.9.9.9, 127.0.0.1"]
        assert got.values(b"x-forwarded-proto") == [b"https"]
        assert got.values(b"x-forwarded-host") == [b"bank"]
        assert got.values(b"forwarded") == [b'for=9.9.9.9, for=127.0.0.1;host="shop";proto=http']
        assert got.values(b"x-request-id") == [b"abc-1"]
        assert got.values(b"traceparent") == [trace]


async def test_the_answers_headers_and_cookies_pass_in_order() -> None:
    answer = (
        b"HTTP/1.1 201 Made It\r\nSet-Cookie: a=1\r\nX-B: 1\r\nSet-Cookie: b=2\r\nConnection: X-Gone\r\n"
        b"X-Gone: 1\r\nSet-Cookie: c=3\r\nContent-Length: 2\r\n\r\nok"
    )
    async with backend(says(answer)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        head, body = await _ask(wire, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

        assert head == (
            b"HTTP/1.1 201 Made It\r\nSet-Cookie: a=1\r\nX-B: 1\r\nSet-Cookie: b=2\r\nSet-Cookie: c=3\r\n"
            b"Content-Length: 2\r\n\r\n"
        )
        assert body == b"ok"


@pytest.mark.parametrize("method", [b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"PURGE", b"REPORT"])
async def test_a_body_with_a_length_arrives_whole_with_any_method(method: bytes) -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await _ask(wire, b"%b /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" % method)

        got = monolith.received[0]
        assert (got.method, got.body, got.values(b"content-length")) == (method, b"hello", [b"5"])


async def test_a_chunked_request_arrives_whole_with_its_trailers() -> None:
    request = (
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        b"5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 11\r\nHost: b\r\n\r\n"
    )
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await _ask(wire, request)

        got = monolith.received[0]
        assert (got.body, got.trailers) == (b"hello world", ((b"X-Sum", b"11"),))
        assert got.values(b"content-length") == []


async def test_a_chunked_answer_arrives_whole_with_its_trailers() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 3\r\n\r\n"
    async with backend(says(answer)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        head = await wire.head()

        assert field_of(head, b"transfer-encoding") == b"chunked"
        assert await wire.chunks() == (b"abc", [b"X-Sum: 3"])


async def test_an_answer_that_ends_with_its_connection_is_framed_for_a_client_that_stays() -> None:
    async def script(_received: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\n\r\n", b"hello")

    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

        assert field_of(await wire.head(), b"transfer-encoding") == b"chunked"
        assert await wire.chunks() == (b"hello", [])


async def test_a_1_0_client_is_never_sent_chunks() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    async with backend(says(answer)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")

        head, _, body = (await wire.rest()).partition(b"\r\n\r\n")
        assert (field_of(head, b"transfer-encoding"), field_of(head, b"connection"), body) == (None, b"close", b"abc")
        assert monolith.received[0].version == b"1.1"
        assert monolith.received[0].values(b"host") == [b"127.0.0.1:%d" % monolith.port]


async def test_a_1_0_client_that_asks_for_it_keeps_its_connection() -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        request = b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"

        first, _ = await _ask(wire, request)
        await _ask(wire, request)

        assert field_of(first, b"connection") == b"keep-alive"
        assert len(monolith.received) == 2


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: x\r\n\r\n"),
    ],
)
async def test_an_answer_without_a_body_leaves_both_connections_usable(method: bytes, answer: bytes) -> None:
    async with backend(says(answer)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        request = b"%b / HTTP/1.1\r\nHost: a\r\n\r\n" % method

        await wire.send(request)
        first = await wire.head()
        await wire.send(request)
        second = await wire.head()

        assert first == second
        assert b"chunked" not in first
        assert (len(monolith.received), monolith.connections) == (2, 1)


async def test_the_length_of_an_answer_to_head_passes() -> None:
    async with (
        backend(says(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")) as monolith,
        proxy(config(monolith.port)) as running,
    ):
        wire = await running.connect()

        await wire.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")

        assert field_of(await wire.head(), b"content-length") == b"1000"


async def test_the_host_that_the_upstream_sees_follows_the_route() -> None:
    async with backend(says(ok())) as monolith:
        routes = (
            route("own", "/own", host=HostRule.UPSTREAM),
            route("named", "/named", host=HostRule.LITERAL, host_value="inside.example"),
            route("kept", "/kept"),
        )
        async with proxy(config(monolith.port, 1, *routes)) as running:
            wire = await running.connect()

            for path in (b"/own", b"/named", b"/kept"):
                await _ask(wire, b"GET %b HTTP/1.1\r\nAccept: x\r\nHost: outside\r\n\r\n" % path)

            assert [got.values(b"host") for got in monolith.received] == [
                [b"127.0.0.1:%d" % monolith.port],
                [b"inside.example"],
                [b"outside"],
            ]


async def test_an_absolute_target_names_the_host_and_nothing_else() -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await _ask(wire, b"GET http://10.0.0.1:22/x?y HTTP/1.1\r\nHost: a\r\n\r\n")

        assert (monolith.received[0].target, monolith.received[0].values(b"host")) == (b"/x?y", [b"10.0.0.1:22"])


async def test_expect_100_continue_passes_both_ways() -> None:
    async def script(_received: Received, conversation: Conversation) -> bytes:
        await conversation.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await conversation.reader.readexactly(5) == b"hello"
        return ok(b"done")

    async with backend(script, on_head=True) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        interim = await wire.head()
        head, body = await _ask(wire, b"hello")

        assert monolith.received[0].values(b"expect") == [b"100-continue"]
        assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (head[:15], body) == (b"HTTP/1.1 200 OK", b"done")


async def test_early_hints_pass_before_the_answer() -> None:
    answer = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + ok()
    async with backend(says(answer)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

        assert await wire.head() == b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
        assert (await wire.answer())[1] == b"ok"


async def test_pipelined_requests_are_answered_in_order() -> None:
    async def script(received: Received, _conversation: Conversation) -> bytes:
        return ok(received.target + received.body)

    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        requests = [b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n%d" % (i, i % 10) for i in range(50)]

        await wire.send(b"".join(requests))

        assert [(await wire.answer())[1] for _ in requests] == [b"/%d%d" % (i, i % 10) for i in range(50)]


async def test_a_part_of_a_body_is_passed_on_before_the_rest_has_come() -> None:
    go_on = asyncio.Event()

    async def script(_received: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", b"data: 1\n\n")
        await go_on.wait()

    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await wire.head()

        assert await wire.data(9) == b"data: 1\n\n"
        go_on.set()


async def test_every_problem_carries_the_request_id_that_is_in_the_log() -> None:
    async with proxy(config(1)) as running:
        wire = await running.connect()

        head, body = await _ask(wire, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")

        problem = json.loads(body)
        assert (head[:12], problem["status"], problem["reason"]) == (b"HTTP/1.1 502", 502, "connect")
        assert field_of(head, b"x-request-id") == problem["request_id"].encode()
        assert running.notices[0][1]["request_id"] == problem["request_id"]


async def test_repeated_fields_of_an_answer_stay_apart() -> None:
    async with backend(says(ok(b"", b"Vary: a", b"Vary: b"))) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        head, _ = await _ask(wire, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

        assert fields_of(head, b"vary") == [b"a", b"b"]
