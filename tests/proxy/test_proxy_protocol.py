"""The PROXY protocol: who a connection is for is taken from a header that must be there, from those who may say so."""

import asyncio

import pytest

from strangler.core.model import ListenerLimits, ListenerTls
from tests.support.backend import backend, ok, says
from tests.support.issuer import Issuer
from tests.support.plane import Proxy, Wire, config, proxy
from tests.support.proxyline import SIGNATURE, binary, line, raw, tlv
from tests.support.tlswire import TlsWire
from tests.support.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
LOOPBACK = ("127.0.0.0/8",)
LONGEST = raw(0x21, 0x11, b"\xcb\x00\x71\x07" + bytes(8) + tlv(4, bytes(4_096 - 16 - 12 - 3)))


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (line("203.0.113.7"), b"203.0.113.7"),
        (line("2001:db8::7"), b"2001:db8::7"),
        (line("::ffff:203.0.113.7"), b"203.0.113.7"),
        (binary("203.0.113.7"), b"203.0.113.7"),
        (binary("2001:db8::7", tlvs=tlv(1, b"h2") + tlv(0x20, b"x" * 99)), b"2001:db8::7"),
        (LONGEST, b"203.0.113.7"),
        (b"PROXY UNKNOWN\r\n", b"127.0.0.1"),
        (raw(0x20, 0x00, b""), b"127.0.0.1"),
        (raw(0x21, 0x31, bytes(216)), b"127.0.0.1"),
    ],
)
async def test_the_header_says_who_the_client_is_and_the_request_follows_whole(header: bytes, address: bytes) -> None:
    async with (
        backend(says(ok(b"hello"))) as monolith,
        proxy(config(monolith.port, proxy_protocol=True, trusted_proxies=LOOPBACK)) as running,
    ):
        wire = await running.connect()

        await wire.send(header + GET)
        _, body = await wire.answer()

        assert body == b"hello"
        assert monolith.received[0].values(b"x-forwarded-for") == [address]

        wire.writer.close()
        await _until_free(running)


async def test_what_the_named_client_says_of_itself_is_believed_only_if_it_is_trusted_too() -> None:
    request = b"GET / HTTP/1.1\r\nHost: shop\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n"
    trusted = (*LOOPBACK, "198.51.100.0/24")
    async with (
        backend(says(ok())) as monolith,
        proxy(config(monolith.port, proxy_protocol=True, trusted_proxies=trusted)) as running,
    ):
        for address in ("203.0.113.7", "198.51.100.7"):
            wire = await running.connect()
            await wire.send(line(address) + request)
            await wire.answer()

        told = [received.values(b"x-forwarded-for") for received in monolith.received]
        assert told == [[b"203.0.113.7"], [b"9.9.9.9, 198.51.100.7"]]


@pytest.mark.parametrize(
    "data",
    [
        GET,
        b"PROXY TCP4 203.0.113.7\r\n" + GET,
        b"PROXY TCP4 203.0.113.7 203.0.113.7 1 65536\r\n" + GET,
        b"PROXY UNKNOWN " + b"x" * 200 + b"\r\n" + GET,
        SIGNATURE[:11] + b"\r" + GET,
        raw(0x21, 0x11, bytes(11)) + GET,
        raw(0x21, 0x11, bytes(12), length=8_000) + bytes(8_000) + GET,
        raw(0x21, 0x11, bytes(12) + tlv(3, b"four")) + GET,
        b"\x00" * 300,
    ],
)
async def test_a_connection_without_a_valid_header_is_closed_without_an_answer(data: bytes) -> None:
    async with (
        backend(says(ok())) as monolith,
        proxy(config(monolith.port, proxy_protocol=True, trusted_proxies=LOOPBACK)) as running,
    ):
        wire = await running.connect()

        await wire.send(data)

        assert await _rest(wire.reader) == b""
        await _until_free(running)
        assert monolith.received == []


@pytest.mark.parametrize("header", [line("10.0.0.1"), binary("10.0.0.1"), b""])
async def test_nobody_else_may_say_whom_it_speaks_for(header: bytes) -> None:
    async with (
        backend(says(ok())) as monolith,
        proxy(config(monolith.port, proxy_protocol=True, trusted_proxies=("10.0.0.0/8",))) as running,
    ):
        wire = await running.connect()

        await wire.send(header + GET)

        assert await _rest(wire.reader) == b""
        await until(lambda: "handshakes_failed" in [event for event, _ in running.notices], what="told")
        assert running.notices[-1][1] == {"why": {"a PROXY header would not be believed": 1}}
        assert monolith.received == []


