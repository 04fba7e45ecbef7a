"""Discovery: what was learnt is told by how routes stand now, and is kept over restarts."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from strangler.control.discovery import Discovery
from strangler.control.discoverytable import DAYS_KEPT
from strangler.control.metrics import DiscoveryReading
from strangler.control.store import Store
from strangler.control.truth import Truth
from strangler.core.decide import Reason
from strangler.core.endpoints import WIDE
from strangler.core.model import Side
from strangler.core.outcome import Outcome
from strangler.core.progress import Day, Left, Standing
from strangler.core.rules import Rollback
from strangler.core.shapes import Shape
from strangler.core.shares import Overrides
from strangler.core.tally import Tally
from strangler.core.traffic import DAY_S
from strangler.flags.data import FlagData
from strangler.flags.edit import SetShare, apply_edit
from tests.support.plane import config, route
from tests.support.watched import Watched

NOW = 1_800_000_000.0
DAY = int(NOW // DAY_S)
FLAGS = FlagData(version=1, ready=True, document=b'{"flags":{},"segments":{}}')
SHAPE = Shape(
    method="GET",
    host="a.test",
    paths=("/users/{number}",),
    fields=(),
    sources=(),
    route="",
    cohort="",
    source="",
    place=-1,
    side=Side.LEGACY,
    reason=Reason.FLAG_FALLTHROUGH,
    generation=1,
    is_proof=True,
)


class Clock:
    """A time that tests set; each look takes nothing."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.close()


def truth(*routes: object) -> Truth:
    return Truth(config(1, 2, *routes), FLAGS)  # type: ignore[arg-type]  # of routes


def discovery(store: Store, clock: Clock, by: Truth | None = None) -> Discovery:
    made = Discovery(store, by or truth(), now=clock, clock=clock)
    made.start()
    return made


def tally(requests: int, route: str = "", side: Side = Side.LEGACY) -> Tally:
    return Tally(route=route, side=side, outcomes=((Outcome.OK_2XX, requests),), latency=(), seconds=0.0)


def shape(path: str) -> Shape:
    return replace(SHAPE, paths=(path,))


def test_what_workers_tell_becomes_endpoints_that_stand_as_routes_do(store: Store, clock: Clock) -> None:
    by = truth(route("users", "/users/{id}", share=2_500))
    found = discovery(store, clock, by)
    found.record(20, (SHAPE, shape("/users/{uuid}"), shape("/invoices"), replace(SHAPE, is_proof=False)))

    assert [(one.endpoint.template, one.endpoint.traffic.total, one.standing) for one in found.stood()] == [
        ("/invoices", 5.0, Standing.UNROUTED),
        ("/users/{id}", 15.0, Standing.SPLIT),
    ]
    assert (found.seen, found.sampled) == (20, 4)
    assert found.left() == Left(endpoints=2, left=2, unrouted=1, unseen=0)


def test_requests_that_pass_between_two_that_are_looked_at_are_counted_with_the_next(
    store: Store, clock: Clock
) -> None:
    found = discovery(store, clock)
    found.record(7, ())
    found.record(3, (SHAPE,))
    found.record(2, (SHAPE,))

    assert [one.endpoint.traffic.total for one in found.stood()] == [12.0]
    assert (found.seen, found.sampled) == (12, 2)


def test_a_route_that_was_taken_back_is_the_monoliths(store: Store, clock: Clock) -> None:
    by = truth(route("users", "/users/{id}", share=10_000))
    found = discovery(store, clock, by)
    by.watch(found.follow)
    found.record(1, (SHAPE,))
    assert found.left().left == 0

    by.replace_overrides(Overrides(caps=(("users", 0),)))
    assert [one.standing for one in found.stood()] == [Standing.MONOLITH]

    by.replace_overrides(Overrides(is_killed=True))
    assert [one.standing for one in found.stood()] == [Standing.MONOLITH]


