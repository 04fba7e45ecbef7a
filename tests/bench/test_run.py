"""The benchmark as a command, as small as it can be."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench import past
from bench.errors import BenchError
from bench.scenarios import FLAG, routes_text
from strangler.config import load
from tests.support.waiting import until

_TOOLS = pytest.mark.skipif(
    shutil.which("wrk") is None or shutil.which("nginx") is None,
    reason="wrk or nginx is not installed; Debian's packages are wrk and nginx-light",
)
_HAS_HISTORY = (
    shutil.which("git") is not None
    and not subprocess.run(
        ["git", "-C", past.ROOT, "cat-file", "-e", past.COMMIT], check=False, capture_output=True
    ).returncode
)
_HISTORY = pytest.mark.skipif(not _HAS_HISTORY, reason="the commit of part 1 is not here: no git, or no full clone")
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
@_HISTORY
async def test_a_run_tells_cpu_rate_and_all_ratios(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"

    code, out, err = await _bench("--rounds", "1", "--seconds", "0.5", "--json", str(figures))

    assert (code, err) == (0, "")
    assert "CPU µs a request" in out
    others = ("part 1", "plain aiohttp", "nginx")
    lines = [line.split("  ")[0] for line in out.splitlines()]
    assert [line for line in lines if line in ("strangler", *others)] == ["strangler", *others]
    assert [line for line in lines if line.startswith("strangler / ")] == [f"strangler / {other}" for other in others]
    assert "split: " in out
    found = json.loads(figures.read_text())
    assert set(found["ratios"]) == {f"strangler/{other}" for other in others}
    assert min(found["split"].values()) > 0
    assert all(measure["requests"] > 0 and measure["cpu_us"] > 0 for measure in found["rounds"][0].values())


@_TOOLS
async def test_a_run_without_the_history_says_so_in_one_line_and_goes_on(tmp_path: Path) -> None:
    code, out, err = await _bench("--rounds", "1", "--seconds", "0.5", GIT_DIR=str(tmp_path))

    assert (code, err) == (0, "")
    assert [line for line in out.splitlines() if "part 1" in line] == [
        f"part 1 (commit {past.COMMIT[:7]}) is not measured: fatal: not a git repository: '{tmp_path}'; "
        "a shallow clone or a source archive has no history"
    ]
    assert "strangler / nginx" in out


@_HISTORY
async def test_the_package_of_part_1_is_the_one_that_its_processes_import(tmp_path: Path) -> None:
    place = past.extract(tmp_path)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", cwd=place, env=past.environment(place), stdin=asyncio.subprocess.PIPE
    )
    try:
        past.check_imports(process.pid, place)
        with pytest.raises(BenchError, match=r"was to import strangler from .*, but does from .*part-1/strangler"):
            past.check_imports(process.pid, _ROOT)
    finally:
        await process.communicate(b"\n")


@_HISTORY
def test_part_1_has_nothing_of_part_2(tmp_path: Path) -> None:
    place = past.extract(tmp_path)

    assert (place / "strangler/proxy/exchange.py").is_file()
    assert not (place / "strangler/proxy/endpoint.py").exists()


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
    count = 5 + _HAS_HISTORY
    await until(lambda: len(_session_leaders(process.pid)) == count, deadline_s=60, what="all processes started")
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
