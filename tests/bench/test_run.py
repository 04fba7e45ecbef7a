"""The benchmark as a command, as small as it can be."""

import asyncio
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from bench.scenarios import FLAG, routes_text
from strangler.config import load
from tests.support.waiting import until

_TOOLS = pytest.mark.skipif(
    shutil.which("wrk") is None or shutil.which("nginx") is None,
    reason="wrk or nginx is not installed; Debian's packages are wrk and nginx-light",
)
_ROOT = Path(__file__).parents[2]
_RUN_S = 100.0
"""It takes about five seconds on an idle machine."""


async def _bench(*arguments: str, **environ: str) -> tuple[int, str, str]:
    process = await _start(*arguments, **environ)
    async with asyncio.timeout(_RUN_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def _start(*arguments: str, **environ: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environ},
        cwd=_ROOT,
    )


def _session_leaders(parent: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def _is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@_TOOLS
async def test_a_run_tells_cpu_rate_and_both_ratios(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"

    code, out, err = await _bench("--rounds", "1", "--seconds", "0.5", "--json", str(figures))

    assert (code, err) == (0, "")
    assert "CPU µs a request" in out
    for line in ("strangler ", "plain aiohttp ", "nginx ", "strangler / plain aiohttp", "strangler / nginx", "split: "):
        assert line in out
    found = json.loads(figures.read_text())
    assert set(found["ratios"]) == {"strangler/plain aiohttp", "strangler/nginx"}
    assert min(found["split"].values()) > 0
    assert all(measure["requests"] > 0 and measure["cpu_us"] > 0 for measure in found["rounds"][0].values())


@_TOOLS
@pytest.mark.parametrize("scenario", ["post1k", "get64k"])
async def test_every_scenario_measures_requests_that_succeed(scenario: str) -> None:
    code, out, err = await _bench("--scenario", scenario, "--rounds", "1", "--seconds", "0.5")

    assert (code, err) == (0, "")
    assert "strangler / nginx" in out


@_TOOLS
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_no_process_is_left_however_a_run_ends(number: signal.Signals, tmp_path: Path) -> None:
    process = await _start("--seconds", "60", TMPDIR=str(tmp_path))
    await until(lambda: len(_session_leaders(process.pid)) == 5, deadline_s=60, what="all processes started")
    groups = _session_leaders(process.pid)

    process.send_signal(number)
    async with asyncio.timeout(_RUN_S):
        await process.wait()

    await until(lambda: all(_is_gone(group) for group in groups), deadline_s=30, what="all processes gone")


async def test_a_missing_tool_is_named_with_its_package(tmp_path: Path) -> None:
    code, out, err = await _bench(PATH=str(tmp_path))

    assert (code, out) == (2, "")
    assert "wrk and nginx not found" in err
    assert "apt-get install --no-install-recommends wrk nginx-light" in err


async def test_lookup_tells_each_size_as_a_ratio_to_the_smallest(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"

    code, out, err = await _bench("--scenario", "lookup", "--json", str(figures))

    assert (code, err) == (0, "")
    assert "ratio" in out
    assert [size["routes"] for size in json.loads(figures.read_text())["sizes"]] == [10, 100, 1_000, 10_000]


def test_the_measured_routes_file_has_twenty_routes_and_splits(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(routes_text(legacy=1, extracted=2))

    config = load.load(path)

    assert len(config.routes) == 20
    assert sum(route.flag == FLAG for route in config.routes) == 2
