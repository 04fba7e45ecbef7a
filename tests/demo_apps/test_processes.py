"""The applications as processes: started on a port of the system's choice, stopped by a signal."""

import asyncio
import json
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.demo_apps.conftest import ROOT

MODULES = ("legacy_monolith", "extracted.status", "extracted.notifications", "extracted.users", "extracted.payments")
DEADLINE_S = 15.0


async def start(module: str, data: Path, *arguments: str, listen: str = "127.0.0.1:0") -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, "--listen", listen, "--data", str(data), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )


@asynccontextmanager
async def running(module: str, data: Path, *arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Yield a process that is ready, and its URL."""
    process = await start(module, data, *arguments)
    try:
        async with asyncio.timeout(DEADLINE_S):
            assert process.stdout is not None
            line = (await process.stdout.readline()).decode()
            assert line.startswith("listening on http://"), (await process.communicate())[1].decode()
            yield process, line.removeprefix("listening on ").strip()
    finally:
        await end(process)


async def end(process: asyncio.subprocess.Process) -> None:
    """Leave no process behind, whatever the test came to."""
    if process.returncode is None:
        process.kill()
        await process.wait()


async def refused(module: str, data: Path, *arguments: str, listen: str) -> tuple[int | None, str]:
    """Return the exit status and standard error of a process that does not start."""
    process = await start(module, data, *arguments, listen=listen)
    try:
        async with asyncio.timeout(DEADLINE_S):
            _, errors = await process.communicate()
    finally:
        await end(process)
    return process.returncode, errors.decode()


@pytest.mark.parametrize("module", MODULES)
async def test_a_process_says_where_it_listens_and_a_signal_stops_it(module: str, tmp_path: Path) -> None:
    async with running(module, tmp_path) as (process, url), aiohttp.ClientSession() as session:
        async with session.get(f"{url}/healthz") as response:
            healthy = response.status
        process.send_signal(signal.SIGTERM)

        output, errors = await process.communicate()

    assert (healthy, process.returncode, output, errors) == (200, 0, b"", b"")


async def test_an_interrupt_ends_an_open_stream_and_the_process_without_a_traceback(tmp_path: Path) -> None:
    async with (
        running("legacy_monolith", tmp_path) as (process, url),
        aiohttp.ClientSession(headers={"X-User-Id": "7"}) as session,
        session.get(f"{url}/api/notifications/stream") as stream,
    ):
        await stream.content.readuntil(b"\n\n")
        process.send_signal(signal.SIGINT)

        rest = await stream.content.read()
        _, errors = await process.communicate()

    assert (rest, process.returncode, errors) == (b"", 0, b"")


@pytest.mark.parametrize("module", ["legacy_monolith", "extracted.payments"])
async def test_a_client_that_leaves_halfway_is_no_failure_of_the_application(module: str, tmp_path: Path) -> None:
    head = "POST /api/payments HTTP/1.1\r\nHost: x\r\nX-User-Id: 7\r\nContent-Type: application/json\r\n"
    async with running(module, tmp_path, "--log") as (process, url), aiohttp.ClientSession() as session:
        assert process.stderr is not None
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        writer.write(f'{head}Content-Length: 100\r\n\r\n{{"to_user": 8'.encode())
        async with session.get(f"{url}/healthz"):
            await process.stderr.readline()  # the half request came first, so it is being read by now

        writer.close()
        line = json.loads(await process.stderr.readline())

    assert (line["path"], line["status"]) == ("/api/payments", 400)


@pytest.mark.parametrize("module", ["legacy_monolith", "extracted.payments"])
async def test_a_port_in_use_is_one_line_that_names_the_port_and_the_setting(module: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        status, errors = await refused(module, tmp_path, listen=f"127.0.0.1:{port}")

    assert status == 2
    assert errors == (
        f"{module}: port {port} on 127.0.0.1 is already in use; "
        "stop what uses it or choose another with --listen HOST:PORT\n"
    )


async def test_faults_are_refused_where_others_could_reach_them(tmp_path: Path) -> None:
    status, errors = await refused("extracted.payments", tmp_path, "--faults", listen="0.0.0.0:0")

    assert status == 2
    assert "loopback" in errors
    assert errors.count("\n") == 1


async def test_a_database_of_another_version_is_one_line_that_names_the_file(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "status.db")
    database.execute("PRAGMA user_version = 99")
    database.close()

    status, errors = await refused("extracted.status", tmp_path, listen="127.0.0.1:0")

    assert status == 2
    assert str(tmp_path / "status.db") in errors
    assert errors.count("\n") == 1


async def test_data_outlives_the_process(tmp_path: Path) -> None:
    order = {"to_user": 8, "amount_cents": 1250, "currency": "EUR"}
    async with running("extracted.payments", tmp_path) as (_, url), aiohttp.ClientSession() as session:
        headers = {"X-User-Id": "7"}
        async with session.post(f"{url}/api/payments", json=order, headers=headers) as response:
            made = await response.json()
    # The process was killed here, not stopped.

    async with (
        running("extracted.payments", tmp_path) as (_, url),
        aiohttp.ClientSession() as session,
        session.get(f"{url}/api/payments/{made['id']}", headers={"X-User-Id": "7"}) as response,
    ):
        found = await response.json()

    assert found == made