async def test_a_header_that_nobody_asked_for_is_a_bad_request() -> None:
    async with proxy(config(1, trusted_proxies=LOOPBACK)) as running:
        wire = await running.connect()

        await wire.send(line("203.0.113.7") + GET)

        assert (await wire.rest()).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("begun", [b"", b"P", line("203.0.113.7")[:-1], SIGNATURE, LONGEST[:4_000]])
async def test_a_header_that_is_not_whole_in_time_ends_the_connection(begun: bytes) -> None:
    limits = ListenerLimits(handshake_timeout_s=0.2)
    async with proxy(config(1, proxy_protocol=True, trusted_proxies=LOOPBACK, limits=limits)) as running:
        wire = await running.connect()
        if begun:
            await wire.send(begun)

        assert await _rest(wire.reader) == b""
        await _until_free(running)


async def test_a_sender_that_leaves_before_its_header_is_whole_is_forgotten() -> None:
    async with proxy(config(1, proxy_protocol=True, trusted_proxies=LOOPBACK)) as running:
        for leave in (Wire.close, Wire.reset):
            wire = await running.connect()
            await wire.send(b"PROXY TCP4 ")
            await until(lambda: running.plane.gauges()["client_handshakes"] == 1, what="it is at it")
            leave(wire)
            await _until_free(running)


async def test_a_sender_that_waits_in_its_header_costs_no_turns_of_the_loop() -> None:
    async with proxy(config(1, proxy_protocol=True, trusted_proxies=LOOPBACK)) as running:
        wire = await running.connect()
        await wire.send(b"PROXY TCP4 ")
        await until(lambda: running.plane.gauges()["client_handshakes"] == 1, what="it is at it")
        (acceptor,) = running.plane._acceptors
        (preface,) = acceptor._prefaces
        await until(lambda: preface._data == b"PROXY TCP4 ", what="all that came is taken")

        with pytest.raises(BlockingIOError):
            # Because the loop calls as long as there is something to read.
            preface.sock.recv(1)


@pytest.mark.parametrize("header", [line("203.0.113.7"), binary("203.0.113.7")])
async def test_the_header_comes_before_the_tls_handshake(
    header: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    issuer = Issuer(tmp_path_factory.mktemp("tls"))
    tls = ListenerTls(pairs=(issuer.pair("localhost"),))
    async with (
        backend(says(ok(b"hello"))) as monolith,
        proxy(config(monolith.port, tls=tls, proxy_protocol=True, trusted_proxies=LOOPBACK)) as running,
    ):
        wire = await TlsWire.connect(running.port, issuer.client(), first=header)
        await wire.send(GET)
        await wire.until(b"hello")

        got = monolith.received[0]
        assert got.values(b"x-forwarded-for") == [b"203.0.113.7"]
        assert got.values(b"x-forwarded-proto") == [b"https"]
        wire.close()


async def test_connections_are_counted_for_the_client_that_the_header_names() -> None:
    limits = ListenerLimits(connections_per_address=1)
    async with (
        backend(says(ok(b"hello"))) as monolith,
        proxy(config(monolith.port, proxy_protocol=True, trusted_proxies=LOOPBACK, limits=limits)) as running,
    ):
        wires = [await running.connect() for _ in range(3)]
        await wires[0].send(line("203.0.113.7") + GET)
        await wires[0].answer()
        await wires[1].send(line("203.0.113.8") + GET)
        await wires[1].answer()
        await wires[2].send(line("203.0.113.7") + GET)

        assert await _rest(wires[2].reader) == b""
        assert ("connection_refused", {"limit": 1, "address": "203.0.113.7"}) in running.notices


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the end, which may be a reset."""
    try:
        return await asyncio.wait_for(reader.read(-1), 10)
    except ConnectionError:
        return b""


async def _until_free(running: Proxy) -> None:
    """Wait until no connection takes a place."""
    await until(lambda: running.plane._crowd.total == 0, what="its place is free")
