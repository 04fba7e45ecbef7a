"""Tasks: every background task has a name and an owner, and its failure is heard."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

LOG = logging.getLogger(__name__)


class Tasks:
    """Owns the tasks of one component until they end or it closes."""

    def __init__(self, owner: str, *, on_failure: Callable[[str], None] | None = None) -> None:
        self._owner = owner
        self._on_failure = on_failure
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, name: str, coro: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start `coro`; if it fails, the failure is logged under `name` and the owner is told."""
        task = asyncio.get_running_loop().create_task(self._guard(name, coro), name=f"{self._owner}.{name}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        # Because a task that is cancelled before its first step would leave `coro` behind, never begun.
        task.add_done_callback(lambda _: coro.close())
        return task

    async def close(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    async def _guard(self, name: str, coro: Coroutine[Any, Any, None]) -> None:
        try:
            await coro
        # Because nobody awaits a background task, this is its outermost step.
        except Exception:
            LOG.exception("task_failed", extra={"fields": {"task": f"{self._owner}.{name}"}})
            if self._on_failure is not None:
                self._on_failure(name)
