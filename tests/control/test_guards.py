"""Guards, with a real store, moved time and what workers would tell."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strangler.control.guards import SAVE_EVERY_S, Guards
from strangler.control.store import Store
from strangler.core.audit import Action
from strangler.core.guard import Phase
from strangler.core.model import Side
from strangler.core.rules import Cooldown, ErrorRate, Rollback
from strangler.core.sequential import Step
from strangler.core.shares import Overrides
from strangler.errors import UsageError
from tests.support.guarding import Proxy, config, refused, restarted, route, tally

COOLED = Rollback(cooldown=Cooldown(base_s=30, requests=20))


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    made = Proxy(tmp_path, config(route("a"), route("b")))
    yield made
    made.close()


def test_an_outage_takes_the_routes_traffic_back_at_once(proxy: Proxy) -> None:
    proxy.outage("a")

    assert proxy.caps == {"a": 0}
    assert (proxy.phase("a"), proxy.phase("b")) == (Phase.TRIPPED, Phase.CLOSED)
    assert [(happening.action, happening.route) for happening in proxy.happenings] == [(Action.TRIP, "a")]


def test_a_healthy_side_is_left_alone(proxy: Proxy) -> None:
    for _ in range(200):
        proxy.now += 0.25
        proxy.guards.count([tally("a", Side.LEGACY, fine=99, failed=1), tally("a", Side.EXTRACTED, fine=99, failed=1)])

    assert proxy.caps == {}
    assert proxy.happenings == []


def test_the_same_failures_on_the_monolith_trip_nothing(proxy: Proxy) -> None:
    proxy.guards.count([tally("a", Side.LEGACY, failed=500), tally("a", Side.EXTRACTED, fine=500)])

    assert proxy.caps == {}


def test_failures_to_connect_told_by_several_workers_add_up(proxy: Proxy) -> None:
    proxy.guards.count([refused("a", 2)])
    proxy.guards.count([refused("a", 2)])
    before = proxy.caps
    proxy.guards.count([refused("a", 1)])

    assert (before, proxy.caps) == ({}, {"a": 0})


def test_a_connection_in_between_ends_the_run(proxy: Proxy) -> None:
    proxy.guards.count([refused("a", 4)])
    proxy.guards.count([tally("a", Side.EXTRACTED, fine=1)])
    proxy.guards.count([refused("a", 4)])

    assert proxy.caps == {}


def test_a_trip_is_stored_with_its_evidence_when_count_returns(proxy: Proxy, tmp_path: Path) -> None:
    proxy.guards.follow_shares({"a": 200}, 1)
    for number in range(20):
        fields = {"route": "a", "side": "extracted", "request_id": f"r{number}", "status": 500, "secret": "x"}
        proxy.guards.remember(fields)

    proxy.outage("a")

    (row,) = proxy.store.journal.page().rows
    evidence: dict[str, Any] = json.loads(row.entry.evidence or "")
    assert (row.entry.what, row.entry.subject, row.entry.who) == (Action.TRIP, "a", "guard")
    assert "50 requests failed" in row.entry.why
    assert evidence["rule"]["metric"] == "error_rate"
    assert (evidence["share_bp"], evidence["config"]) == (200, "d")
    assert [sample["request_id"] for sample in evidence["samples"]] == [f"r{number}" for number in range(10, 20)]
    assert "secret" not in evidence["samples"][0]
    assert json.loads(row.entry.before or "")["phase"] == "closed"
    assert json.loads(row.entry.after or "")["phase"] == "tripped"


def test_a_trip_holds_after_a_restart_until_a_person_resets_it(proxy: Proxy, tmp_path: Path) -> None:
    by = config(route("a"), route("b"))
    proxy.outage("a")

    again = restarted(proxy, tmp_path, by)
    held = again.caps
    again.guards.reset("a", who="ann", why="mended")
    final = restarted(again, tmp_path, by)

    assert (held, final.caps) == ({"a": 0}, {})
    assert final.rows() == [("trip", "a"), ("reset", "a")]
    assert final.store.journal.verify() == (2, None)
    final.close()


def test_a_cohort_trips_and_is_reset_together(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path, config(route("a", cohort="c"), route("b", cohort="c"), route("alone")))

    proxy.outage("a")
    tripped = proxy.caps
    reset = proxy.guards.reset("b", who="ann", why="mended")

    assert tripped == {"a": 0, "b": 0}
    assert set(reset) == {"a", "b"}
    assert proxy.caps == {}
    proxy.close()


def test_a_route_may_trip_without_its_cohort(tmp_path: Path) -> None:
    rules = Rollback(trips_cohort=False)
    proxy = Proxy(tmp_path, config(route("a", rules, cohort="c"), route("b", rules, cohort="c")))

    proxy.outage("a")

    assert proxy.caps == {"a": 0}
    proxy.close()


def test_a_cooldown_probes_with_a_small_share_and_closes_when_it_holds(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path, config(route("a", COOLED)))
    proxy.outage("a")
    proxy.guards.tick()
    cooling = proxy.caps
    proxy.now += 30
    proxy.guards.tick()
    probing = proxy.caps
    proxy.guards.count([tally("a", Side.EXTRACTED, fine=20), tally("a", Side.LEGACY, fine=20)])

    assert (cooling, probing, proxy.caps) == ({"a": 0}, {"a": 100}, {})
    assert proxy.rows() == [("cool", "a"), ("probe", "a"), ("close", "a")]
    proxy.close()


def test_a_probe_that_fails_cools_for_longer(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path, config(route("a", COOLED)))
    for wait in (30, 60):
        proxy.outage("a")
        proxy.now += wait - 1
        proxy.guards.tick()
        assert proxy.caps == {"a": 0}
        proxy.now += 1
        proxy.guards.tick()
        assert proxy.caps == {"a": 100}
    proxy.close()


def test_a_cooldown_goes_on_over_a_restart(tmp_path: Path) -> None:
    by = config(route("a", COOLED))
    proxy = Proxy(tmp_path, by)
    proxy.outage("a")

    again = restarted(proxy, tmp_path, by)
    again.now = proxy.now + 31
    again.guards.tick()

    assert again.phase("a") is Phase.PROBING
    again.close()


def test_what_is_still_under_way_after_a_trip_trips_nothing_twice(proxy: Proxy) -> None:
    proxy.outage("a")
    proxy.outage("a")

    assert proxy.rows() == [("trip", "a")]


def test_a_dry_run_is_told_once_and_never_acts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rules = Rollback(error_rate=ErrorRate(dry_run=True), sequential=None)
    proxy = Proxy(tmp_path, config(route("a", rules)))

    for _ in range(3):
        proxy.outage("a")

    assert (proxy.caps, caplog.messages.count("guard_dry_run")) == ({}, 1)
    proxy.close()


def test_a_route_without_a_baseline_says_that_only_absolute_limits_guard_it(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        proxy.guards.count([tally("a", Side.EXTRACTED, fine=500)])
    alone = [happening.action for happening in proxy.happenings]
    proxy.guards.count([tally("a", Side.LEGACY, fine=1)])

    found = proxy.guards.of("a")
    assert (alone, caplog.messages.count("guard_hold")) == ([Action.HOLD], 1)
    assert found is not None and found[2] is False


def test_another_migration_begins_anew_and_says_so(proxy: Proxy) -> None:
    proxy.outage("a")

    proxy.guards.apply(config(route("a", extracted="other"), route("b")))

    assert proxy.caps == {}
    assert proxy.rows() == [("trip", "a"), ("migration", "a")]


def test_a_route_that_is_gone_for_a_while_comes_back_as_it_was(proxy: Proxy) -> None:
    proxy.outage("a")

    proxy.guards.apply(config(route("b")))
    gone = proxy.caps
    proxy.guards.apply(config(route("a"), route("b")))

    assert (gone, proxy.caps) == ({}, {"a": 0})


def test_other_rules_keep_what_was_proven_and_what_was_tripped(proxy: Proxy) -> None:
    proxy.outage("a")
    before = proxy.guards.of("a")

    proxy.guards.apply(config(route("a", Rollback(error_rate=ErrorRate(max=5_000))), route("b")))

    after = proxy.guards.of("a")
    assert before is not None and after is not None
    assert (after[0].guard, after[0].evidence) == (before[0].guard, before[0].evidence)


def test_the_kill_switch_goes_over_a_restart(proxy: Proxy, tmp_path: Path) -> None:
    by = config(route("a"), route("b"))
    proxy.guards.kill(is_on=True, who="ann", why="incident 7")
    killed = proxy.served[-1].is_killed

    again = restarted(proxy, tmp_path, by)
    held = again.served[-1].is_killed
    again.guards.kill(is_on=False, who="ann", why="over")

    assert (killed, held, again.served[-1].is_killed) == (True, True, False)
    assert again.rows() == [("kill", "*"), ("kill", "*")]
    again.close()


def test_a_person_may_trip_a_route_by_hand(proxy: Proxy) -> None:
    proxy.guards.trip("a", who="ann", why="it looks wrong")

    assert (proxy.caps, proxy.rows()) == ({"a": 0}, [("trip", "a")])


@pytest.mark.parametrize("call", ["reset", "trip"])
def test_a_route_that_is_not_guarded_is_named(proxy: Proxy, call: str) -> None:
    with pytest.raises(UsageError, match=r"no route `nope` is guarded\. Known: a, b"):
        getattr(proxy.guards, call)("nope", who="ann", why="x")


def test_a_store_that_is_full_keeps_nothing_from_tripping_and_loses_nothing(
    proxy: Proxy, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    db = proxy.store._database.connection
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
    for number in range(10):
        proxy.guards.remember({"route": "a", "side": "extracted", "path": "/x" * 2_000, "request_id": str(number)})
    proxy.outage("a")
    proxy.guards.kill(is_on=True, who="ann", why="x" * 5_000)
    tripped, fault = proxy.caps, proxy.guards.fault

    db.execute("PRAGMA max_page_count = 1073741823")
    proxy.now += SAVE_EVERY_S
    proxy.guards.tick()

    assert (tripped, proxy.guards.fault) == ({"a": 0}, "")
    assert "disk has room" in fault
    assert "guard_store_failed" in caplog.messages and "guard_store_recovered" in caplog.messages
    again = restarted(proxy, tmp_path, config(route("a"), route("b")))
    assert (again.caps, again.served[-1].is_killed) == ({"a": 0}, True)
    assert sorted(again.rows()) == [("kill", "*"), ("trip", "a")]
    again.close()


def test_what_a_test_has_learnt_survives_a_restart(proxy: Proxy, tmp_path: Path) -> None:
    for _ in range(5):
        proxy.guards.count([tally("a", Side.LEGACY, fine=90, failed=1), tally("a", Side.EXTRACTED, fine=9, failed=1)])
    proxy.now += SAVE_EVERY_S
    proxy.guards.tick()
    before = proxy.guards.of("a")

    again = restarted(proxy, tmp_path, config(route("a"), route("b")))

    after = again.guards.of("a")
    assert before is not None and after is not None
    assert before[0].evidence.extracted_failures == 5
    assert after[0].evidence == before[0].evidence
    again.close()


def test_a_changed_share_starts_the_mix_of_requests_anew(proxy: Proxy) -> None:
    proxy.guards.follow_shares({"a": 200, "b": 200}, 1)
    for name in ("a", "b"):
        proxy.guards.count([tally(name, Side.LEGACY, fine=98), tally(name, Side.EXTRACTED, fine=2)])

    proxy.guards.follow_shares({"a": 5_000, "b": 200}, 2)

    begun = [found[0].evidence.block for name in ("a", "b") if (found := proxy.guards.of(name))]
    assert begun == [Step(), Step(98, 0, 2, 0)]


def test_a_reset_of_a_route_that_has_not_tripped_hides_nothing_of_what_was_counted(proxy: Proxy) -> None:
    proxy.guards.count([tally("a", Side.LEGACY, fine=98), tally("a", Side.EXTRACTED, fine=2)])
    before = proxy.guards.of("a")

    reset = proxy.guards.reset("a", who="ann", why="just in case")

    assert (reset, proxy.rows()) == ((), [])
    assert before is not None and before[0].evidence.block == Step(98, 0, 2, 0)
    assert proxy.guards.of("a") == before


def test_when_nothing_that_was_kept_can_be_read_every_route_is_the_monoliths(tmp_path: Path) -> None:
    by = config(route("a"), route("b"))
    store = Store(tmp_path, in_memory=True)
    served: list[Overrides] = []

    def serve(overrides: Overrides) -> int:
        served.append(overrides)
        return len(served)

    guards = Guards(store.guards, on_overrides=serve, on_happening=lambda _: None)

    first = guards.start(by, lost="the state store is damaged")
    guards.reset("a", who="ann", why="it never tripped")
    store.close()

    assert dict(first.caps) == {"a": 0, "b": 0}
    assert dict(served[-1].caps) == {"b": 0}
    assert "damaged" in guards.fault
    assert not (tmp_path / "state.db").exists()
