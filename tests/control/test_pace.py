"""Pace: whatever takes long gives way to others, and nothing of it is lost."""

import asyncio
from itertools import count

from strangler.control.pace import BREATH_S, paced


async def turns_beside(each_s: float) -> tuple[list[int], int]:
    """Return what comes of ten values that take so long each, and how often others had their turn meanwhile."""
    ticks = count()
    turns = 0

    async def collect() -> list[int]:
        return [one async for one in paced(range(10), clock=lambda: next(ticks) * each_s)]

    collecting = asyncio.get_running_loop().create_task(collect())
    while not collecting.done():
        await asyncio.sleep(0)
        turns += 1
    return await collecting, turns


async def test_what_takes_long_gives_way_after_each_piece_and_yields_all_of_it() -> None:
    found, turns = await turns_beside(BREATH_S)

    assert found == list(range(10))
    assert turns >= 10


async def test_what_is_quick_is_done_at_once() -> None:
    found, turns = await turns_beside(0.0)

    assert found == list(range(10))
    assert turns <= 2
