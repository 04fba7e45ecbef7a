"""The rolling restart's table, and its order of doing things, with a fleet in memory."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.runtime.rollout import RUNNING, TABLE, Event, Progress, Rollout, Stage, advance
from tests.support.waiting import until


class Fleet:
    """Replaces when it may, and remembers what was asked of it."""

    def __init__(self, problems: dict[int, str] | None = None, *, slots: int = 3) -> None:
        self.slots = range(slots)
        self.asked: list[int] = []
        self.may_go_on = asyncio.Event()
        self.may_retire = asyncio.Event()
        self.most_at_once = 0
        self._now = 0
        self._problems = problems or {}

    async def replace(self, index: int) -> str:
        self.asked.append(index)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        await self.may_go_on.wait()
        self._now -= 1
        return self._problems.get(index, "")

    async def wait_retired(self) -> None:
        await self.may_retire.wait()


def test_every_stage_says_what_every_event_leads_to() -> None:
    assert set(TABLE) == set(Stage)
    assert all(set(events) == set(Event) for events in TABLE.values())


@given(st.lists(st.sampled_from(Event)))
def test_only_being_asked_leads_out_of_an_end_and_nothing_out_of_a_stop(events: list[Event]) -> None:
    progress = Progress()
    for event in events:
        before, progress = progress, advance(progress, event, workers=2, detail="why")

        assert progress.number == before.number + (
            event is Event.ASKED and before.stage not in RUNNING and before.stage is not Stage.STOPPED
        )
        if before.stage not in RUNNING and progress.stage is not before.stage:
            assert event in (Event.ASKED, Event.STOPPED)
        if before.stage is Stage.STOPPED:
            assert progress is before


async def test_workers_are_replaced_one_at_a_time_and_the_end_waits_for_the_former_ones() -> None:
    fleet = Fleet()
    rollout = Rollout(fleet)
    rollout.ask()
    fleet.may_go_on.set()
    await until(lambda: rollout.progress.stage is Stage.DRAINING)
    fleet.may_retire.set()

    await until(lambda: rollout.progress.stage is Stage.DONE)
    assert (fleet.asked, fleet.most_at_once) == ([0, 1, 2], 1)
    assert rollout.progress == Progress(number=1, stage=Stage.DONE, replaced=3, workers=3)


async def test_asking_while_one_runs_joins_it_and_asking_after_it_starts_the_next() -> None:
    fleet = Fleet(slots=1)
    rollout = Rollout(fleet)
    fleet.may_retire.set()
    numbers = [rollout.ask().number, rollout.ask().number]
    fleet.may_go_on.set()
    await until(lambda: rollout.progress.stage is Stage.DONE)

    assert [*numbers, rollout.ask().number] == [1, 1, 2]
    await rollout.stop()


async def test_a_successor_that_does_not_come_up_ends_it_and_leaves_the_rest_alone() -> None:
    fleet = Fleet({1: "worker 1 says no"})
    rollout = Rollout(fleet)
    fleet.may_go_on.set()
    rollout.ask()

    await until(lambda: rollout.progress.stage is Stage.FAILED)
    assert fleet.asked == [0, 1]
    assert rollout.progress == Progress(number=1, stage=Stage.FAILED, replaced=1, workers=3, detail="worker 1 says no")


@pytest.mark.parametrize("has_begun", [False, True])
async def test_a_stop_ends_it_for_good(has_begun: bool) -> None:
    fleet = Fleet()
    rollout = Rollout(fleet)
    if has_begun:
        rollout.ask()
        await until(lambda: fleet.asked == [0])

    await rollout.stop()
    rollout.ask()
    fleet.may_go_on.set()
    await asyncio.sleep(0)

    assert rollout.progress.stage is Stage.STOPPED
    assert fleet.asked == [0] * has_begun
