"""Clients over TLS: what is spoken, with which certificate, for how long, and to whom."""

import asyncio
import ssl
import warnings
from dataclasses import replace
from typing import Any

import pytest

from strangler.core.model import KeyPair, ListenerLimits, TlsVersion
from strangler.proxy.tls import open_tls
from tests.support.backend import backend, ok, says
from tests.support.issuer import Issuer
from tests.support.plane import config, proxy
from tests.support.tlswire import TlsWire
from tests.support.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    made = Issuer(tmp_path_factory.mktemp("tls"))
    made.pair("localhost")
    made.pair("shop", "shop.example", "*.shop.example")
    made.pair("deep", "a.shop.example")
    made.trust()
    return made


async def test_a_request_over_tls_is_answered_and_the_upstream_is_told_so(issuer: Issuer) -> None:
    async with backend(says(ok(b"hello"))) as monolith, proxy(config(monolith.port, tls=issuer.tls())) as running:
        wire = await running.connect(tls=issuer.client())

        await wire.send(GET)
        _, body = await wire.answer()

        got = monolith.received[0]
        assert body == b"hello"
        assert got.values(b"x-forwarded-proto") == [b"https"]
        assert got.values(b"forwarded") == [b'for=127.0.0.1;host="shop";proto=https']


@pytest.mark.whole
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_1_2_and_1_3_are_spoken_with_authenticated_ciphers_and_http_1_1_alone(
    issuer: Issuer, version: ssl.TLSVersion
) -> None:
    client = issuer.client()
    client.minimum_version = client.maximum_version = version
    client.set_alpn_protocols(["h2", "http/1.1"])
    async with proxy(config(1, tls=issuer.tls())) as running:
        wire = await TlsWire.connect(running.port, client)

        cipher = wire.tls.cipher()
        assert wire.tls.version() == version.name.replace("_", ".")
        assert wire.tls.selected_alpn_protocol() == "http/1.1"
        assert cipher is not None and ("GCM" in cipher[0] or "CHACHA20" in cipher[0])
        assert wire.tls.compression() is None
        wire.close()


@pytest.mark.whole
@pytest.mark.parametrize(
    ("spoken", "minimum"), [("TLSv1", "1.2"), ("TLSv1_1", "1.2"), ("TLSv1_1", "1.3"), ("TLSv1_2", "1.3")]
)
async def test_an_older_version_is_refused(issuer: Issuer, spoken: str, minimum: str) -> None:
    client = issuer.client()
    client.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        # Because Python warns of what this test is about.
        warnings.simplefilter("ignore", DeprecationWarning)
        client.minimum_version = client.maximum_version = ssl.TLSVersion[spoken]
    async with proxy(config(1, tls=issuer.tls(min_version=TlsVersion(minimum)))) as running:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await TlsWire.connect(running.port, client)

        assert running.plane.gauges()["client_connections"] == 0


@pytest.mark.whole
@pytest.mark.parametrize("ciphers", ["AES256-GCM-SHA384", "ECDHE-RSA-AES256-SHA384", "ECDHE-ECDSA-AES128-SHA256"])
async def test_a_cipher_without_forward_secrecy_or_authentication_is_refused(issuer: Issuer, ciphers: str) -> None:
    client = issuer.client()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(ciphers)
    async with proxy(config(1, tls=issuer.tls())) as running:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await TlsWire.connect(running.port, client)


@pytest.mark.whole
@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("localhost", "localhost"),
        ("shop.example", "shop.example"),
        ("SHOP.example", "shop.example"),
        ("b.shop.example", "shop.example"),
        ("a.shop.example", "a.shop.example"),
        ("b.a.shop.example", "localhost"),
        ("example", "localhost"),
        (None, "localhost"),
    ],
)
async def test_the_certificate_is_the_one_for_the_name_that_the_client_asks_for(
    issuer: Issuer, asked: str | None, served: str
) -> None:
    client = issuer.client()
    client.check_hostname = False
    async with proxy(config(1, tls=issuer.tls("localhost", "shop", "deep"))) as running:
        wire = await TlsWire.connect(running.port, client, asked)

        certificate = wire.tls.getpeercert()
        assert certificate is not None
        assert certificate["subjectAltName"][0] == ("DNS", served)
        wire.close()


@pytest.mark.whole
async def test_a_client_without_a_certificate_of_the_ca_is_refused(issuer: Issuer, tmp_path: Any) -> None:
    stranger = Issuer(tmp_path)
    async with (
        backend(says(ok(b"hello"))) as monolith,
        proxy(config(monolith.port, tls=issuer.tls(client_ca=str(issuer.folder / "ca.pem")))) as running,
    ):
        for pair in (None, stranger.pair("client")):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await _ask_with(running.port, issuer, pair)

        assert monolith.received == []
        assert (await _ask_with(running.port, issuer, issuer.paths("shop"))).endswith(b"hello")


async def _ask_with(port: int, issuer: Issuer, pair: KeyPair | None) -> bytes:
    client = issuer.client()
    if pair is not None:
        client.load_cert_chain(pair.cert, pair.key)
    wire = await TlsWire.connect(port, client)
    try:
        await wire.send(GET)
        return await wire.until(b"hello")
    finally:
        wire.close()


