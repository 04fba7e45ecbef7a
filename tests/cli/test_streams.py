"""A command that is started with closed descriptors does what it would do with open ones."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.support.backend import backend, ok, says
from tests.support.proxy import Proxy, end, routes_text

CLOSED = ["2>&-", ">&-", "<&-", "<&- >&- 2>&-"]
STREAMS = {"<&-": {0}, ">&-": {1}, "2>&-": {2}}


def words(closed: str, *arguments: str) -> list[str]:
    return ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "strangler", *arguments]


def target(pid: int, number: int) -> str:
    return str(Path(f"/proc/{pid}/fd/{number}").readlink())


@pytest.mark.parametrize("closed", CLOSED)
async def test_a_proxy_serves_without_its_standard_streams_and_takes_nothing_else_for_them(
    closed: str, tmp_path: Path
) -> None:
    numbers = set().union(*(STREAMS[one] for one in closed.split()))
    async with (
        backend(says(ok(b"monolith"))) as monolith,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
    ):
        (tmp_path / "routes.yaml").write_text(routes_text(monolith=monolith.port, workers=1))
        process = await asyncio.create_subprocess_exec(
            *words(closed, "serve", "-c", str(tmp_path / "routes.yaml")),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        proxy = Proxy(folder=tmp_path, process=process, session=session)
        try:
            await proxy.wait_ready()
            status, body = await proxy.get("/")
            opened = {target(process.pid, number) for number in numbers}
            of_worker = target(proxy.workers[0], 2)
            code = await proxy.stop()
        finally:
            await end(proxy)

    assert (status, body, code) == (200, "monolith", 0)
    assert opened == {os.devnull}
    assert (of_worker == os.devnull) is (2 in numbers)


@pytest.mark.parametrize("closed", CLOSED)
def test_a_command_has_its_exit_code_without_its_standard_streams(closed: str, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(routes_text(monolith=1))
    (tmp_path / "bad.yaml").write_text("version: 2")

    codes = [
        subprocess.run(words(closed, *arguments), capture_output=True, check=False, timeout=60).returncode
        for arguments in (
            ("check", "-c", str(tmp_path / "good.yaml")),
            ("check", "-c", str(tmp_path / "bad.yaml")),
            ("trip", "x", "-c", str(tmp_path / "good.yaml")),
        )
    ]

    assert codes == [0, 2, 2]
