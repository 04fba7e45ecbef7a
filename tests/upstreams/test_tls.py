"""Upstreams over TLS: who is believed, who we say we are, and that bytes pass as they do without it."""

import asyncio
import json
import os
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import trustme

from strangler.core.model import Address, Config, Timeouts, Upstream, UpstreamTls
from tests.support import certificates
from tests.support.backend import Conversation, Received, Script, backend, ok, says
from tests.support.plane import Proxy, config, proxy
from tests.support.waiting import until

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
NAME = "pay.test"
MIB = 1_048_576


async def loopback(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def served(port: int, tls: UpstreamTls, host: str = NAME, **more: Any) -> Config:
    monolith = Upstream(name="monolith", addresses=(Address(host=host, port=port),), tls=tls, **more)
    return replace(config(1), upstreams=(monolith,), timeouts=Timeouts(connect_s=5.0))


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


def trusting(ca: trustme.CA, **more: Any) -> UpstreamTls:
    return UpstreamTls(ca=certificates.pem(ca), **more)


async def ask(running: Proxy, request: bytes = GET) -> tuple[int, bytes]:
    wire = await running.connect()
    await wire.send(request)
    head, body = await wire.answer()
    wire.close()
    return int(head.split(b" ")[1]), body


async def refusal(running: Proxy) -> str:
    """Return why a write was not sent, as the log has it; the client is told no more than `connect`."""
    status, body = await ask(running, POST)
    assert (status, json.loads(body)["reason"]) == (502, "connect")
    return next(str(fields["detail"]) for event, fields in running.notices if event == "exchange_failed")


@asynccontextmanager
async def between(
    context: ssl.SSLContext, tls: UpstreamTls, script: Script, *, on_head: bool = False, **more: Any
) -> AsyncIterator[tuple[Any, Proxy]]:
    """Run a backend with TLS and a proxy before it."""
    async with (
        backend(script, tls=context, on_head=on_head) as monolith,
        proxy(served(monolith.port, tls, **more), resolve=loopback) as running,
    ):
        yield monolith, running


async def test_a_certificate_of_our_own_authority_for_the_urls_host_is_believed(ca: trustme.CA) -> None:
    async with between(certificates.server(ca, NAME), trusting(ca), says(ok())) as (monolith, running):
        answers = [await ask(running), await ask(running, POST), await ask(running)]

    assert answers == [(200, b"ok")] * 3
    assert monolith.connections == 1


async def test_an_address_is_believed_if_the_certificate_has_it(ca: trustme.CA) -> None:
    context = certificates.server(ca, "127.0.0.1")
    async with between(context, trusting(ca), says(ok()), host="127.0.0.1") as (_, running):
        assert await ask(running) == (200, b"ok")


async def test_the_name_that_is_asked_for_can_be_written_out(ca: trustme.CA) -> None:
    asked: list[str | None] = []
    context = certificates.server(ca, "other.test")
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with between(context, trusting(ca, server_name="other.test"), says(ok())) as (_, running):
        assert await ask(running) == (200, b"ok")

    assert asked == ["other.test"]


async def test_the_urls_host_is_asked_for_and_never_the_address(ca: trustme.CA) -> None:
    asked: list[str | None] = []
    context = certificates.server(ca, NAME)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with between(context, trusting(ca), says(ok())) as (_, running):
        await ask(running)

    assert asked == [NAME]


@pytest.mark.parametrize(
    ("context", "why"),
    [
        (lambda _: certificates.server(trustme.CA(), NAME), "unable to get local issuer certificate"),
        (lambda ca: certificates.server(ca, "other.test"), "Hostname mismatch"),
        (lambda ca: certificates.expired(ca, NAME), "certificate has expired"),
    ],
    ids=["unknown authority", "other name", "expired"],
)
async def test_whoever_cannot_prove_who_he_is_gets_nothing_of_a_request(ca: trustme.CA, context: Any, why: str) -> None:
    async with between(context(ca), trusting(ca), says(ok())) as (monolith, running):
        detail = await refusal(running)

        assert "certificate not accepted: " in detail
        assert why in detail
        assert running.counts() == {("", "legacy", "connect"): 1}
        assert running.plane.gauges()["upstream_connections"] == 0
    assert monolith.received == []


async def test_the_systems_authorities_do_not_know_ours(ca: trustme.CA) -> None:
    async with between(certificates.server(ca, NAME), UpstreamTls(), says(ok())) as (monolith, running):
        assert "certificate not accepted" in await refusal(running)
    assert monolith.received == []


async def test_without_verification_whoever_answers_is_believed(ca: trustme.CA) -> None:
    async with between(certificates.expired(ca, "other.test"), UpstreamTls(verify=False), says(ok())) as (_, running):
        assert await ask(running) == (200, b"ok")


async def test_a_plain_upstream_is_not_spoken_to_without_tls(ca: trustme.CA) -> None:
    got: list[bytes] = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read(5))
        writer.write(b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with proxy(served(port, trusting(ca)), resolve=loopback) as running:
        assert "TLS handshake failed: wrong version number" in await refusal(running)
    server.close()
    await server.wait_closed()

    assert got[0][0] == 0x16


async def test_an_old_version_of_tls_is_not_spoken(ca: trustme.CA) -> None:
    context = certificates.server(ca, NAME)
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with between(context, trusting(ca), says(ok())) as (monolith, running):
        await refusal(running)
    assert monolith.received == []


async def test_an_upstream_that_wants_a_certificate_gets_ours(ca: trustme.CA) -> None:
    clients = trustme.CA()
    ours = clients.issue_cert("proxy.test")
    shown: list[Any] = []

    async def script(_received: Received, conversation: Conversation) -> bytes:
        shown.append(conversation.writer.get_extra_info("peercert"))
        return ok()

    tls = trusting(ca, chain=ours.cert_chain_pems[0].bytes(), key=ours.private_key_pem.bytes())
    async with between(certificates.server(ca, NAME, client_ca=clients), tls, script) as (_, running):
        assert await ask(running) == (200, b"ok")

    assert shown[0]["subjectAltName"] == (("DNS", "proxy.test"),)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_an_upstream_that_wants_a_certificate_and_gets_none_serves_nothing(
    ca: trustme.CA, version: ssl.TLSVersion
) -> None:
    context = certificates.server(ca, NAME, client_ca=trustme.CA())
    context.maximum_version = context.minimum_version = version
    async with between(context, trusting(ca), says(ok())) as (monolith, running):
        status, _ = await ask(running, POST)

    assert status == 502
    assert monolith.received == []


async def test_a_large_body_passes_whole_both_ways(ca: trustme.CA) -> None:
    body = bytes(range(256)) * (16 * MIB // 256)

    async def echo(received: Received, _conversation: Conversation) -> bytes:
        return ok(received.body)

    async with between(certificates.server(ca, NAME), trusting(ca), echo) as (_, running):
        wire = await running.connect()
        await wire.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body))
        sending = asyncio.ensure_future(wire.send(body))
        _, answer = await wire.answer()
        await sending

    assert answer == body


