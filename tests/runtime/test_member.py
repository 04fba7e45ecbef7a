"""A worker as control sees it, with the test at the other end of the link."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.control.truth import Truth
from strangler.core.model import Config
from strangler.core.shapes import Shape
from strangler.core.tally import Tally
from strangler.flags.data import FlagData
from strangler.runtime import link
from strangler.runtime.link import (
    HIGH_WATER_BYTES,
    Applied,
    Blueprint,
    Draining,
    Health,
    Link,
    Notice,
    Report,
    ToWorker,
)
from strangler.runtime.member import SILENT_S, Member, Phase
from strangler.runtime.supervisor import BACKOFF_FIRST_S, BACKOFF_MAX_S, HEALTHY_AFTER_S, backoff
from tests.support.waiting import until

CONFIG = Config(upstreams=(), default_upstream="monolith")


class Audience:
    """Remembers what it heard."""

    def __init__(self) -> None:
        self.tallies: list[Tally] = []
        self.counters: Counter[str] = Counter()
        self.notices: list[tuple[int, str]] = []
        self.changes = 0
        self.seen = 0
        self.shapes: list[Shape] = []

    def count(self, tallies: Sequence[Tally], grown: Mapping[str, int]) -> None:
        self.tallies += tallies
        self.counters.update(grown)

    def record(self, seen: int, shapes: Sequence[Shape]) -> None:
        self.seen += seen
        self.shapes += shapes

    def notice(self, worker: int, event: str, fields: dict[str, Any]) -> None:
        self.notices.append((worker, event))

    def change(self) -> None:
        self.changes += 1


def flags(version: int, size: int = 1) -> FlagData:
    return FlagData(version=version, ready=True, document=b"x" * size)


@asynccontextmanager
async def worker_of(
    end: socket.socket, on_message: Callable[[ToWorker], None] = lambda _: None
) -> AsyncIterator[Link[ToWorker]]:
    """The worker's end of a link, which is gone again with the test."""
    worker = await link.open_to_control(end, on_message=on_message, on_room=lambda: None, on_lost=lambda: None)
    try:
        yield worker
    finally:
        await worker.close(1.0)


async def test_a_slow_worker_gets_the_newest_blueprint_and_not_each_one_between() -> None:
    truth = Truth(CONFIG, flags(0))
    member = Member(0, truth=truth, audience=Audience())
    ours, theirs = socket.socketpair()
    await member.attach(ours)
    for version in range(1, 101):
        truth.replace_flags(flags(version, size=HIGH_WATER_BYTES))
        member.offer()
    taken: list[ToWorker] = []

    async with worker_of(theirs, taken.append):
        await until(lambda: bool(taken) and taken[-1] == Blueprint(generation=101, config=None, flags=truth.flags))

    assert len(taken) < 10


async def test_only_what_changed_is_sent() -> None:
    truth = Truth(CONFIG, flags(1))
    member = Member(0, truth=truth, audience=Audience())
    ours, theirs = socket.socketpair()
    await member.attach(ours)
    taken: list[ToWorker] = []

    async with worker_of(theirs, taken.append):
        truth.replace_flags(flags(2))
        member.offer()
        truth.replace_config(CONFIG)
        member.offer()
        await until(lambda: len(taken) == 3)

    assert taken == [
        Blueprint(generation=1, config=CONFIG, flags=flags(1)),
        Blueprint(generation=2, config=None, flags=flags(2)),
        Blueprint(generation=3, config=None, flags=None),
    ]


async def test_a_worker_gets_the_newest_verdicts_of_health_and_no_new_generation_with_them() -> None:
    truth = Truth(CONFIG, flags(0))
    member = Member(0, truth=truth, audience=Audience())
    ours, theirs = socket.socketpair()
    await member.attach(ours)
    truth.replace_flags(flags(1, size=HIGH_WATER_BYTES * 16))
    member.offer()
    taken: list[ToWorker] = []
    for number in range(100):
        truth.replace_unhealthy((("payments", f"10.0.0.{number}:80"),))
        member.offer()

    async with worker_of(theirs, taken.append):
        await until(lambda: any(isinstance(message, Health) for message in taken))

    assert [message for message in taken if isinstance(message, Health)] == [
        Health(unhealthy=(("payments", "10.0.0.99:80"),))
    ]
    assert truth.generation == 2


