"""Messages over TLS: bodies, ends, upgrades and back-pressure are as they are without."""

import asyncio
import resource
import socket
import ssl

import pytest

from strangler.core.model import ListenerLimits
from tests.support.backend import Conversation, Received, backend, ok, says
from tests.support.issuer import Issuer
from tests.support.plane import config, proxy
from tests.support.tlswire import TlsWire
from tests.support.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    made = Issuer(tmp_path_factory.mktemp("tls"))
    made.pair("localhost")
    return made


async def test_a_refused_upload_over_tls_gets_to_read_why(issuer: Issuer) -> None:
    limits = ListenerLimits(body_bytes=1_000)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\n"
    async with (
        backend(says(ok())) as monolith,
        proxy(config(monolith.port, tls=issuer.tls(), limits=limits)) as running,
    ):
        wire = await running.connect(tls=issuer.client())

        await wire.send(head)
        wire.writer.write(b"x" * 400_000)
        answer = await wire.head()

        assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.whole
async def test_an_answer_that_ends_with_the_connection_ends_with_a_goodbye(issuer: Issuer) -> None:
    async def script(_received: Received, _conversation: Conversation) -> bytes:
        return b"HTTP/1.0 200 OK\r\n\r\nall of it"

    async def ends(received: Received, conversation: Conversation) -> None:
        await conversation.send(await script(received, conversation))

    async with backend(ends) as monolith, proxy(config(monolith.port, tls=issuer.tls())) as running:
        wire = await TlsWire.connect(running.port, issuer.client())
        await wire.send(b"GET / HTTP/1.0\r\n\r\n")

        assert (await wire.rest()).endswith(b"\r\n\r\nall of it")
        wire.close()


@pytest.mark.whole
async def test_an_answer_that_is_cut_ends_without_a_goodbye(issuer: Issuer) -> None:
    async def cut(_received: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    async with backend(cut) as monolith, proxy(config(monolith.port, tls=issuer.tls())) as running:
        wire = await TlsWire.connect(running.port, issuer.client())
        await wire.send(GET)

        with pytest.raises((ssl.SSLEOFError, ConnectionError)):
            await wire.rest()
        wire.close()


@pytest.mark.whole
@pytest.mark.parametrize("goes", ["goodbye", "fin", "reset"])
async def test_a_client_that_leaves_takes_its_request_with_it(
    issuer: Issuer, goes: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def silent(_received: Received, conversation: Conversation) -> None:
        await conversation.reader.read(-1)
        raise ConnectionError

    async with backend(silent, on_head=True) as monolith, proxy(config(monolith.port, tls=issuer.tls())) as running:
        wire = await TlsWire.connect(running.port, issuer.client())
        await wire.send(GET)
        await asyncio.wait_for(monolith.arrived.wait(), 10)

        match goes:
            case "goodbye":
                await wire.say_goodbye()
            case "fin":
                wire.sock.shutdown(socket.SHUT_WR)
            case _:
                wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                wire.close()

        await asyncio.wait_for(monolith.lost.wait(), 10)
        await until(lambda: running.plane.gauges()["client_connections"] == 0, what="forgotten")
        assert running.counts() == {("", "legacy", "client_gone"): 1}
        # Because the loop complains of a protocol that wants to go on behind a goodbye.
        assert [record for record in caplog.records if record.name == "asyncio"] == []
        wire.close()


async def test_an_upgrade_over_tls_passes_bytes_both_ways_and_ends(issuer: Issuer) -> None:
    async def echo(_received: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhi")
        await conversation.send((await conversation.reader.readexactly(5))[::-1])

    request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
    async with backend(echo) as monolith, proxy(config(monolith.port, tls=issuer.tls())) as running:
        wire = await running.connect(tls=issuer.client())

        await wire.send(request)
        head = await wire.head()
        await wire.send(b"abcde")

        assert head.startswith(b"HTTP/1.1 101 ")
        assert await wire.rest() == b"hiedcba"


@pytest.mark.whole
async def test_a_big_body_streams_both_ways_over_tls_in_little_memory(issuer: Issuer) -> None:
    size = 64 * 1024 * 1024
    piece = bytes(65_536)

    async def mirror(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        got = 0
        while got < size:
            got += len(await reader.read(262_144))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(piece)):
            writer.write(piece)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(mirror, "127.0.0.1", 0)
    async with server, proxy(config(server.sockets[0].getsockname()[1], tls=issuer.tls())) as running:
        wire = await running.connect(tls=issuer.client())
        await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        for _ in range(size // len(piece)):
            wire.writer.write(piece)
            await wire.writer.drain()
        await wire.head()
        left = size
        while left:
            left -= len(await asyncio.wait_for(wire.reader.read(262_144), 10))

        # Because client, backend and proxy share this process, all three are in the figure.
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024


@pytest.mark.whole
async def test_a_client_that_does_not_read_holds_the_upstream_over_tls_too(issuer: Issuer) -> None:
    piece = bytes(65_536)
    sent = 0

    async def endless(_received: Received, conversation: Conversation) -> None:
        nonlocal sent
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        while True:
            await conversation.send(piece)
            sent += len(piece)

    async with backend(endless) as monolith, proxy(config(monolith.port, tls=issuer.tls())) as running:
        wire = await TlsWire.connect(running.port, issuer.client())
        await wire.send(GET)
        seen = -1

        async def stands_still() -> bool:
            nonlocal seen
            before, seen = seen, sent
            await asyncio.sleep(0.2)
            return 0 < sent == seen == before

        await until(stands_still, what="nothing more is taken")
        assert sent < 32 * 1024 * 1024
        wire.close()