def test_what_is_held_back_is_not_left_and_is_told(store: Store, clock: Clock) -> None:
    by = truth(route("users", "/users/{id}", flag="users", rollback=Rollback()))
    document = {"flags": {"users": apply_edit("users", None, SetShare(share_bp=10_000))}, "segments": {}}
    by.replace_flags(FlagData(version=2, ready=True, document=json.dumps(document).encode()))
    found = discovery(store, clock, by)
    found.record(1, (SHAPE,))

    assert found.left() == Left(endpoints=1, left=0, unrouted=0, unseen=0, held=1)
    (one,) = found.stood()
    assert (one.standing, one.share, one.held) == (Standing.EXTRACTED, 9_900, 100)

    # A guard that lets a few keys back holds back the rest by itself.
    by.replace_overrides(Overrides(caps=(("users", 500),)))
    (one,) = found.stood()
    assert (one.standing, one.share, one.held) == (Standing.SPLIT, 500, 0)


def test_sides_that_other_flags_chose_are_not_known(store: Store, clock: Clock) -> None:
    by = truth()
    found = discovery(store, clock, by)
    by.watch(found.follow)
    found.record(1, (SHAPE,))
    (row,) = found.hour.rows(NOW)
    assert [spot.side for spot in row.spots()] == [Side.LEGACY]

    by.replace_flags(replace(FLAGS, version=2))
    found.record(1, (SHAPE,))
    found.record(1, (replace(SHAPE, generation=2),))

    (row,) = found.hour.rows(NOW)
    assert [spot.side for spot in row.spots()] == [None, None, Side.LEGACY]


def test_words_that_routes_write_are_names_from_then_on(store: Store, clock: Clock) -> None:
    by = truth()
    found = discovery(store, clock, by)
    by.watch(found.follow)
    by.replace_config(config(1, 2, route("home", "/pages/home")))

    many = [shape(f"/pages/{'a' * length}") for length in range(1, WIDE + 9)]
    found.record(WIDE + 9, (*many, shape("/pages/home")))

    assert [one.endpoint.template for one in found.stood()] == ["/pages/home", "/pages/{name}"]


def test_days_add_up_what_each_side_answered(store: Store, clock: Clock) -> None:
    found = discovery(store, clock)
    found.record(1, (SHAPE,))
    found.count((tally(3), tally(4, "users"), tally(5, "users", Side.EXTRACTED)))
    clock.now += DAY_S
    found.count((tally(2),))
    found.count(())

    assert found.days() == (
        Day(day=DAY, legacy=7, extracted=5, unrouted=3),
        Day(day=DAY + 1, legacy=2, unrouted=2, endpoints=1, left=1),
    )


def test_what_was_learnt_is_there_after_a_restart(store: Store, clock: Clock) -> None:
    before = discovery(store, clock)
    before.record(4, (SHAPE, shape("/reports/{date}")))
    before.count((tally(4),))
    before.save()

    after = discovery(store, clock)

    assert after.stood() == before.stood()
    assert after.days() == before.days() == (Day(day=DAY, legacy=4, unrouted=4, endpoints=2, left=2),)
    after.count((tally(1),))
    assert after.days()[0].legacy == 5


def test_what_became_a_value_is_no_row_of_its_own_any_more(store: Store, clock: Clock, tmp_path: Path) -> None:
    found = discovery(store, clock)
    found.record(1, (shape("/pages/a"),))
    found.save()
    found.record(WIDE, tuple(shape(f"/pages/{'b' * n}") for n in range(1, WIDE + 1)))
    found.save()

    with closing(sqlite3.connect(tmp_path / "state.db")) as db:
        assert db.execute("SELECT method, template FROM endpoints").fetchall() == [("GET", "/pages/{name}")]


def test_nothing_is_written_when_nothing_has_changed(store: Store, clock: Clock, tmp_path: Path) -> None:
    found = discovery(store, clock)
    found.record(1, (SHAPE,))
    found.count((tally(1),))
    found.save()
    with closing(sqlite3.connect(tmp_path / "state.db")) as db, db:
        db.execute("DROP TABLE endpoints")

    found.save()

    assert found.fault == ""