async def test_what_a_worker_says_reaches_the_audience() -> None:
    audience = Audience()
    member = Member(3, truth=Truth(CONFIG, flags(1)), audience=audience)
    ours, theirs = socket.socketpair()
    await member.attach(ours)
    phases = []

    async with worker_of(theirs) as worker:
        worker.send(Applied(generation=1))
        await until(lambda: member.generation == 1)
        phases.append(member.phase)
        worker.send(Report(tallies=(), gauges={"connections": 2}, counters={"refused": 3}))
        worker.send(Report(tallies=(), gauges={"connections": 2}, counters={"refused": 3}))
        worker.send(Report(tallies=(), gauges={"connections": 2}, counters={"refused": 5}))
        worker.send(Notice(event="exchange_failed", fields={}))
        worker.send(Draining())
        async with asyncio.timeout(10):
            await member.wait_leaving()
        phases.append(member.phase)

    assert phases == [Phase.SERVING, Phase.DRAINING]
    assert member.gauges == {"connections": 2}
    assert audience.counters == {"refused": 5}
    assert audience.notices == [(3, "exchange_failed")]


class Fragile:
    """A body whose end is a fault of ours."""

    pid = 0

    def __init__(self) -> None:
        self.was_killed = False

    async def wait(self) -> int:
        raise RuntimeError("a fault of ours")

    def terminate(self) -> None:
        """Nothing to tell."""

    def kill(self) -> None:
        self.was_killed = True


async def test_a_worker_whose_end_is_a_fault_of_ours_is_killed_and_counts_as_gone() -> None:
    member = Member(0, truth=Truth(CONFIG, flags(1)), audience=Audience())
    body = Fragile()
    member._body = body

    with pytest.raises(RuntimeError):
        await member.wait_gone()

    async with asyncio.timeout(10):
        await member.wait_leaving()
    assert (member.phase, body.was_killed) == (Phase.GONE, True)


async def test_only_a_worker_that_serves_is_silent_and_not_before_ten_seconds() -> None:
    member = Member(0, truth=Truth(CONFIG, flags(1)), audience=Audience())
    ours, theirs = socket.socketpair()
    await member.attach(ours)
    seen = {}

    async with worker_of(theirs) as worker:
        seen["starting"] = member.is_silent(member.heard_at + 60)
        worker.send(Applied(generation=1))
        await until(lambda: member.phase is Phase.SERVING)
        seen["serving, 10 s"] = member.is_silent(member.heard_at + SILENT_S)
        seen["serving, 11 s"] = member.is_silent(member.heard_at + SILENT_S + 1)
        worker.send(Draining())
        await until(lambda: member.phase is Phase.DRAINING)
        seen["draining"] = member.is_silent(member.heard_at + 60)

    assert seen == {"starting": False, "serving, 10 s": False, "serving, 11 s": True, "draining": False}


@given(st.lists(st.floats(0, HEALTHY_AFTER_S, exclude_max=True), min_size=1, max_size=20))
def test_a_crash_loop_is_slowed_down_to_a_bound(lives: list[float]) -> None:
    delays = []
    delay = 0.0
    for lived_s in lives:
        delay = backoff(delay, lived_s)
        delays.append(delay)

    assert delays[0] == BACKOFF_FIRST_S
    assert delays == sorted(delays)
    assert delays[-1] <= BACKOFF_MAX_S


@given(st.floats(0, BACKOFF_MAX_S), st.floats(HEALTHY_AFTER_S, 1e9))
def test_a_worker_that_lived_long_is_replaced_soon(delay: float, lived_s: float) -> None:
    assert backoff(delay, lived_s) == BACKOFF_FIRST_S
