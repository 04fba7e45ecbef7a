"""The monolith and the services, served on real sockets with a clock that stands still."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from extracted.notifications.service import application as notifications
from extracted.options import Options
from extracted.payments.service import application as payments
from extracted.status.service import application as status
from extracted.users.service import application as users
from legacy_monolith.wiring import application as monolith

NOON = datetime(2024, 7, 1, 12, tzinfo=UTC)
SERVICES = {"status": status, "notifications": notifications, "users": users, "payments": payments}
Client = TestClient[web.Request, web.Application]


def noon() -> datetime:
    """Return the only time there is in these tests."""
    return NOON


@cache
def _seeded(name: str) -> bytes:
    """Return a seeded database as it comes from the application itself, made once for all tests."""
    with TemporaryDirectory() as folder, ThreadPoolExecutor(1) as elsewhere:
        # Because the tests' own loop runs in this thread, and an application is only closed by a loop.
        elsewhere.submit(asyncio.run, _open_and_close(name, Path(folder))).result()
        return (Path(folder) / f"{name}.db").read_bytes()


async def _open_and_close(name: str, data: Path) -> None:
    runner = web.AppRunner(_application(name, data))
    await runner.setup()
    await runner.cleanup()


def build(name: str, data: Path, *, heartbeat_s: float = 15.0) -> web.Application:
    """Return the application `name` over its database in `data`; one that is not there yet is a seeded one."""
    database = data / f"{name}.db"
    if not database.exists():
        database.write_bytes(_seeded(name))
    return _application(name, data, heartbeat_s)


def _application(name: str, data: Path, heartbeat_s: float = 15.0) -> web.Application:
    if name == "monolith":
        return monolith(data, now=noon, heartbeat_s=heartbeat_s)
    return SERVICES[name](Options(data=data, now=noon, heartbeat_s=heartbeat_s))


@asynccontextmanager
async def serve(application: web.Application) -> AsyncIterator[Client]:
    """Serve on a port of the system's choice and yield a client for it."""
    async with TestClient(TestServer(application)) as client:
        yield client
