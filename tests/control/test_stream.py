"""The stream: everything at first, then what changed; whoever does not keep up is let go."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from strangler.control import pace, stream
from strangler.control.answers import ProblemError
from strangler.control.history import HistoryDesk
from strangler.control.journal import Deed
from strangler.control.share import Share
from strangler.control.status import RouteStanding, standing_of
from strangler.control.store import Store
from strangler.control.stream import MOST_OF_ONE, QUEUE, Listener, Stream
from strangler.core.audit import Action
from strangler.core.model import Match, Route, Side
from strangler.core.outcome import Outcome
from strangler.core.tally import Tally
from tests.support.surface import STATUS

T = 1_800_000_000.0


def route(name: str, share_bp: int = 0) -> RouteStanding:
    made = Route(name=name, match=Match(path="/"), legacy="monolith", extracted="s")
    return standing_of(made, share=Share(basis_points=share_bp, note=""), served_bp=share_bp, guard=None)


@dataclass
class Proxy:
    """What the stream reads."""

    store: Store
    now: float = T
    on_pass: Callable[[], object] = lambda: None
    routes: dict[str, RouteStanding] = field(default_factory=lambda: {name: route(name) for name in ("a", "b")})

    def __post_init__(self) -> None:
        self.history = HistoryDesk(self.store.journal, now=lambda: self.now)
        self.stream = Stream(lambda: STATUS, self.standings, self.history, tag=lambda: '"7"', now=lambda: self.now)
        self.store.journal.watch(self.stream.follow)

    def standings(self) -> Iterator[RouteStanding]:
        self.on_pass()
        yield from self.routes.values()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    store = Store(tmp_path)
    yield Proxy(store)
    store.close()


@dataclass(frozen=True)
class Event:
    name: str
    data: Any
    number: str = ""


def events(message: bytes | None) -> list[Event]:
    """Read a message as a browser does."""
    assert message is not None
    assert message.endswith(b"\n\n")
    found = []
    for block in message.decode().removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append(Event(fields["event"], json.loads(fields["data"]), fields.get("id", "")))
    return found


async def told(listener: Listener) -> list[Event]:
    return events(await listener.wait_message())


async def test_a_new_listener_is_told_everything_first(proxy: Proxy) -> None:
    listener = await proxy.stream.open()

    hello, state = await told(listener)

    assert (hello.name, hello.data["version"], hello.data["now"]) == ("hello", "0", T)
    assert state.data["names"] == ["a", "b"]
    assert set(state.data["routes"]) == {"a", "b"}
    assert state.data["tag"] == '"7"'
    assert state.data["head"]["generation"] == 3
    assert "routes" not in state.data["head"]


async def test_after_that_only_routes_that_changed_are_told(proxy: Proxy) -> None:
    listener = await proxy.stream.open()
    await told(listener)
    await proxy.stream.tick()
    await told(listener)
    proxy.routes["b"] = route("b", 200)

    await proxy.stream.tick()

    (state,) = await told(listener)
    assert [(name, one["share_bp"]) for name, one in state.data["routes"].items()] == [("b", 200)]
    assert "names" not in state.data


async def test_a_route_that_came_or_went_is_told_by_the_list_of_names(proxy: Proxy) -> None:
    listener = await proxy.stream.open()
    await proxy.stream.tick()
    proxy.routes = {"c": route("c"), "a": proxy.routes["a"]}

    await proxy.stream.tick()

    _, _, (state,) = await told(listener), await told(listener), await told(listener)
    assert state.data["names"] == ["c", "a"]
    assert set(state.data["routes"]) == {"c"}


async def test_one_who_comes_later_misses_nothing_that_the_others_know(proxy: Proxy) -> None:
    first = await proxy.stream.open()
    await proxy.stream.tick()
    proxy.routes["b"] = route("b", 200)
    second = await proxy.stream.open()

    await proxy.stream.tick()

    await told(first)
    await told(first)
    assert (await told(first))[0].data["routes"]["b"]["share_bp"] == 200
    assert (await told(second))[1].data["routes"]["b"]["share_bp"] == 0
    assert (await told(second))[0].data["routes"]["b"]["share_bp"] == 200


async def test_a_slot_of_history_is_told_whole_once_it_is_over(proxy: Proxy) -> None:
    listener = await proxy.stream.open()
    await proxy.stream.tick()
    tally = Tally(route="a", side=Side.LEGACY, outcomes=((Outcome.OK_2XX, 5),), latency=(), seconds=0.0)
    proxy.history.count([tally])
    proxy.now += 1
    await proxy.stream.tick()
    proxy.now += 9
    proxy.history.count([tally])

    await proxy.stream.tick()

    messages = [await told(listener) for _ in range(4)]
    assert [[event.name for event in message] for message in messages][2:] == [["state"], ["state", "history"]]
    side = messages[3][1].data["routes"]["a"]["legacy"]
    assert (side["at"], side["requests"]) == ([T, T + 10], [5, 5])


async def test_after_a_late_pass_every_slot_that_is_over_by_then_is_told_whole(proxy: Proxy) -> None:
    listener = await proxy.stream.open()
    await told(listener)
    proxy.now = T + 9
    proxy.history.count([Tally(route="a", side=Side.LEGACY, outcomes=((Outcome.OK_2XX, 5),), latency=(), seconds=0.0)])
    proxy.now = T + 21

    await proxy.stream.tick()

    _, history = await told(listener)
    side = history.data["routes"]["a"]["legacy"]
    assert (side["at"], side["requests"]) == ([T], [5])


async def test_what_is_done_is_told_at_once_with_the_audit_logs_number(proxy: Proxy) -> None:
    listener = await proxy.stream.open()
    await told(listener)

    proxy.store.journal.record(Deed(at=T, who="ann", what=Action.TRIP, subject="a", why="it fails\n\ndata: x"))

    (mark,) = await told(listener)
    assert (mark.name, mark.data["what"], mark.data["why"]) == ("mark", "trip", "it fails\n\ndata: x")
    assert mark.number.endswith("-1")


async def test_a_cohort_that_trips_in_one_go_is_told_as_one_message_and_nobody_is_let_go(proxy: Proxy) -> None:
    listener = await proxy.stream.open()
    await told(listener)

    for number in range(3 * QUEUE):
        proxy.store.journal.record(Deed(at=T, who="guard", what=Action.TRIP, subject=f"r{number}", why="with a"))

    marks = await told(listener)
    assert [mark.data["subject"] for mark in marks] == [f"r{number}" for number in range(3 * QUEUE)]
    assert (listener.is_slow, proxy.stream.dropped) == (False, 0)


async def test_what_is_counted_is_no_part_of_a_route_so_that_traffic_alone_tells_nothing_anew(proxy: Proxy) -> None:
    listener = await proxy.stream.open()

    _, state = await told(listener)

    assert "sides" not in state.data["routes"]["a"]


async def test_two_who_come_at_once_are_told_everything_by_one_pass(proxy: Proxy) -> None:
    passes = []
    proxy.on_pass = lambda: passes.append(1)

    async with asyncio.TaskGroup() as group:
        opening = [group.create_task(proxy.stream.open()) for _ in range(2)]

    for one in opening:
        _, state = await told(one.result())
        assert set(state.data["routes"]) == {"a", "b"}
    assert len(passes) == 1


async def test_who_leaves_before_everything_is_told_listens_no_more(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "BREATH_S", 0.0)
    opening = asyncio.get_running_loop().create_task(proxy.stream.open())
    proxy.on_pass = opening.cancel

    await asyncio.wait([opening])

    assert (opening.cancelled(), proxy.stream.listeners) == (True, 0)


async def test_who_comes_back_is_told_what_was_done_meanwhile(proxy: Proxy) -> None:
    for name in "abc":
        proxy.store.journal.record(Deed(at=T, who="ann", what=Action.TRIP, subject=name, why="-"))

    _, _, *marks = await told(await proxy.stream.open("another0-1"))

    assert [mark.data["subject"] for mark in marks] == ["b", "c"]


@pytest.mark.parametrize(
    "last_id", ["", "-", "x-", "x-1.5", "x--1", "x-٠", "x-" + "9" * 30, "x-999999999999999999", "'"]
)
async def test_a_number_that_nobody_gave_is_no_number(proxy: Proxy, last_id: str) -> None:
    proxy.store.journal.record(Deed(at=T, who="ann", what=Action.TRIP, subject="a", why="-"))

    found = await told(await proxy.stream.open(last_id))

    assert [event.name for event in found] == ["hello", "state"]


async def test_one_who_does_not_keep_up_is_let_go_and_the_others_are_not(proxy: Proxy) -> None:
    slow, quick = await proxy.stream.open(), await proxy.stream.open()
    for _ in range(QUEUE + 1):
        await quick.wait_message()
        await proxy.stream.tick()

    assert await slow.wait_message() is None
    assert (slow.is_slow, quick.is_slow, proxy.stream.dropped) == (True, False, 1)
    assert (await told(quick))[0].name == "state"


async def test_there_is_a_bound_on_listeners_and_one_who_leaves_makes_room(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_LISTENERS", 1)
    first = await proxy.stream.open()

    with pytest.raises(ProblemError, match="open already"):
        await proxy.stream.open(who="ann")

    proxy.stream.forget(first)
    await proxy.stream.open()


async def test_nobody_takes_the_places_of_all_others(proxy: Proxy) -> None:
    own = [await proxy.stream.open(who="ann") for _ in range(MOST_OF_ONE)]

    with pytest.raises(ProblemError, match=f"{MOST_OF_ONE} pages of ann") as refused:
        await proxy.stream.open(who="ann")

    await proxy.stream.open(who="bob")
    proxy.stream.forget(own[0])
    await proxy.stream.open(who="ann")
    assert (refused.value.problem.status, proxy.stream.listeners) == (429, MOST_OF_ONE + 1)


async def test_places_of_pages_that_were_told_nothing_yet_count_too(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "BREATH_S", 0.0)
    async with asyncio.TaskGroup() as group:
        opening = [group.create_task(proxy.stream.open(who="ann")) for _ in range(MOST_OF_ONE)]
        await asyncio.sleep(0)
        with pytest.raises(ProblemError, match="pages of ann"):
            proxy.stream.check_room("ann")

    assert len(opening) == MOST_OF_ONE


async def test_at_the_end_all_are_told_so_and_let_go_even_with_a_full_queue(proxy: Proxy) -> None:
    listener = await proxy.stream.open()
    for _ in range(QUEUE - 1):
        await proxy.stream.tick()

    proxy.stream.close()

    assert [event.name for event in await told(listener)] == ["bye"]
    assert await listener.wait_message() is None
    with pytest.raises(ProblemError, match="stopping"):
        await proxy.stream.open()
