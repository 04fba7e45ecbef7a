"""The admin port's door over real sockets: floods, dawdlers, and what is no HTTP."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from strangler.control.journal import Deed
from strangler.core.audit import Action
from strangler.core.model import ListenerLimits
from strangler.runtime.adminconnection import Connection
from strangler.runtime.admindoor import Cut, Door
from tests.support.issuer import Issuer
from tests.support.surface import TOKEN, Client, served
from tests.support.waiting import until

HASTY = ListenerLimits(header_timeout_s=0.1, write_timeout_s=0.1)
STREAM = "GET /api/v1/stream HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer " + TOKEN + "\r\nAccept: */*\r\n\r\n"

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def cut(client: Client, why: Cut) -> int:
    """Return how many connections were ended for this."""
    return dict(client.door.reading().cut)[why.value]


@asynccontextmanager
async def connected(client: Client) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection(client.address.host, client.address.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def idle(client: Client, stack: AsyncExitStack, count: int) -> list[Wire]:
    """Open connections that say nothing, and wait until all have come in."""
    return [await stack.enter_async_context(connected(client)) for _ in range(count)]


async def ends(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the connection is ended, whichever way."""
    came = b""
    async with asyncio.timeout(20):
        with suppress(ConnectionError):
            while more := await reader.read(65_536):
                came += more
    return came


