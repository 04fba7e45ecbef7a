"""The rolling restart of real workers, under load and when it goes wrong."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from strangler.cli import main
from strangler.runtime import runfile
from tests.support.backend import Backend
from tests.support.load import load
from tests.support.proxy import Proxy, end, launch, routes_text, running
from tests.support.waiting import until

BROKEN = """\
import os, pathlib, sys
if "strangler.runtime.worker" in sys.orig_argv and (pathlib.Path(__file__).parent / "broken").exists():
    os._exit(3)
"""
"""What a bad deployment would do: the worker's program ends before it serves."""


def text(monolith: Backend, *, workers: int = 2) -> str:
    return routes_text(monolith=monolith.port, workers=workers)


async def restart_is(proxy: Proxy, *states: str) -> bool:
    _, restart = await proxy.ask("GET", "/api/v1/restart")
    return restart["state"] in states


async def command(proxy: Proxy, *arguments: str) -> int:
    """Run `strangler restart` on a thread."""
    return await asyncio.to_thread(main, ["restart", "--reason", "test", *arguments, "-c", str(proxy.routes)])


@asynccontextmanager
async def breakable(folder: Path, routes: str) -> AsyncIterator[Proxy]:
    """Serve with a worker program that can be broken while it runs, by a file named `broken`."""
    code = folder / "code"
    code.mkdir()
    (code / "sitecustomize.py").write_text(BROKEN)
    (folder / "routes.yaml").write_text(routes)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        path = os.pathsep.join([str(code), str(Path(__file__).parents[2])])
        proxy = await launch(folder, session=session, environ={"PYTHONPATH": path})
        try:
            await proxy.wait_ready()
            yield proxy
        finally:
            await end(proxy)


async def test_a_rolling_restart_replaces_every_worker_and_costs_no_request(
    tmp_path: Path, monolith: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(tmp_path, text(monolith)) as proxy:
        before = set(proxy.workers)
        async with load(proxy.url) as kept, load(proxy.url, keep_alive=False, clients=4) as fresh:
            await kept.until_more()
            code = await command(proxy, "--json")
            await kept.until_more()
            await fresh.until_more()
        restart = json.loads(capsys.readouterr().out)
        after = set(proxy.workers)

    assert (kept.wrong, fresh.wrong) == ([], [])
    assert code == 0
    assert restart == {"number": 1, "state": "done", "replaced": 2, "workers": 2, "detail": ""}
    assert len(after) == 2
    assert not before & after


async def test_no_moment_of_a_rolling_restart_is_without_a_serving_worker_or_ready(
    tmp_path: Path, monolith: Backend
) -> None:
    async with running(tmp_path, text(monolith)) as proxy:
        proxy.process.send_signal(signal.SIGUSR2)
        seen: set[tuple[int, bool]] = set()

        async def is_done() -> bool:
            code, ready = await proxy.ask("GET", "/readyz", headers={})
            serving = {worker["index"] for worker in ready["workers"] if worker["state"] == "serving"}
            seen.add((code, len(serving) == 2))
            return bool(ready["restart"] == "done")

        await until(is_done, deadline_s=60)

    assert seen == {(200, True)}


async def test_a_change_of_the_routes_file_in_a_rolling_restart_reaches_all_workers(
    tmp_path: Path, monolith: Backend, extracted: Backend
) -> None:
    async with running(tmp_path, text(monolith)) as proxy:
        async with load(proxy.url) as traffic:
            await traffic.until_more()
            proxy.process.send_signal(signal.SIGUSR2)
            await until(lambda: restart_is(proxy, "replacing"))
            generation = (await proxy.status())["generation"]
            proxy.routes.write_text(text(extracted))
            await until(lambda: restart_is(proxy, "done"), deadline_s=60)

            async def is_current() -> bool:
                status = await proxy.status()
                return bool(status["lacks"] == [] and status["generation"] > generation)

            await until(is_current)
            await traffic.until_more()
        answers = {(await proxy.get("/"))[1] for _ in range(20)}

    assert traffic.wrong == []
    assert answers == {"extracted"}


async def test_a_stop_in_a_rolling_restart_ends_every_process(tmp_path: Path, monolith: Backend) -> None:
    async with running(tmp_path, text(monolith)) as proxy:
        seen = set(proxy.workers)
        proxy.process.send_signal(signal.SIGUSR2)
        await until(lambda: len(seen.union(proxy.workers)) > 2)
        run = runfile.read(proxy.state_dir)
        assert run is not None

        code = await proxy.stop()

    assert code == 0
    assert len(run.workers) > 2
    assert not any(runfile.is_alive(process) for process in run.workers)


async def test_a_worker_that_dies_while_its_successor_comes_up_has_one_successor(
    tmp_path: Path, monolith: Backend
) -> None:
    async with running(tmp_path, text(monolith)) as proxy:
        before = set(proxy.workers)
        proxy.process.send_signal(signal.SIGUSR2)
        await until(lambda: len(proxy.workers) == 3)
        victim = next(worker["pid"] for worker in (await proxy.status())["workers"] if worker["index"] == 0)
        os.kill(victim, signal.SIGKILL)
        await until(lambda: restart_is(proxy, "done"), deadline_s=60)

        status = await proxy.status()

    assert [worker["index"] for worker in status["workers"]] == [0, 1]
    assert not before & {worker["pid"] for worker in status["workers"]}


async def test_a_successor_that_does_not_come_up_leaves_all_workers_serving_and_says_so(
    tmp_path: Path, monolith: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    async with breakable(tmp_path, text(monolith)) as proxy:
        before = proxy.workers
        (tmp_path / "code" / "broken").touch()
        async with load(proxy.url) as traffic:
            await traffic.until_more()
            code = await command(proxy)
            await traffic.until_more()
        said = capsys.readouterr().out
        after = proxy.workers
        (tmp_path / "code" / "broken").unlink()
        mended = await command(proxy)

    assert code == 1
    assert said.startswith("failed, 0 of 2 workers replaced: the successor of worker 0 (process ")
    assert after == before
    assert traffic.wrong == []
    assert mended == 0


async def test_workers_on_controls_own_loop_cannot_be_replaced(
    tmp_path: Path, monolith: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(tmp_path, text(monolith, workers=0)) as proxy:
        code = await command(proxy)
        proxy.process.send_signal(signal.SIGUSR2)
        await until(lambda: bool(proxy.events("restart_refused")))

    assert code == 1
    assert "no worker processes to replace" in capsys.readouterr().err


async def test_a_restart_wants_the_token(tmp_path: Path, monolith: Backend) -> None:
    async with running(tmp_path, text(monolith)) as proxy:
        code, _ = await proxy.ask("POST", "/api/v1/restart", headers={})
        _, restart = await proxy.ask("GET", "/api/v1/restart")

    assert (code, restart["state"]) == (401, "never")