async def test_a_slow_reader_holds_the_upstream_up_and_loses_nothing(ca: trustme.CA) -> None:
    written = 0

    async def pours(_received: Received, conversation: Conversation) -> None:
        nonlocal written
        await conversation.send(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(64):
            await conversation.send(b"x" * MIB)
            written += MIB

    async with between(certificates.server(ca, NAME), trusting(ca), pours) as (_, running):
        wire = await running.connect()
        await wire.send(GET)
        await wire.head()
        seen = -1
        while seen != written:
            seen = written
            for _ in range(200):
                await asyncio.sleep(0)
        held_at = written
        total = 0
        while total < 64 * MIB:
            total += len(await wire.data(1))
        end = await wire.line()

    assert held_at < 48 * MIB
    assert (total, end) == (64 * MIB, b"0")


async def test_each_event_of_a_stream_passes_at_once(ca: trustme.CA) -> None:
    seen = asyncio.Event()

    async def stream(_received: Received, conversation: Conversation) -> bytes:
        await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await seen.wait()
        return b"3\r\ntwo\r\n0\r\n\r\n"

    async with between(certificates.server(ca, NAME), trusting(ca), stream) as (_, running):
        wire = await running.connect()
        await wire.send(GET)
        await wire.head()
        first = await wire.data(3)
        seen.set()
        rest, _ = await wire.chunks()

    assert (first, rest) == (b"one", b"two")


async def test_a_body_that_ends_with_tls_is_whole(ca: trustme.CA) -> None:
    async def until_close(_received: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")

    async with between(certificates.server(ca, NAME), trusting(ca), until_close) as (_, running):
        wire = await running.connect()
        await wire.send(GET)
        await wire.head()
        body, _ = await wire.chunks()

        assert running.counts() == {("", "legacy", "2xx"): 1}
    assert body == b"all of it"


async def test_a_body_that_is_cut_without_the_end_of_tls_never_looks_whole(ca: trustme.CA) -> None:
    async def cut(_received: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\n\r\nnot all of it")
        # Because only the TCP connection is to end, as somebody on the way would end it.
        with socket.socket(fileno=os.dup(conversation.writer.get_extra_info("socket").fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)

    async with between(certificates.server(ca, NAME), trusting(ca), cut) as (_, running):
        wire = await running.connect()
        await wire.send(GET)
        try:
            await wire.head()
            got = await wire.rest()
        except (ConnectionResetError, asyncio.IncompleteReadError):
            got = b""

        assert b"0\r\n\r\n" not in got
        assert running.counts() == {("", "legacy", "reset"): 1}


async def test_a_web_socket_passes_both_ways(ca: trustme.CA) -> None:
    async def echo(_received: Received, conversation: Conversation) -> None:
        await conversation.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        while data := await conversation.reader.read(1_024):
            await conversation.send(data)

    async with between(certificates.server(ca, NAME), trusting(ca), echo) as (_, running):
        wire = await running.connect()
        await wire.send(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        await wire.head()
        await wire.send(b"hello")
        answer = await wire.exactly(5)
        wire.writer.write_eof()
        await wire.rest()
        await until(lambda: running.plane.gauges()["upstream_connections"] == 0)

    assert answer == b"hello"


async def test_a_handshake_that_never_ends_is_given_up_in_time() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    configured = replace(served(port, UpstreamTls(verify=False)), timeouts=Timeouts(connect_s=0.2))
    async with proxy(configured, resolve=loopback) as running:
        detail = await refusal(running)

        assert "no connection within 0.2 s" in detail
        assert running.plane.gauges()["upstream_connections"] == 0
    server.close()
    await server.wait_closed()