def problem_of(answer: bytes) -> tuple[int, dict[str, str], dict[str, object]]:
    """Return status, headers and body of an answer that is a problem."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("ascii").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert headers["content-type"] == "application/problem+json"
    assert (headers["server"], headers["x-content-type-options"]) == ("strangler", "nosniff")
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert b"aiohttp" not in answer.lower()
    return int(status.split(" ")[1]), headers, json.loads(body)


async def test_a_flood_of_idle_connections_locks_nobody_out() -> None:
    async with served(limits=ListenerLimits(connections=4)) as client, AsyncExitStack() as stack:
        await idle(client, stack, 12)

        code, _ = await client.ask("GET", "/healthz")

        assert code == 200
        assert client.door.reading().connections <= 4
        assert cut(client, Cut.DISPLACED) >= 8
        assert cut(client, Cut.REFUSED) == 0


async def test_who_has_shown_a_token_keeps_the_place_that_a_stranger_gives_up() -> None:
    async with served(limits=ListenerLimits(connections=2)) as client, AsyncExitStack() as stack:
        await client.ask("GET", "/api/v1/status")
        [(first, _)] = await idle(client, stack, 1)
        await idle(client, stack, 1)

        assert await ends(first) == b""
        await client.ask("GET", "/api/v1/status")
        assert (client.door.reading().connections, cut(client, Cut.DISPLACED)) == (2, 1)


async def test_a_stranger_who_sends_a_body_slowly_gives_way() -> None:
    async with served(limits=ListenerLimits(connections=1)) as client, connected(client) as (reader, writer):
        head = f"POST /api/v1/session HTTP/1.1\r\nHost: {client.address}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: 100\r\nExpect: 100-continue\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")

        code, _ = await client.ask("GET", "/healthz")

        assert code == 200
        assert await ends(reader) == b""


async def test_a_stranger_who_reads_no_answers_gives_way() -> None:
    async with served(limits=ListenerLimits(connections=1)) as client:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            sock.connect((client.address.host, client.address.port))
            sock.setblocking(False)
            ask = f"GET /metrics HTTP/1.1\r\nHost: {client.address}\r\n\r\n".encode()
            with suppress(BlockingIOError):
                while True:
                    sock.send(ask * 100)
                    await asyncio.sleep(0)

            code, _ = await client.ask("GET", "/healthz")

    assert code == 200


async def test_streams_stay_and_one_more_is_told_to_come_back_and_is_counted() -> None:
    async with served(limits=ListenerLimits(connections=2)) as client, AsyncExitStack() as stack:
        streams = await idle(client, stack, 2)
        for reader, writer in streams:
            writer.write(STREAM.format(address=client.address).encode())
            await reader.readuntil(b"event: hello")

        [(refused, _)] = await idle(client, stack, 1)
        status, headers, body = problem_of(await ends(refused))

        assert (status, body["title"]) == (503, "too_many_connections")
        assert int(headers["retry-after"]) > 0
        assert cut(client, Cut.REFUSED) == 1
        client.store.journal.record(Deed(at=1.0, who="w", what=Action.FLAG, subject="later", why="y"))
        for reader, _ in streams:
            await asyncio.wait_for(reader.readuntil(b"later"), 20)


async def test_a_head_that_drips_is_told_that_it_is_late() -> None:
    async with served(limits=HASTY) as client, connected(client) as (reader, writer):
        writer.write(f"GET /healthz HTTP/1.1\r\nHost: {client.address}\r\n".encode())

        def is_cut() -> bool:
            # Because a client that writes to a closed connection may lose what it has not read, it looks first.
            if cut(client, Cut.LATE) == 1:
                return True
            writer.write(b"A: b\r\n")
            return False

        await until(is_cut)
        answer = await ends(reader)

        status, _, body = problem_of(answer)
        assert (status, body["title"]) == (408, "head_timeout")
        assert cut(client, Cut.LATE) == 1


async def test_a_connection_that_asks_for_nothing_is_ended() -> None:
    async with served(limits=HASTY) as client, connected(client) as (reader, _):
        await ends(reader)

        await until(lambda: client.door.reading().connections == 0)


async def test_a_connection_between_requests_is_ended_when_it_is_idle_too_long() -> None:
    limits = ListenerLimits(idle_timeout_s=0.1)
    async with served(limits=limits) as client, connected(client) as (reader, writer):
        writer.write(f"GET /healthz HTTP/1.1\r\nHost: {client.address}\r\n\r\n".encode())

        answer = await ends(reader)

        assert answer.startswith(b"HTTP/1.1 200 ")
        await until(lambda: client.door.reading().connections == 0)


async def test_a_stream_outlives_every_deadline() -> None:
    async with served(limits=HASTY) as client, connected(client) as (reader, writer), connected(client) as (other, _):
        writer.write(STREAM.format(address=client.address).encode())
        await reader.readuntil(b"event: hello")

        await ends(other)
        await until(lambda: cut(client, Cut.LATE) == 1)
        client.store.journal.record(Deed(at=1.0, who="w", what=Action.FLAG, subject="later", why="y"))

        await asyncio.wait_for(reader.readuntil(b"later"), 20)


async def test_a_connection_whose_answer_nobody_reads_is_ended() -> None:
    async with served(limits=HASTY) as client:
        client.file.write_text(f"# {'x' * 900_000}\n{client.file.read_text()}")
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            sock.connect((client.address.host, client.address.port))
            ask = f"GET /api/v1/config HTTP/1.1\r\nHost: {client.address}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
            sock.send(ask.encode() * 8)

            await until(lambda: cut(client, Cut.UNREAD) == 1)

            assert client.door.reading().connections == 0


async def test_connections_that_shake_no_hands_lock_nobody_out_over_tls(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    issuer.pair("localhost", "localhost")
    async with (
        served(limits=ListenerLimits(connections=2), tls=issuer.tls()) as client,
        AsyncExitStack() as stack,
        aiohttp.ClientSession() as session,
    ):
        await idle(client, stack, 6)

        async with session.get(f"https://localhost:{client.address.port}/healthz", ssl=issuer.client()) as answer:
            code = answer.status

        assert code == 200
        assert client.door.reading().connections <= 2


async def test_a_handshake_that_fails_gives_its_place_back_and_is_counted(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    issuer.pair("localhost", "localhost")
    async with served(tls=issuer.tls()) as client, connected(client) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await ends(reader)

        await until(lambda: client.door.reading().connections == 0)
        assert cut(client, Cut.HANDSHAKE) == 1


async def test_one_address_has_its_own_bound_unless_many_stand_behind_it() -> None:
    door = Door(limits=ListenerLimits(connections=6, connections_per_address=2), trusted=("198.51.100.0/24",))
    server = web.Server(lambda _: asyncio.sleep(0, web.Response()))

    def make() -> Connection:
        return Connection(server, on_end=door.leave)

    first = door.admit("192.0.2.1", make)
    for _ in range(3):
        door.admit("192.0.2.1", make)
        door.admit("198.51.100.7", make)

    assert first is not None
    assert door.reading().connections == 5
    assert dict(door.reading().cut)["displaced"] == 2


@pytest.mark.parametrize(
    ("sent", "status", "title"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hush\x00\r\n\r\n", 400, "bad_request"),
        (b"\x16\x03\x01hush\r\n\r\n", 400, "bad_request"),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431, "head_too_large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"hush" * 9_000 + b"\r\n\r\n", 431, "head_too_large"),
    ],
)
async def test_what_cannot_be_read_is_a_problem_that_repeats_nothing(sent: bytes, status: int, title: str) -> None:
    async with served() as client, connected(client) as (reader, writer):
        writer.write(sent)

        answer = await ends(reader)

        found, _, body = problem_of(answer)
        assert (found, body["title"], body["status"]) == (status, title, status)
        assert b"hush" not in answer


async def test_the_end_waits_for_no_idle_connection() -> None:
    async with AsyncExitStack() as stack:
        async with served() as client:
            [(reader, _)] = await idle(client, stack, 1)
            await client.ask("GET", "/healthz")

        assert await ends(reader) == b""
