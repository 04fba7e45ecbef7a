"""Background tasks."""

import asyncio
import logging

import pytest

from strangler.runtime.tasks import Tasks


async def test_a_task_that_fails_is_logged_by_name_and_its_owner_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failed: list[str] = []
    tasks = Tasks("worker", on_failure=failed.append)

    async def fail() -> None:
        raise RuntimeError("broken")

    with caplog.at_level(logging.ERROR):
        await tasks.spawn("serve", fail())

    assert failed == ["serve"]
    assert [record.fields for record in caplog.records] == [{"task": "worker.serve"}]  # type: ignore[attr-defined] # because `extra` adds it


async def test_closing_cancels_what_runs_and_waits_for_its_cleanup() -> None:
    tasks = Tasks("control")
    cleaned: list[bool] = []
    started = asyncio.Event()

    async def wait() -> None:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    tasks.spawn("wait", wait())
    await started.wait()
    await tasks.close()

    assert cleaned == [True]
