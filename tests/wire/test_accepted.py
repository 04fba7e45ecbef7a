"""What is accepted goes on re-framed: the upstream gets one request that a strict reader accepts, with one framing."""

import asyncio

import h11
import pytest

from tests.support.backend import Conversation, Received, backend, ok, says
from tests.support.plane import config, proxy
from tests.wire.corpus import SMUGGLED


async def _echo(received: Received, _conversation: Conversation) -> bytes:
    return ok(received.method + b" " + received.target + b" " + received.body)


CHUNKED = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "body", "framing"),
    [
        (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", b"hello", (b"content-length", b"5")),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\nhello", b"hello", (b"content-length", b"5")),
        (b"POST /x HTTP/1.1\r\nHost: a\r\ncontent-length:\t5 \t\r\n\r\nhello", b"hello", (b"content-length", b"5")),
        (b"POST /x HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", b"hello", (b"content-length", b"5")),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\nContent-Length: 05\r\n\r\nhello", b"hello",
         (b"content-length", b"5")),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"hello", (b"transfer-encoding", b"chunked")),
        (CHUNKED.replace(b"chunked", b"CHUNKED") + b"5\r\nhello\r\n0\r\n\r\n", b"hello",
         (b"transfer-encoding", b"chunked")),
        (CHUNKED + b"0005\r\nhello\r\n000\r\n\r\n", b"hello", (b"transfer-encoding", b"chunked")),
        (CHUNKED + b'5;a;b=c;d="e;\\"f"\r\nhello\r\n0;z\r\n\r\n', b"hello", (b"transfer-encoding", b"chunked")),
        (CHUNKED + b"A\r\n0\r\n\r\nhello\r\n0\r\n\r\n", b"0\r\n\r\nhello", (b"transfer-encoding", b"chunked")),
        (CHUNKED + b"1\r\nh\r\n" * 1_000 + b"0\r\n\r\n", b"h" * 1_000, (b"transfer-encoding", b"chunked")),
        (CHUNKED.replace(b"Host", b"Content_Length: 1\r\nTransfer_Encoding: x\r\nHost") + b"5\r\nhello\r\n0\r\n\r\n",
         b"hello",
         (b"transfer-encoding", b"chunked")),
    ],
)  # fmt: skip
async def test_a_body_is_passed_on_in_one_plain_framing(raw: bytes, body: bytes, framing: tuple[bytes, bytes]) -> None:
    async with backend(_echo) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(raw)

        assert (await wire.answer())[1] == b"POST /x " + body
        names = (b"content-length", b"transfer-encoding", b"content_length", b"transfer_encoding")
        got = [(name.lower(), value) for name, value in monolith.received[0].headers if name.lower() in names]
        assert got == [framing]


async def test_what_reaches_the_upstream_has_no_trace_of_the_clients_framing() -> None:
    got = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while b"X-Sum: 1\r\n\r\n" not in got:
            got.extend(await reader.read(65_536))
        writer.write(ok())
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with proxy(config(server.sockets[0].getsockname()[1])) as running:
        wire = await running.connect()

        await wire.send(CHUNKED + b'0000c;a="x"\r\nhello, world\r\n000;z\r\nX-Sum: 1\r\nContent-Type: a\r\n\r\n')
        await wire.answer()
    server.close()

    strict = h11.Connection(h11.SERVER)
    strict.receive_data(bytes(got))
    events = [strict.next_event()]
    while not isinstance(events[-1], h11.EndOfMessage):
        events.append(strict.next_event())
    assert b"".join(bytes(event.data) for event in events if isinstance(event, h11.Data)) == b"hello, world"
    assert list(events[-1].headers) == [(b"x-sum", b"1")]
    assert b";" not in got.partition(b"\r\n\r\n")[2]
    assert b"000" not in got.partition(b"\r\n\r\n")[2]


