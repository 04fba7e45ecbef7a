"""Shadowing as control sees it: a comparer that hangs or cannot be started is no comparer that is missing for good."""

import logging
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from strangler.control.store import Store
from strangler.control.truth import Truth
from strangler.core.shadowing import Shadow
from strangler.core.writelog import FOLDER, SUFFIX
from strangler.flags.data import NOT_READY
from strangler.runtime import shadowing
from strangler.runtime.findinglink import Gauges
from strangler.runtime.logs import LogFormat
from strangler.runtime.shadowing import NO_GAUGES, Shadowing
from strangler.vault.vault import Vault
from tests.support.plane import config, route
from tests.support.waiting import until


@asynccontextmanager
async def shadowed(folder: Path, *, shadow: Shadow | None = Shadow()) -> AsyncIterator[Shadowing]:  # noqa: B008
    served = config(1, 1, route("users", "/users", shadow=shadow), state_dir=str(folder))
    with closing(Store(folder)) as store:
        made = Shadowing(
            store,
            Truth(served, NOT_READY),
            vault=Vault(folder),
            log_format=LogFormat.JSON,
            on_compared=lambda *_: None,
        )
        made.start()
        try:
            yield made
        finally:
            await made.close()


def times(caplog: pytest.LogCaptureFixture, event: str) -> int:
    return sum(record.message == event for record in caplog.records)


def children() -> list[int]:
    listed = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in listed if b"runtime.comparer" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def test_a_comparer_that_hangs_is_killed_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with shadowed(tmp_path) as made:
        await until(lambda: times(caplog, "comparer_ready") == 1, deadline_s=30)
        (first,) = children()
        # Because nobody wants to wait for half a minute.
        monkeypatch.setattr(shadowing, "HUNG_S", 0.5)
        os.kill(first, signal.SIGSTOP)
        await until(lambda: times(caplog, "comparer_hung") == 1, deadline_s=30)
        monkeypatch.setattr(shadowing, "HUNG_S", 30.0)
        await until(lambda: times(caplog, "comparer_ready") == 2, deadline_s=30)
        assert made.restarts >= 1
        assert first not in children()
    assert children() == []


async def test_a_write_that_was_noted_by_the_routes_before_is_found_without_another_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadowing, "SAVE_EVERY_S", 0.01)
    async with shadowed(tmp_path, shadow=None) as made:
        assert made.status() is None
        (tmp_path / FOLDER).mkdir()
        (tmp_path / FOLDER / f"0-1.a{SUFFIX}").touch()
        await until(lambda: made.status() is not None, what="a comparer for it")


async def test_writes_that_wait_to_be_listed_count_as_waiting(tmp_path: Path) -> None:
    async with shadowed(tmp_path) as made:
        assert made.divergences.status().waiting is None
        made._receive(Gauges(gauges={**NO_GAUGES, "writes_waiting": 2, "writes_untold": 3, "writes_files": 1}))

        assert made.divergences.status().waiting == 5


async def test_a_comparer_that_cannot_be_started_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    real: Callable[..., Any] = subprocess.Popen
    failures = [OSError("no more processes")]

    def popen(*args: Any, **more: Any) -> Any:
        if failures:
            raise failures.pop()
        return real(*args, **more)

    # Because no user can make this system call fail on demand.
    monkeypatch.setattr(subprocess, "Popen", popen)
    async with shadowed(tmp_path):
        await until(lambda: times(caplog, "comparer_ready") == 1, deadline_s=30)
    assert times(caplog, "comparer_not_started") == 1
    assert children() == []
