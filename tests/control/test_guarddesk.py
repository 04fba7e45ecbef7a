"""What the guard desk tells of one route: how often it was taken back, and all that could have moved its traffic."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from strangler.control.guarddesk import GuardDesk
from strangler.control.guards import Guards
from strangler.control.journal import Deed
from strangler.control.store import Store
from strangler.core.audit import Action, Kind
from tests.support.surface import GUARDED

PAY, READ = (replace(route, flag="payments", cohort=f"{route.name}s") for route in GUARDED.routes)
CONFIG = replace(GUARDED, routes=(PAY, READ))
BY = {"who": "ann", "why": "because"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.close()


def guarding(store: Store) -> tuple[Guards, GuardDesk]:
    guards = Guards(store.guards, on_overrides=lambda _: 1, on_happening=lambda _: None)
    guards.start(CONFIG)
    return guards, GuardDesk(guards, store.journal, lambda: CONFIG, prerequisites=lambda _: ("eu",))


def trips(desk: GuardDesk, name: str) -> int:
    shown = desk.show(name)
    assert shown is not None
    return int(shown["trips"])


def test_trips_are_counted_as_the_audit_log_has_them_over_resets_and_restarts(store: Store) -> None:
    guards, desk = guarding(store)
    assert trips(desk, "pay") == 0

    guards.trip("pay", **BY)
    guards.trip("pay", **BY)
    assert trips(desk, "pay") == 1, "one that holds is no second one"
    guards.reset("pay", **BY)
    guards.trip("pay", **BY)

    assert (trips(desk, "pay"), trips(desk, "read")) == (2, 0)
    assert trips(guarding(store)[1], "pay") == 2


async def test_a_route_has_on_record_all_that_could_have_moved_its_traffic_and_nothing_else(store: Store) -> None:
    guards, desk = guarding(store)
    guards.trip("pay", **BY)
    guards.trip("read", **BY)
    guards.reset("pay", **BY)
    guards.kill(is_on=True, **BY)
    done = {
        Action.FLAG: ("payments", "eu", "others", "pay"),
        Action.WRITE_BACK: ("payments",),
        Action.RELOAD: ("routes",),
        Action.CONFIG: ("routes", "read"),
        Action.TOKEN: ("pay",),
        Action.RESTART: ("workers",),
    }
    for what, subjects in done.items():
        for subject in subjects:
            store.journal.record(Deed(at=2.0, what=what, subject=subject, **BY))

    rows = (await desk.audit(limit=100, route="pay", is_whole=True))["rows"]

    assert [(row["what"], row["subject"]) for row in reversed(rows)] == [
        ("trip", "pay"),
        ("reset", "pay"),
        ("kill", "*"),
        ("flag", "payments"),
        ("flag", "eu"),
        ("write_back", "payments"),
        ("reload", "routes"),
        ("config", "routes"),
    ]
    flags = (await desk.audit(limit=100, route="pay", what=Action.FLAG, is_whole=True))["rows"]
    assert [row["what"] for row in flags] == ["flag", "flag"]
    of_flags = (await desk.audit(limit=100, route="pay", kind=Kind.FLAGS, is_whole=True))["rows"]
    assert [row["what"] for row in reversed(of_flags)] == ["flag", "flag", "write_back"]
    older = (await desk.audit(limit=1, route="pay", before=rows[1]["seq"], is_whole=True))["rows"]
    assert [row["subject"] for row in older] == ["payments"]


async def test_a_route_that_is_gone_still_has_what_was_done_to_it(store: Store) -> None:
    _, desk = guarding(store)
    store.journal.record(Deed(at=2.0, what=Action.TRIP, subject="gone", **BY))

    assert [row["subject"] for row in (await desk.audit(limit=9, route="gone", is_whole=True))["rows"]] == ["gone"]
