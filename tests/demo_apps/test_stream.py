"""The event stream on both sides, read from the bare socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType

import pytest
from aiohttp import web

import extracted.notifications.stream
import legacy_monolith.stream
from tests.demo_apps.apps import Client, build, serve

both_sides = pytest.mark.parametrize("name", ["monolith", "notifications"])
BODY = {"monolith": b', "read_at": null', "notifications": b""}


@asynccontextmanager
async def listening(client: Client, user: int, *headers: str) -> AsyncIterator[asyncio.StreamReader]:
    """Yield what comes after the stream's first chunk has come, when the listener is known."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    lines = (f"GET /api/notifications/stream?user={user} HTTP/1.1", "Host: x", f"X-User-Id: {user}", *headers, "", "")
    writer.write("\r\n".join(lines).encode())
    try:
        async with asyncio.timeout(5):
            await reader.readuntil(b"retry: 2000\n\n")
            yield reader
    finally:
        writer.close()


async def send(client: Client, user: int, title: str) -> None:
    draft = {"user_id": user, "title": title}
    async with client.post("/api/notifications", json=draft, headers={"X-User-Id": "1"}) as response:
        assert response.status == 201


def event(name: str, number: int, user: int, title: str) -> bytes:
    return (
        b'id: %d\nevent: notification\ndata: {"id": %d, "user_id": %d, "channel": "in_app", "title": "%s", "body": "", '
        b'"created_at": "2024-07-01T12:00:00Z"%s}\n\n' % (number, number, user, title.encode(), BODY[name])
    )


@both_sides
async def test_a_listener_gets_each_event_of_its_user_and_no_other(name: str, tmp_path: Path) -> None:
    async with serve(build(name, tmp_path)) as client, listening(client, 7) as stream:
        await send(client, 8, "for somebody else")
        await send(client, 7, "for you")

        received = await stream.readuntil(b"}\n\n")

    assert received.endswith(b"\r\n" + event(name, 1002, 7, "for you"))


@both_sides
async def test_a_quiet_stream_has_a_heartbeat(name: str, tmp_path: Path) -> None:
    async with serve(build(name, tmp_path, heartbeat_s=0.01)) as client, listening(client, 7) as stream:
        received = await stream.readuntil(b": heartbeat\n\n")

    assert received.endswith(b"\r\n: heartbeat\n\n")


@both_sides
async def test_a_listener_that_comes_back_gets_what_it_missed(name: str, tmp_path: Path) -> None:
    async with serve(build(name, tmp_path)) as client:
        for title in ("seen", "missed", "missed too"):
            await send(client, 7, title)

        async with listening(client, 7, "Last-Event-ID: 1001") as stream:
            received = await stream.readuntil(b"too" + event(name, 0, 0, "").split(b'"title": "')[1])

    assert received == event(name, 1002, 7, "missed") + event(name, 1003, 7, "missed too")


@both_sides
async def test_stopping_ends_every_stream_at_once(name: str, tmp_path: Path) -> None:
    async with serve(build(name, tmp_path)) as client, listening(client, 7) as stream:
        await client.server.close()

        rest = await stream.read()

    assert rest.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("module", [legacy_monolith.stream, extracted.notifications.stream])
async def test_a_listener_that_is_too_slow_is_let_go_with_what_was_kept_for_it(module: ModuleType) -> None:
    broadcast = module.Broadcast(heartbeat_s=15.0)
    application = web.Application()

    async def listen(request: web.Request) -> web.StreamResponse:
        response: web.StreamResponse = await broadcast.serve(request, 7, [])
        return response

    application.router.add_get("/api/notifications/stream", listen)
    async with serve(application) as client, listening(client, 7) as stream:
        for number in range(module.MAX_WAITING + 10):
            broadcast.publish(7, b"<%d>" % number)

        received = await stream.readuntil(b"0\r\n\r\n")

    assert received.endswith(b"<%d>\r\n0\r\n\r\n" % (module.MAX_WAITING - 1))