@pytest.mark.whole
@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x00" * 64,
        b"\x16\x03\x01\xff\xff" + b"x" * 99,
        b"\x15\x03\x01\x00\x02\x02\x28",
    ],
)
async def test_what_is_no_tls_on_the_tls_port_ends_and_is_told(issuer: Issuer, data: bytes) -> None:
    async with proxy(config(1, tls=issuer.tls())) as running:
        wire = await running.connect()
        await wire.send(data)
        try:
            await wire.rest()
        except ConnectionError:
            pass

        await until(lambda: "handshakes_failed" in [event for event, _ in running.notices], what="told")
        assert running.plane.gauges()["client_handshakes"] == 0


@pytest.mark.whole
async def test_tls_on_the_plain_port_is_a_bad_request() -> None:
    hello = ssl.MemoryBIO()
    engine = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="a")
    with pytest.raises(ssl.SSLWantReadError):
        engine.do_handshake()
    async with proxy(config(1)) as running:
        wire = await running.connect()
        await wire.send(hello.read())

        assert (await wire.rest()).startswith(b"HTTP/1.1 400 ")


@pytest.mark.whole
@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01\x02\x00\x01"])
async def test_a_handshake_that_takes_too_long_is_ended(issuer: Issuer, begun: bytes) -> None:
    limits = ListenerLimits(handshake_timeout_s=0.2)
    async with proxy(config(1, tls=issuer.tls(), limits=limits)) as running:
        wire = await running.connect()
        await wire.send(begun)

        assert await _rest_or_reset(wire.reader) == b""
        await until(lambda: running.plane.gauges()["client_handshakes"] == 0, what="its place is free")


async def _rest_or_reset(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(-1), 10)
    except ConnectionError:
        return b""


@pytest.mark.whole
async def test_handshakes_take_places_but_hold_nobody_up_who_is_in(issuer: Issuer) -> None:
    limits = ListenerLimits(connections=3)
    async with (
        backend(says(ok(b"hello"))) as monolith,
        proxy(config(monolith.port, tls=issuer.tls(), limits=limits)) as running,
    ):
        inside = await running.connect(tls=issuer.client())
        slow = [await running.connect() for _ in range(2)]
        await until(lambda: running.plane.gauges()["client_handshakes"] == 2, what="two are at it")

        beyond = await running.connect()
        assert await _rest_or_reset(beyond.reader) == b""
        await inside.send(GET)
        assert (await inside.answer())[1] == b"hello"
        for wire in slow:
            wire.close()
        await until(lambda: running.plane.gauges()["client_handshakes"] == 0, what="they left")
        assert ("connection_refused", {"limit": 3}) in running.notices


@pytest.mark.whole
async def test_new_handshakes_get_the_new_certificate_and_open_connections_go_on(issuer: Issuer) -> None:
    client = issuer.client()
    client.check_hostname = False
    async with backend(says(ok(b"hello"))) as monolith, proxy(config(monolith.port, tls=issuer.tls())) as running:
        old = await TlsWire.connect(running.port, client)

        running.plane.tls = open_tls(issuer.tls("shop")).context
        new = await TlsWire.connect(running.port, client)

        for wire in (old, new):
            await wire.send(GET)
            assert (await wire.until(b"hello")).startswith(b"HTTP/1.1 200 ")
        names = [dict(wire.tls.getpeercert() or {})["subjectAltName"][0][1] for wire in (old, new)]
        assert names == ["localhost", "shop.example"]
        old.close()
        new.close()


@pytest.mark.whole
async def test_a_drain_ends_idle_clients_over_tls_that_never_say_goodbye(issuer: Issuer) -> None:
    async with proxy(config(1, tls=issuer.tls())) as running:
        wire = await TlsWire.connect(running.port, issuer.client())
        await until(lambda: running.plane.gauges()["client_connections"] == 1, what="it is in")

        await asyncio.wait_for(running.plane.drain(30), 10)

        assert "drain_cut" not in [event for event, _ in running.notices]
        wire.close()


@pytest.mark.whole
async def test_a_handshake_under_way_is_served_by_a_drain(issuer: Issuer) -> None:
    async with backend(says(ok(b"hello"))) as monolith, proxy(config(monolith.port, tls=issuer.tls())) as running:
        slow = await running.connect()
        await until(lambda: running.plane.gauges()["client_handshakes"] == 1, what="it is at it")

        drain = asyncio.create_task(running.plane.drain(30))
        await asyncio.sleep(0)
        transport = await asyncio.get_running_loop().start_tls(
            slow.writer.transport, slow.writer.transport.get_protocol(), issuer.client(), server_hostname="localhost"
        )
        assert transport is not None
        transport.write(GET)
        answer = await slow.head()

        assert b"Connection: close" in answer
        transport.close()
        await asyncio.wait_for(drain, 10)


def test_no_pair_is_served_if_one_is_bad(issuer: Issuer) -> None:
    from strangler.errors import CertificateError

    mixed = replace(issuer.tls(), pairs=(issuer.paths("localhost"), replace(issuer.paths("shop"), key="nowhere")))

    with pytest.raises(CertificateError):
        open_tls(mixed)
