"""Upgrades become tunnels once the upstream grants them, and stay HTTP otherwise."""

import asyncio

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from tests.support.backend import Conversation, Received, backend, ok, says
from tests.support.plane import config, field_of, proxy
from tests.support.waiting import until

UPGRADE = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: chat\r\n\r\n"
GRANTED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n"


async def _chat(_received: Received, conversation: Conversation) -> None:
    await conversation.send(GRANTED + b"welcome")
    while data := await conversation.reader.read(1_000):
        await conversation.send(data.upper())
    await conversation.send(b"bye")


async def test_bytes_pass_both_ways_and_early_ones_are_kept() -> None:
    async with backend(_chat) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(UPGRADE + b"early")
        head = await wire.head()
        first = await wire.exactly(12)
        await wire.send(b"late")

        assert (head[:12], field_of(head, b"upgrade"), field_of(head, b"connection")) == (
            b"HTTP/1.1 101",
            b"chat",
            b"Upgrade",
        )
        assert (first, await wire.exactly(4)) == (b"welcomeEARLY", b"LATE")


async def test_an_end_is_passed_on_and_the_other_direction_stays_open() -> None:
    async with backend(_chat) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(UPGRADE)
        await wire.head()
        await wire.exactly(7)

        wire.writer.write_eof()

        assert await wire.rest() == b"bye"


async def test_a_tunnel_whose_two_ends_have_ended_holds_no_connection() -> None:
    async with backend(_chat) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(UPGRADE)
        await wire.head()
        await wire.exactly(7)

        wire.writer.write_eof()
        await wire.rest()

        await until(lambda: not running.plane.gauges()["client_connections"])
        await until(lambda: not running.plane.gauges()["upstream_connections"])


async def test_a_tunnel_whose_upstream_takes_nothing_for_a_while_loses_no_byte() -> None:
    may_read, taken, sent = asyncio.Event(), [0], 8 << 20

    async def dawdle(_received: Received, conversation: Conversation) -> None:
        await conversation.send(GRANTED)
        await may_read.wait()
        while data := await conversation.reader.read(1 << 20):
            taken[0] += len(data)

    async with backend(dawdle) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(UPGRADE)
        await wire.head()
        (client,) = running.plane._clients

        wire.writer.write(b"x" * sent)
        await until(lambda: client.is_reading_paused)
        first_look = client.wake_at
        await until(lambda: client.wake_at > first_look or client.transport.is_closing())
        may_read.set()
        wire.writer.write_eof()

        await until(lambda: not running.plane.gauges()["client_connections"])
        assert taken == [sent]


async def test_a_refused_upgrade_goes_on_as_http() -> None:
    async with backend(says(ok(b"plain"))) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(UPGRADE + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")

        assert (await wire.answer())[1] == b"plain"
        assert (await wire.answer())[1] == b"plain"
        assert [got.target for got in monolith.received] == [b"/ws", b"/next"]


async def test_h2c_is_not_passed_on_and_the_request_is_answered() -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(
            b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAMAAABk\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        await wire.answer()
        await wire.answer()

        assert [got.target for got in monolith.received] == [b"/a", b"/b"]
        assert [got.values(b"upgrade") + got.values(b"http2-settings") for got in monolith.received] == [[], []]


async def test_the_body_of_a_request_that_wishes_for_h2c_is_read_as_its_body() -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(
            b"POST /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAMAAABk\r\nContent-Length: 5\r\n\r\nhe"
        )
        await wire.send(b"lloGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        got = await wire.rest()

        assert got.endswith(b"ok")
        assert [(got.target, got.body) for got in monolith.received] == [(b"/a", b"hello")]


async def test_websocket_messages_of_any_size_come_back() -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0, max_size=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with (
            proxy(config(port)) as running,
            connect(f"ws://127.0.0.1:{running.port}/echo", max_size=None) as client,
        ):
            for size in (0, 1, 125, 126, 65_535, 65_536, 300_000):
                await client.send(b"x" * size)

                assert await asyncio.wait_for(client.recv(), 10) == b"x" * size


async def test_a_tunnel_ends_when_the_upstream_dies() -> None:
    async def granted(_received: Received, conversation: Conversation) -> None:
        await conversation.send(GRANTED)
        conversation.writer.transport.abort()

    async with backend(granted) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(UPGRADE)
        await wire.head()

        assert await wire.rest() == b""
