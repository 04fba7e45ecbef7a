"""The benchmark of shadowing as a command, as small as it can be."""

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from bench.shadow import documents
from tests.support.waiting import until

_WRK = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed; Debian's package is wrk")
_ROOT = Path(__file__).parents[2]
_RUN_S = 300.0
"""Some seconds on an idle machine."""


async def _start(*arguments: str, **environ: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.shadow",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environ},
        cwd=_ROOT,
    )


async def _bench(*arguments: str, **environ: str) -> tuple[int, str, str]:
    process = await _start(*arguments, **environ)
    async with asyncio.timeout(_RUN_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def _session_leaders(parent: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def _is_empty(folder: Path) -> bool:
    return not list(folder.iterdir())


def _is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.timeout(_RUN_S + 60)
@_WRK
async def test_a_case_tells_latency_cpu_and_memory_with_shadow_on_and_off(tmp_path: Path) -> None:
    """One case stands for all, because each takes ten seconds."""
    arguments = ("--only", "latency", "--case", "refusing", "--rounds", "1", "--seconds", "1")
    code, out, err = await _bench(*arguments, TMPDIR=str(tmp_path))

    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line[:-1] for line in lines if line.endswith(":") and not line.startswith(" ")] == ["refusing"]
    for figure in ("p50", "p99", "worker's CPU"):
        (line,) = (line for line in lines if line.startswith(f"  {figure} "))
        assert "on/off" in line
        assert "off/off" in line
    for process in ("worker", "comparer"):
        (line,) = (line for line in lines if line.startswith(f"  {process} "))
        assert "budget" in line
    assert any("dropped: connect" in line for line in lines)
    assert _is_empty(tmp_path)


@_WRK
async def test_comparisons_are_counted_and_each_took_cpu(tmp_path: Path) -> None:
    code, out, err = await _bench("--only", "throughput", "--seconds", "0.3", TMPDIR=str(tmp_path))

    assert (code, err) == (0, "")
    assert "a CPU second" in out
    assert _is_empty(tmp_path)


async def test_documents_are_compared_beside_parsing_them() -> None:
    code, out, err = await _bench("--only", "documents", "--rounds", "1")

    assert (code, err) == (0, "")
    assert [line.split("  ")[1] for line in out.splitlines()[1:]] == [case.name for case in documents.cases(10_000)]


@pytest.mark.parametrize("case", list(documents.cases(100_000)), ids=lambda case: case.name)
def test_comparing_takes_a_few_times_what_parsing_takes(case: documents.Case) -> None:
    """Because a machine under test is a busy one, the bound is twice the aim, and one quiet moment is enough."""
    assert any(documents.measure(case, rounds=4).ratio < 2 * documents.TARGET for _ in range(4))


async def test_without_wrk_one_line_names_its_package(tmp_path: Path) -> None:
    code, out, err = await _bench("--only", "latency", PATH=str(tmp_path))

    assert (code, out) == (2, "")
    assert err == "bench: wrk not found. On Debian: apt-get install --no-install-recommends wrk\n"


@_WRK
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_no_process_is_left_however_a_run_ends(number: signal.Signals, tmp_path: Path) -> None:
    process = await _start("--only", "latency", "--seconds", "60", TMPDIR=str(tmp_path))
    await until(lambda: len(_session_leaders(process.pid)) == 4, deadline_s=60, what="all processes started")
    groups = _session_leaders(process.pid)

    process.send_signal(number)
    async with asyncio.timeout(_RUN_S):
        await process.communicate()

    await until(lambda: all(map(_is_gone, groups)), deadline_s=30, what="all of them ended")
