"""One making at a time, shared by all who asked before it began."""

import asyncio

from strangler.control.flight import Flight


class Maker:
    """Makes numbers, each when it is let."""

    def __init__(self) -> None:
        self.begun = 0
        self.at_once = 0
        self.most = 0
        self.has_begun = asyncio.Event()
        self.let = asyncio.Event()

    async def make(self) -> int:
        self.begun += 1
        mine = self.begun
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.has_begun.set()
        await self.let.wait()
        self.at_once -= 1
        return mine


async def test_a_hundred_who_ask_at_once_share_two_makings_one_after_the_other() -> None:
    maker = Maker()
    flight = Flight(maker.make)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(flight.wait())
        await maker.has_begun.wait()
        others = [tasks.create_task(flight.wait()) for _ in range(99)]
        await asyncio.sleep(0)
        maker.let.set()

    assert first.result() == 1
    # Because they asked when the first one had begun, what that had read may be older than their question.
    assert {one.result() for one in others} == {2}
    assert (maker.begun, maker.most) == (2, 1)


async def test_who_asks_again_gets_another_one() -> None:
    maker = Maker()
    maker.let.set()
    flight = Flight(maker.make)

    assert [await flight.wait(), await flight.wait()] == [1, 2]