async def test_trailers_are_never_merged_into_the_headers() -> None:
    async with backend(_echo) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(CHUNKED + b"2\r\nhi\r\n0\r\nX-User-Id: 1\r\nHost: b\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n")
        await wire.answer()

        got = monolith.received[0]
        assert got.values(b"x-user-id") == []
        assert got.values(b"host") == [b"a"]
        assert got.trailers == ((b"X-User-Id", b"1"),)


@pytest.mark.parametrize(
    ("line", "target", "host"),
    [
        (b"GET http://b:81/x?y HTTP/1.1\r\nHost: a", b"/x?y", b"b:81"),
        (b"GET HTTP://b HTTP/1.1\r\nHost: a", b"/", b"b"),
        (b"GET https://b?y HTTP/1.1\r\nHost: a", b"/?y", b"b"),
        (b"GET http://[::1]:81/ HTTP/1.1\r\nHost: a", b"/", b"[::1]:81"),
        (b"GET http://169.254.169.254/latest HTTP/1.0", b"/latest", b"169.254.169.254"),
        (b"OPTIONS * HTTP/1.1\r\nHost: a", b"*", b"a"),
        (b"\r\n\r\nGET /x HTTP/1.1\r\nHost: a", b"/x", b"a"),
        (b"GET //b/x HTTP/1.1\r\nHost: a", b"//b/x", b"a"),
        (b"GET /http://b/x HTTP/1.1\r\nHost: a", b"/http://b/x", b"a"),
    ],
)
async def test_no_target_leads_anywhere_but_to_the_upstream(line: bytes, target: bytes, host: bytes) -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(line + b"\r\n\r\n")
        await wire.answer()

        got = monolith.received[0]
        assert (got.target, got.values(b"host"), got.values(b"x-forwarded-host")) == (target, [host], [host])


@pytest.mark.parametrize(
    "upgrade",
    [
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        b"Connection: upgrade\r\nUpgrade: H2C\r\n",
        b"Connection: upgrade\r\nUpgrade: websocket, h2c\r\n",
        b"Connection: keep-alive\r\nUpgrade: websocket\r\n",
        b"Upgrade: websocket\r\n",
    ],
)
async def test_an_upgrade_that_is_not_passed_on_leaves_the_next_bytes_to_http(upgrade: bytes) -> None:
    async with backend(_echo) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(
            b"GET /first HTTP/1.1\r\nHost: a\r\n" + upgrade + b"\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n"
        )

        assert [(await wire.answer())[1] for _ in range(2)] == [b"GET /first ", b"GET /second "]
        assert [got.values(b"upgrade") + got.values(b"http2-settings") for got in monolith.received] == [[], []]


async def test_bytes_behind_a_refused_upgrade_are_read_as_strictly_as_any() -> None:
    async with backend(_echo) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        await wire.send(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n" + SMUGGLED)

        assert (await wire.answer())[1] == b"GET /ws "
        assert (await wire.rest()).startswith(b"HTTP/1.1 400 ")
        assert [got.target for got in monolith.received] == [b"/ws"]


@pytest.mark.parametrize(
    "name", [b"Content_Length", b"X_Forwarded_For", b"x-forwarded_for", b"Transfer_Encoding", b"X_Request_Id"]
)
async def test_no_spelling_of_a_name_passes_for_a_field_of_ours(name: bytes) -> None:
    async with backend(_echo) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"GET /x HTTP/1.1\r\nHost: a\r\n" + name + b": forged\r\n\r\n")
        await wire.answer()

        assert b"forged" not in [value for _, value in monolith.received[0].headers]


@pytest.mark.parametrize("encoded", [b"%0d%0aSet-Cookie:%20a=1", b"%0D%0A%0D%0AHTTP/1.1%20200%20OK", b"%0a", b"%0dX"])
async def test_an_encoded_line_end_stays_encoded(encoded: bytes) -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, decision_header=True)) as running:
        wire = await running.connect()

        await wire.send(b"GET /x" + encoded + b"?" + encoded + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        head, _ = await wire.answer()

        assert monolith.received[0].target == b"/x" + encoded + b"?" + encoded
        assert b"Set-Cookie" not in head
