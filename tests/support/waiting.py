"""Waiting for what another process or task will do: by looking again until a deadline, never by a fixed pause."""

import asyncio
from collections.abc import Awaitable, Callable

LOOK_EVERY_S = 0.02


async def until(is_so: Callable[[], bool | Awaitable[bool]], *, deadline_s: float = 10.0, what: str = "") -> float:
    """Return how long it took until `is_so`; fail if that is not before the deadline."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    while True:
        found = is_so()
        if await found if isinstance(found, Awaitable) else found:
            return loop.time() - started
        if loop.time() - started > deadline_s:
            raise AssertionError(f"not within {deadline_s} s: {what or is_so}")
        # Because nothing tells of another process's state; this is the one place that looks again.
        await asyncio.sleep(LOOK_EVERY_S)
