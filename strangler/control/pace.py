"""Pace: what takes long is done in pieces, because guards judge on the same loop and must not wait for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TypeVar

BREATH_S = 0.002
"""How long one piece takes; a worker's report every 250 ms, and a trip, waits for no more than that."""

T = TypeVar("T")


async def paced(several: Iterable[T], *, clock: Callable[[], float] = time.perf_counter) -> AsyncIterator[T]:
    """Yield what an iterable yields, and let others have their turn whenever a piece's time is over."""
    until = clock() + BREATH_S
    for one in several:
        yield one
        if clock() >= until:
            await asyncio.sleep(0)
            until = clock() + BREATH_S
