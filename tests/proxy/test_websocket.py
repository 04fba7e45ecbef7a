"""WebSocket through the tunnel: an echo in the manner of Autobahn's test suite, with `websockets` at both ends."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.backend import backend, ok, says
from tests.support.plane import config, proxy

pytestmark = pytest.mark.whole

SIZES = (0, 1, 125, 126, 127, 65_535, 65_536, 1_048_576)
COMPRESSION = pytest.mark.parametrize("compression", [None, "deflate"])


@asynccontextmanager
async def echo(compression: str | None) -> AsyncIterator[tuple[ClientConnection, list[ServerConnection]]]:
    """Connect through a proxy to a server that sends every message back, in fragments if it came in some."""
    served: list[ServerConnection] = []

    async def handle(connection: ServerConnection) -> None:
        served.append(connection)
        try:
            while True:
                pieces = [piece async for piece in connection.recv_streaming()]
                await connection.send(pieces[0] if len(pieces) == 1 else pieces)
        except ConnectionClosed:
            pass

    async with serve(handle, "127.0.0.1", 0, max_size=None, compression=compression) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with (
            proxy(config(port)) as running,
            connect(f"ws://127.0.0.1:{running.port}/e", max_size=None, compression=compression) as client,
        ):
            yield client, served


async def _back(client: ClientConnection) -> str | bytes:
    return await asyncio.wait_for(client.recv(), 20)


@COMPRESSION
async def test_the_extensions_are_what_both_ends_agreed_on(compression: str | None) -> None:
    async with echo(compression) as (client, served):
        await client.send("x")
        await _back(client)

        names = [[extension.name for extension in end.protocol.extensions] for end in (client, served[0])]
        assert names == [["permessage-deflate"] if compression else []] * 2


@COMPRESSION
@pytest.mark.parametrize("kind", [str, bytes])
async def test_messages_of_every_size_come_back(kind: type, compression: str | None) -> None:
    async with echo(compression) as (client, _):
        for size in SIZES:
            message = "é" * (size // 2) if kind is str else bytes(range(256)) * (size // 256) + b"x" * (size % 256)
            await client.send(message)

            assert await _back(client) == message


@COMPRESSION
async def test_many_messages_come_back_in_order(compression: str | None) -> None:
    async with echo(compression) as (client, _):
        for number in range(500):
            await client.send(str(number))

        assert [await _back(client) for _ in range(500)] == [str(number) for number in range(500)]


@COMPRESSION
@pytest.mark.parametrize("fragments", [["a", "", "b"], [b"a", b"b" * 70_000, b""], ["é"] * 100, [b"x" * 65_536] * 16])
async def test_fragments_come_back_as_one_message(fragments: Sequence[str | bytes], compression: str | None) -> None:
    async with echo(compression) as (client, _):
        await client.send(iter(fragments))

        assert await _back(client) == type(fragments[0])().join(fragments)  # type: ignore[arg-type]  # the same


async def test_pings_of_every_size_are_answered_both_ways() -> None:
    async with echo(None) as (client, served):
        await client.send("x")
        await _back(client)
        for payload in (b"", b"x", b"\x00\xff" * 62):
            await asyncio.wait_for(await client.ping(payload), 10)
            await asyncio.wait_for(await served[0].ping(payload), 10)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 3000, 4999])
async def test_close_codes_and_reasons_arrive_both_ways(code: int) -> None:
    async with echo(None) as (client, served):
        await client.send("x")
        await _back(client)

        await client.close(code, "bye")
        await served[0].wait_closed()

        assert (served[0].close_code, served[0].close_reason) == (code, "bye")
        assert (client.close_code, client.close_reason) == (code, "bye")


async def test_a_close_of_the_server_arrives_at_the_client() -> None:
    async with echo(None) as (client, served):
        await client.send("x")
        await _back(client)

        await served[0].close(1012, "restart")
        with pytest.raises(ConnectionClosed):
            await _back(client)

        assert (client.close_code, client.close_reason) == (1012, "restart")


async def test_a_client_that_drops_its_connection_drops_the_servers() -> None:
    async with echo(None) as (client, served):
        await client.send("x")
        await _back(client)

        client.transport.abort()

        await asyncio.wait_for(served[0].wait_closed(), 2)
        assert served[0].close_code == 1006


async def test_a_refused_handshake_is_the_servers_answer() -> None:
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    async with backend(says(refusal)) as monolith, proxy(config(monolith.port)) as running:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{running.port}/e")

        assert (refused.value.response.status_code, refused.value.response.body) == (403, b"no")


async def test_an_answer_that_grants_nothing_is_no_websocket() -> None:
    async with backend(says(ok(b"plain"))) as monolith, proxy(config(monolith.port)) as running:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{running.port}/e")

        assert refused.value.response.status_code == 200
