"""Guards and time: what began before a change, clocks that are set, and rules that change meanwhile."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from strangler.core.guard import Phase
from strangler.core.model import Side
from strangler.core.rules import Cooldown, Rollback
from strangler.core.sequential import Evidence, Step
from tests.support.guarding import Proxy, config, route, tally

LATCHED = Rollback()
COOLED = Rollback(cooldown=Cooldown(base_s=30, requests=20))


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    made = Proxy(tmp_path, config(route("a", COOLED), route("b")))
    yield made
    made.close()


def evidence(proxy: Proxy, name: str) -> Evidence:
    found = proxy.guards.of(name)
    assert found is not None
    return found[0].evidence


def test_what_began_before_a_reset_does_not_trip_the_route_again(proxy: Proxy) -> None:
    proxy.outage("b")
    before = proxy.generation
    proxy.guards.reset("b", who="ann", why="mended")

    proxy.guards.count([tally("b", Side.EXTRACTED, failed=500, generation=before)])
    stale = proxy.phase("b")
    proxy.guards.count([tally("b", Side.EXTRACTED, failed=500, generation=proxy.generation)])

    assert (stale, proxy.phase("b")) == (Phase.CLOSED, Phase.TRIPPED)


def test_what_began_before_a_probe_is_no_part_of_it(proxy: Proxy) -> None:
    proxy.outage("a")
    before = proxy.generation
    proxy.now += 30
    proxy.guards.tick()

    proxy.guards.count([tally("a", Side.EXTRACTED, fine=500, generation=before)])
    good = proxy.phase("a")
    proxy.guards.count([tally("a", Side.EXTRACTED, failed=500, generation=before)])

    assert (good, proxy.phase("a")) == (Phase.PROBING, Phase.PROBING)


def test_a_report_that_tells_of_one_side_twice_counts_both(proxy: Proxy) -> None:
    """Exchanges that began before a flag change are told of apart from those after it."""
    old, new = proxy.generation, proxy.generation + 1
    told = [tally("b", Side.EXTRACTED, failed=40, generation=old), tally("b", Side.EXTRACTED, fine=1, generation=new)]

    proxy.guards.count(told)

    assert proxy.phase("b") is Phase.TRIPPED


def test_slow_failures_of_a_larger_share_are_not_compared_with_the_mix_of_a_smaller_one(proxy: Proxy) -> None:
    proxy.guards.follow_shares({"b": 9_000}, 1)
    proxy.guards.follow_shares({"b": 1_000}, 2)

    for _ in range(500):
        proxy.now += 1.0
        late = [tally("b", Side.EXTRACTED, failed=1, generation=1)]
        new = [
            tally("b", Side.LEGACY, fine=90, generation=2),
            tally("b", Side.EXTRACTED, fine=10, generation=2),
        ]
        proxy.guards.count(late + new)

    assert (proxy.phase("b"), evidence(proxy, "b").log_e) == (Phase.CLOSED, 0.0)


def test_slow_failures_from_before_the_kill_switch_do_not_speak_after_it(proxy: Proxy) -> None:
    before = proxy.generation
    proxy.guards.kill(is_on=True, who="ann", why="an incident")

    for _ in range(500):
        proxy.now += 1.0
        told = [
            tally("b", Side.LEGACY, fine=100, generation=proxy.generation),
            tally("b", Side.EXTRACTED, failed=1, generation=before),
        ]
        proxy.guards.count(told)

    assert (proxy.phase("b"), evidence(proxy, "b").log_e) == (Phase.CLOSED, 0.0)


def test_a_route_that_another_file_changes_is_compared_anew_and_one_that_it_leaves_is_not(proxy: Proxy) -> None:
    proxy.guards.follow_shares({"a": 100, "b": 100}, 1)
    for name in ("a", "b"):
        proxy.guards.count([tally(name, Side.LEGACY, fine=98), tally(name, Side.EXTRACTED, fine=2)])

    changed = replace(route("a", COOLED), cohort="others")
    proxy.guards.apply(config(changed, route("b")))
    proxy.guards.follow_shares({"a": 100, "b": 100}, 2)

    assert (evidence(proxy, "a").block, evidence(proxy, "b").block) == (Step(), Step(98, 0, 2, 0))


@pytest.mark.parametrize("waits_s", [0, 30])
def test_a_cool_down_that_nobody_opts_in_to_any_more_is_a_latch(proxy: Proxy, tmp_path: Path, waits_s: float) -> None:
    proxy.outage("a")
    proxy.now += waits_s
    proxy.guards.tick()
    was = proxy.phase("a")

    proxy.guards.apply(config(route("a", LATCHED), route("b")))
    proxy.guards.count([tally("a", Side.EXTRACTED, fine=500)])
    proxy.now += 10_000
    proxy.guards.tick()
    kept = proxy.phase("a")
    proxy.close()
    again = Proxy(tmp_path, config(route("a", COOLED), route("b")))
    again.close()

    assert was is (Phase.PROBING if waits_s else Phase.COOLING)
    assert (kept, proxy.caps, again.phase("a")) == (Phase.TRIPPED, {"a": 0}, Phase.TRIPPED)


def test_a_cool_down_is_as_long_as_it_is_whatever_is_done_to_the_wall_clock(proxy: Proxy) -> None:
    proxy.wall = 1_000_000.0
    proxy.outage("a")

    proxy.wall += 86_400
    proxy.guards.tick()
    early = proxy.phase("a")
    proxy.wall -= 3 * 86_400
    proxy.now += 30
    proxy.guards.tick()

    assert (early, proxy.phase("a")) == (Phase.COOLING, Phase.PROBING)


def test_a_cool_down_found_at_a_start_ends_although_the_clock_was_set_back(proxy: Proxy, tmp_path: Path) -> None:
    proxy.now = 1_000_000.0
    proxy.outage("a")
    proxy.close()

    again = Proxy(tmp_path, config(route("a", COOLED), route("b")))
    again.guards.tick()
    again.now += 300
    again.guards.tick()
    again.close()

    assert again.phase("a") is Phase.PROBING


def test_what_was_learnt_is_stored_although_the_clock_was_set_back(proxy: Proxy) -> None:
    proxy.wall = 1_000_000.0
    proxy.guards.count([tally("b", Side.LEGACY, fine=90, failed=1), tally("b", Side.EXTRACTED, fine=10)])
    proxy.wall -= 86_400
    proxy.now += 5

    proxy.guards.tick()

    assert proxy.store.guards.guards()["b"].evidence.legacy_failures == 1


def test_a_route_that_is_left_out_for_a_while_comes_back_with_what_was_learnt(proxy: Proxy, tmp_path: Path) -> None:
    proxy.guards.count([tally("b", Side.LEGACY, fine=90, failed=1), tally("b", Side.EXTRACTED, fine=10)])
    learnt = evidence(proxy, "b")

    proxy.guards.apply(config(route("a", COOLED)))
    proxy.close()
    again = Proxy(tmp_path, config(route("a", COOLED), route("b")))
    again.close()

    assert learnt.legacy_failures == 1
    assert evidence(again, "b") == learnt


def test_slow_failures_of_a_probe_are_not_compared_with_the_mix_after_it(proxy: Proxy) -> None:
    proxy.outage("a")
    proxy.now += 30
    proxy.guards.tick()
    probing = proxy.generation
    proxy.guards.count([tally("a", Side.EXTRACTED, fine=20, generation=probing)])

    for _ in range(500):
        proxy.now += 1.0
        late = tally("a", Side.EXTRACTED, failed=1, generation=probing)
        new = [tally("a", side, fine=50, generation=proxy.generation) for side in Side]
        proxy.guards.count([late, *new])

    assert (proxy.phase("a"), evidence(proxy, "a").log_e) == (Phase.CLOSED, 0.0)


def test_another_trip_meanwhile_does_not_make_a_cool_down_believe_the_wall_clock(proxy: Proxy) -> None:
    proxy.wall = 1_000_000.0
    proxy.outage("a")
    proxy.wall += 86_400
    proxy.outage("b")

    proxy.guards.tick()

    assert proxy.phase("a") is Phase.COOLING


def test_a_latch_by_another_file_is_stored_at_once(proxy: Proxy, tmp_path: Path) -> None:
    proxy.outage("a")
    proxy.guards.apply(config(route("a", LATCHED), route("b")))
    proxy.close()

    again = Proxy(tmp_path, config(route("a", COOLED), route("b")))
    again.close()

    assert again.phase("a") is Phase.TRIPPED


def test_other_rules_do_not_make_what_began_before_a_reset_count(proxy: Proxy) -> None:
    proxy.outage("b")
    before = proxy.generation
    proxy.guards.reset("b", who="ann", why="mended")

    proxy.guards.apply(config(route("a", COOLED), route("b", Rollback(grace_s=1.0))))
    proxy.guards.count([tally("b", Side.EXTRACTED, failed=500, generation=before)])

    assert proxy.phase("b") is Phase.CLOSED


def test_a_tripped_route_that_is_called_otherwise_is_still_tripped(proxy: Proxy, tmp_path: Path) -> None:
    proxy.outage("b")
    renamed = replace(route("b"), name="c")

    proxy.guards.apply(config(route("a", COOLED), renamed, route("d")))
    caps = proxy.caps
    proxy.close()
    again = Proxy(tmp_path, config(route("a", COOLED), renamed, route("d")))
    again.close()

    assert (caps, again.caps) == ({"c": 0}, {"c": 0})


def test_a_tripped_route_that_is_called_otherwise_while_nothing_runs_is_still_tripped(
    proxy: Proxy, tmp_path: Path
) -> None:
    proxy.outage("b")
    proxy.close()
    renamed = config(route("a", COOLED), replace(route("b"), name="c"), route("d"))

    first = Proxy(tmp_path, renamed)
    first.close()
    second = Proxy(tmp_path, renamed)
    second.close()

    assert (first.caps, second.caps) == ({"c": 0}, {"c": 0})


def test_a_reset_under_one_name_is_a_reset_of_the_name_before(proxy: Proxy, tmp_path: Path) -> None:
    proxy.outage("b")
    proxy.close()
    again = Proxy(tmp_path, config(route("a", COOLED), replace(route("b"), name="c"), route("d")))
    again.guards.reset("c", who="ann", why="mended")

    again.guards.apply(config(route("a", COOLED), replace(route("b"), name="e"), route("d")))
    back = config(route("a", COOLED), route("b"), route("d"))
    again.guards.apply(back)
    again.close()
    last = Proxy(tmp_path, back)
    last.close()

    assert (again.caps, last.caps) == ({}, {})


def test_a_trip_goes_with_its_route_from_name_to_name_and_back(proxy: Proxy, tmp_path: Path) -> None:
    before = config(route("a", COOLED), route("b"), route("d"))
    proxy.outage("b")

    proxy.guards.apply(config(route("a", COOLED), replace(route("b"), name="c"), route("d")))
    proxy.guards.apply(before)
    proxy.close()
    again = Proxy(tmp_path, before)
    again.close()

    assert (proxy.caps, again.caps) == ({"b": 0}, {"b": 0})


def test_another_route_for_the_same_requests_with_other_upstreams_is_another_migration(
    proxy: Proxy, tmp_path: Path
) -> None:
    proxy.outage("b")
    proxy.close()
    other = replace(route("b", extracted="bills"), name="c")

    again = Proxy(tmp_path, config(route("a", COOLED), other, route("d")))
    again.close()

    assert again.caps == {}


@pytest.mark.parametrize("document", ["{", "[]", '{"migration": 1}', '{"guard": {"phase": "of a later release"}}'])
def test_a_guard_that_cannot_be_read_is_tripped_and_the_others_are_as_they_were(tmp_path: Path, document: str) -> None:
    by = config(route("a"), route("b"))
    proxy = Proxy(tmp_path, by)
    proxy.outage("b")
    proxy.guards.reset("b", who="ann", why="mended")
    proxy.close()
    db = sqlite3.connect(tmp_path / "state.db")
    db.execute("INSERT INTO guards VALUES ('a', ?, 0)", (document,))
    db.commit()
    db.close()

    again = Proxy(tmp_path, by)
    again.close()

    assert (again.phase("a"), again.phase("b"), again.caps) == (Phase.TRIPPED, Phase.CLOSED, {"a": 0})