def test_a_store_that_fails_is_told_once_and_tried_again(
    store: Store, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = discovery(store, clock)
    found.record(1, (SHAPE,))
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        found.save()
        found.save()
        assert "cannot write" in found.fault
    found.save()

    assert found.fault == ""
    assert [record.message for record in caplog.records] == ["discovery_not_stored", "discovery_stored_again"]
    assert len(store.discovery.endpoints()) == 1


def test_what_cannot_be_read_begins_anew(store: Store, clock: Clock, tmp_path: Path) -> None:
    found = discovery(store, clock)
    found.record(2, (SHAPE, shape("/x")))
    found.save()
    with closing(sqlite3.connect(tmp_path / "state.db")) as db, db:
        db.execute("UPDATE endpoints SET document = '{' WHERE template = '/x'")

    assert [one.endpoint.template for one in discovery(store, clock).stood()] == ["/users/{id}"]

    with closing(sqlite3.connect(tmp_path / "state.db")) as db, db:
        db.execute("DROP TABLE burn_down")
    broken = discovery(store, clock)
    assert (broken.stood(), "burn_down" in broken.fault) == ((), True)


def test_metrics_tell_the_endpoints_of_the_last_month_and_the_monoliths_part(store: Store, clock: Clock) -> None:
    found = discovery(store, clock, truth(route("users", "/users/{id}", share=10_000)))
    assert found.reading().monolith_share is None
    found.record(1, (shape("/old"),))
    clock.now += 31 * DAY_S
    found.record(4, (SHAPE, shape("/x")))
    found.count((tally(1), tally(3, "users", Side.EXTRACTED)))

    assert found.reading() == DiscoveryReading(
        standings=(("unrouted", 1), ("monolith", 0), ("split", 0), ("extracted", 1)),
        monolith_share=0.25,
        sampled=3,
        forgotten=0,
    )


def test_two_years_of_days_are_kept(store: Store, clock: Clock) -> None:
    found = discovery(store, clock)
    for _ in range(DAYS_KEPT + 5):
        found.count((tally(1),))
        clock.now += DAY_S
    found.save()

    assert len(found.days()) == DAYS_KEPT
    for _ in range(3):
        found.count((tally(1),))
        found.save()
        clock.now += DAY_S
    assert len(store.discovery.days()) <= DAYS_KEPT


def test_telling_takes_a_bounded_part_of_the_time(store: Store) -> None:
    looks = iter([0.0, 0.0, 1.0, 1.0, 10.0, 30.0, 30.0, 30.0, 30.0])
    found = Discovery(store, truth(), now=lambda: NOW, clock=lambda: next(looks))
    found.start()
    found.record(1, (SHAPE,))
    assert len(found.stood()) == 1
    found.record(1, (shape("/x"),))

    assert len(found.stood()) == 1
    assert len(found.stood()) == 2


async def test_thousands_of_routes_are_looked_at_beside_the_loop(store: Store, clock: Clock) -> None:
    by = truth(route("users", "/users/{id}", share=2_500))
    found = discovery(store, clock, by)
    found.record(2, (SHAPE, shape("/invoices")))
    routes = Watched(by.config.routes)
    by.replace_config(replace(by.config, routes=routes))
    found.follow()
    routes.threads.clear()

    await asyncio.gather(found.look(), found.look())

    assert routes.threads and threading.get_ident() not in routes.threads
    assert [one.standing for one in found.stood()] == [Standing.UNROUTED, Standing.SPLIT]


async def test_what_was_looked_at_is_looked_at_anew_once_routes_are_others(store: Store, clock: Clock) -> None:
    by = truth()
    found = discovery(store, clock, by)
    found.record(1, (SHAPE,))
    await found.look()

    by.replace_config(config(1, 2, route("users", "/users/{id}", share=2_500)))
    await found.look()

    assert [one.standing for one in found.stood()] == [Standing.SPLIT]
