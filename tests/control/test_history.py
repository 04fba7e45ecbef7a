"""The history desk: rings for the routes that there are, and marks from the audit log."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from strangler.control import history, pace
from strangler.control.history import History, HistoryDesk, Mark, SideHistory, Sums
from strangler.control.journal import Deed
from strangler.control.store import Store
from strangler.core import histogram
from strangler.core.audit import Action
from strangler.core.model import Config, Match, Route, Side
from strangler.core.outcome import Outcome
from strangler.core.tally import Tally

T = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = T

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


def tally(route: str, side: Side, requests: int, failures: int = 0) -> Tally:
    return Tally(
        route=route,
        side=side,
        outcomes=((Outcome.OK_2XX, requests - failures), (Outcome.CONNECT, failures), (Outcome.CLIENT_GONE, 7)),
        latency=((histogram.bucket(5_000), requests),),
        seconds=1.0,
        failures=failures,
    )


def show(desk: HistoryDesk, span: str, **narrowed: Any) -> History:
    return asyncio.run(_whole(desk, span, **narrowed))


async def _whole(desk: HistoryDesk, span: str, **narrowed: Any) -> History:
    pieces = [piece async for piece in desk.show(span, **narrowed)]
    return msgspec.json.decode(b"".join(pieces), type=History)


async def test_a_long_history_gives_way_to_others_while_it_is_put_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "BREATH_S", 0.0)
    desk = HistoryDesk(store.journal, now=Clock())
    sides = 40
    desk.count([tally(f"r{number}", Side.LEGACY, 1) for number in range(sides)])
    turns = 0
    showing = asyncio.get_running_loop().create_task(_whole(desk, "hour"))
    while not showing.done():
        await asyncio.sleep(0)
        turns += 1

    assert len((await showing).routes) == sides
    assert turns > sides


async def test_a_long_history_is_written_out_route_by_route_in_pieces(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PIECE_BYTES", 200)
    clock = Clock()
    desk = HistoryDesk(store.journal, now=clock)
    for _ in range(3):
        desk.count([tally(f"r{number}", side, 1) for number in range(40) for side in Side])
        clock.now += 10

    pieces = [piece async for piece in desk.show("hour")]

    assert len(pieces) == 41, "the head with the first route, one for each other, and the end"
    assert all(200 <= len(piece) < 600 for piece in pieces[:-1])
    found = msgspec.json.decode(b"".join(pieces), type=History)
    assert list(found.routes) == [f"r{number}" for number in range(40)]
    assert {side.requests for sides in found.routes.values() for side in sides.values()} == {(1, 1, 1)}


def test_what_workers_count_is_told_by_side_and_slot(store: Store) -> None:
    clock = Clock()
    desk = HistoryDesk(store.journal, now=clock)
    desk.count([tally("pay", Side.LEGACY, 10), tally("pay", Side.EXTRACTED, 4, 1)])
    desk.count([tally("pay", Side.EXTRACTED, 6, 2)])
    clock.now += 10
    desk.count([tally("pay", Side.LEGACY, 3)])

    shown = show(desk, "hour")

    p = round(histogram.bound_s(histogram.bucket(5_000)) * 1000, 3)
    assert shown.routes == {
        "pay": {
            "legacy": SideHistory(
                at=(int(T), int(T) + 10), requests=(10, 3), failures=(0, 0), p50_ms=(p, p), p95_ms=(p, p)
            ),
            "extracted": SideHistory(at=(int(T),), requests=(10,), failures=(3,), p50_ms=(p,), p95_ms=(p,)),
        }
    }
    assert (shown.span, shown.step_s, shown.slots, shown.now, shown.refused) == ("hour", 10, 360, T + 10, 0)


def test_a_day_is_told_in_five_minutes(store: Store) -> None:
    clock = Clock()
    desk = HistoryDesk(store.journal, now=clock)
    for _ in range(30):
        desk.count([tally("pay", Side.LEGACY, 2)])
        clock.now += 10

    shown = show(desk, "day", routes=["pay"])

    assert shown.routes["pay"]["legacy"].requests == (60,)


def test_only_the_routes_that_are_asked_for_are_told(store: Store) -> None:
    desk = HistoryDesk(store.journal, now=Clock())
    desk.count([tally(name, Side.LEGACY, 1) for name in ("a", "b", "")])

    assert set(show(desk, "hour", routes=["b"]).routes) == {"b"}
    assert set(show(desk, "hour").routes) == {"a", "b", ""}


def test_memory_is_bounded_and_what_finds_no_room_is_counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_SIDES", 2)
    desk = HistoryDesk(store.journal, now=Clock())

    desk.count([tally(name, Side.LEGACY, 1) for name in ("a", "b", "c", "c")])

    assert set(show(desk, "hour").routes) == {"a", "b"}
    assert show(desk, "hour").refused == 2


def test_routes_that_the_file_does_not_have_any_more_make_room(store: Store) -> None:
    desk = HistoryDesk(store.journal, now=Clock())
    desk.count([tally(name, Side.LEGACY, 1) for name in ("a", "b", "")])
    route = Route(name="b", match=Match(path="/"), legacy="monolith")

    desk.follow(Config(upstreams=(), default_upstream="monolith", routes=(route,)))

    assert set(show(desk, "hour").routes) == {"b", ""}


def test_marks_are_the_audit_logs_of_the_span_and_survive_a_restart(store: Store) -> None:
    deed = Deed(at=T, who="ann", what=Action.TRIP, subject="pay", why="it fails", evidence='{"n": 1}')
    store.journal.record(replace(deed, at=T - 4_000, subject="long ago"))
    store.journal.record(deed)
    store.journal.record(replace(deed, at=T + 1, what=Action.RESET, why="mended"))
    store.journal.record(replace(deed, at=T + 2, what=Action.KILL, subject="*", before="false", after="true"))
    store.journal.record(replace(deed, at=T + 3, what=Action.KILL, subject="*", before="true", after="false"))

    marks = show(HistoryDesk(store.journal, now=Clock()), "hour").marks

    assert marks == (
        Mark(seq=2, at=T, what="trip", subject="pay", who="ann", why="it fails"),
        Mark(seq=3, at=T + 1, what="reset", subject="pay", who="ann", why="mended"),
        Mark(seq=4, at=T + 2, what="kill", subject="*", who="ann", why="it fails"),
        Mark(seq=5, at=T + 3, what="kill", subject="*", who="ann", why="it fails", is_release=True),
    )


def test_of_too_many_marks_the_latest_are_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_MARKS", 2)
    for number in range(4):
        store.journal.record(Deed(at=T, who="ann", what=Action.FLAG, subject=f"f{number}", why="set"))

    marks = HistoryDesk(store.journal, now=Clock()).marks(after=1)

    assert [mark.subject for mark in marks] == ["f2", "f3"]


def test_the_hour_is_summed_over_all_routes_also_those_without_a_ring(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MOST_SIDES", 1)
    clock = Clock()
    desk = HistoryDesk(store.journal, now=clock)
    desk.count([tally("pay", Side.LEGACY, 9)])
    clock.now += 3_000
    desk.count([tally("pay", Side.LEGACY, 3), tally("read", Side.EXTRACTED, 4), tally("", Side.LEGACY, 5)])

    assert show(desk, "hour").sums == Sums(extracted=4, legacy=12, unrouted=5)
    clock.now += 600
    assert show(desk, "day").sums == Sums(extracted=4, legacy=3, unrouted=5)
    told = msgspec.json.decode(asyncio.run(desk.grown(clock.now)))
    assert msgspec.convert(told["sums"], Sums) == Sums(extracted=4, legacy=3, unrouted=5)
