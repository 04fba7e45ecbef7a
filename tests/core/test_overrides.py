"""What goes before every flag: the kill switch, a guard that tripped or probes, and what is held back."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.decide import Decision, Flags, Reason, decide
from strangler.core.explain import explain
from strangler.core.model import FULL_SHARE, Config, Side
from strangler.core.rules import Rollback
from strangler.core.shares import NO_OVERRIDES, Overrides
from strangler.core.snapshot import Snapshot, compile_snapshot
from strangler.flags.evaluator import Evaluator
from tests.core.requests import EVERYTHING, Fixed, Request, config, requests, route
from tests.support.flags import flag_data, percent_flag

KEYS = st.text(min_size=1, max_size=12, alphabet="abcdefghij0123456789")
KILLED = Overrides(is_killed=True)


def compiled(by: Config, overrides: Overrides = NO_OVERRIDES, flags: Flags | None = None) -> Snapshot:
    return compile_snapshot(by, generation=1, flags=flags or Fixed(True), overrides=overrides)


def at(snapshot: Snapshot, request: Request) -> Decision:
    return decide(snapshot, **request._asdict(), spare_key="spare")[0]


def ask(key: str, target: bytes = b"/a") -> Request:
    return Request(target=target, headers=((b"X-User-Id", key.encode()),))


def flags(share_bp: int, **fields: Any) -> Flags:
    return Evaluator(on_problem=lambda _flag, _reason: None).apply(flag_data(percent_flag("f", share_bp, **fields)))


@given(requests)
def test_the_kill_switch_sends_everything_to_the_monolith(request: Request) -> None:
    found = at(compiled(EVERYTHING, KILLED), request)

    assert found.side is Side.LEGACY
    assert found.reason in (Reason.KILLED, Reason.UNROUTED, Reason.NOT_SPLIT)


@given(KEYS, st.sampled_from([0, 1, 5_000, FULL_SHARE]))
def test_a_tripped_route_is_the_monoliths_whatever_share_and_flag_say(key: str, share: int) -> None:
    by = config(route("r", "/a", share=share), route("other", "/b", share=FULL_SHARE))
    flagged = config(route("r", "/a", flag="f"))
    tripped = Overrides(caps=(("r", 0),))

    assert at(compiled(by, tripped), ask(key)).reason is Reason.TRIPPED
    assert at(compiled(flagged, tripped), ask(key)).side is Side.LEGACY
    assert at(compiled(by, tripped), ask(key, b"/b")).side is Side.EXTRACTED


def test_the_kill_switch_goes_before_a_guard() -> None:
    both = Overrides(is_killed=True, caps=(("r", 0),))

    assert at(compiled(config(route("r", "/a", flag="f")), both), ask("ann")).reason is Reason.KILLED


@given(KEYS, st.integers(1, FULL_SHARE - 1))
def test_a_probe_lets_back_no_more_than_its_share_and_nobody_new(key: str, cap: int) -> None:
    for by in (config(route("r", "/a", share=5_000)), config(route("r", "/a", flag="f"))):
        before = at(compiled(by, flags=flags(5_000)), ask(key))
        probing = at(compiled(by, Overrides(caps=(("r", cap),)), flags(5_000)), ask(key))

        if probing.side is Side.EXTRACTED:
            assert before.side is Side.EXTRACTED
            assert probing.reason is before.reason


def test_a_probe_has_about_its_share() -> None:
    by = config(route("r", "/a", share=FULL_SHARE))
    probing = compiled(by, Overrides(caps=(("r", 1_000),)))

    extracted = sum(at(probing, ask(f"user-{n}")).side is Side.EXTRACTED for n in range(4_000))

    assert abs(extracted / 4_000 - 0.1) < 0.02


GUARDED = config(route("r", "/a", flag="f", rollback=Rollback(hold_back=100)))


@given(KEYS, st.lists(st.integers(0, FULL_SHARE), min_size=2, max_size=6).map(sorted))
def test_raising_the_share_up_to_everything_never_sends_a_key_back(key: str, shares: list[int]) -> None:
    ramp = [flags(share) for share in shares]
    all_on: Mapping[str, Any] = {"fallthrough": {"variation": 1}}

    sides = [at(compiled(GUARDED, flags=each), ask(key)).side for each in (*ramp, flags(FULL_SHARE))]
    fixed = at(compiled(GUARDED, flags=flags(0, **all_on)), ask(key)).side

    assert sides == sorted(sides, key=[Side.LEGACY, Side.EXTRACTED].index)
    assert fixed is sides[-1]


def test_at_everything_the_hold_back_stays_on_the_monolith() -> None:
    snapshot = compiled(GUARDED, flags=flags(FULL_SHARE))

    found = [at(snapshot, ask(f"user-{n}")) for n in range(10_000)]

    held = [decision for decision in found if decision.side is Side.LEGACY]
    assert {decision.reason for decision in held} == {Reason.HOLD_BACK}
    assert 60 < len(held) < 140


@pytest.mark.parametrize("share_bp", [0, 200, 2_500, 9_900])
def test_a_hold_back_within_what_is_left_changes_nobodys_side(share_bp: int) -> None:
    plain = config(route("r", "/a", flag="f"))

    for n in range(2_000):
        request = ask(f"user-{n}")
        held = at(compiled(GUARDED, flags=flags(share_bp)), request)
        assert held.side is at(compiled(plain, flags=flags(share_bp)), request).side


@pytest.mark.parametrize(
    "fields",
    [
        {"targets": [{"values": ["ann"], "variation": 1}]},
        {"variations": ["off", "complete"]},
        {"fallthrough": {"rollout": {"bucketBy": "country", "variations": [{"variation": 1, "weight": 100_000}]}}},
    ],
    ids=["a target", "a finished migration", "a percentage of something else"],
)
def test_nothing_is_held_back_where_it_was_not_asked_for_or_could_not_stay_the_same(fields: dict[str, Any]) -> None:
    held = replace(GUARDED.routes[0], rollback=Rollback(hold_back=FULL_SHARE))
    snapshot = compiled(config(held), flags=flags(FULL_SHARE, **fields))

    assert at(snapshot, ask("ann")).side is Side.EXTRACTED


def test_flags_that_were_never_reached_hold_nothing_back() -> None:
    held = replace(GUARDED.routes[0], rollback=Rollback(hold_back=FULL_SHARE))

    assert at(compiled(config(held), flags=Fixed(True, Reason.FLAG_RULE)), ask("ann")).side is Side.EXTRACTED


@given(requests, st.booleans(), st.sampled_from([None, 0, 700]))
def test_an_explanation_is_the_decision(request: Request, is_killed: bool, cap: int | None) -> None:
    caps = () if cap is None else tuple((each.name, cap) for each in EVERYTHING.routes)
    snapshot = compiled(EVERYTHING, Overrides(is_killed=is_killed, caps=caps))

    found, decision = explain(snapshot, **request._asdict(), spare_key="spare"), at(snapshot, request)

    assert (found.side, found.reason, found.upstream) == (decision.side, decision.reason, decision.upstream)


def test_a_snapshot_takes_over_the_table_of_the_one_before_only_for_the_same_routes() -> None:
    first = compiled(EVERYTHING)

    same = compile_snapshot(EVERYTHING, generation=2, flags=Fixed(True), overrides=KILLED, before=first)
    other = compile_snapshot(config(route("r", "/a")), generation=2, flags=Fixed(True), before=first)

    assert same.table is first.table
    assert other.table is not first.table
    assert at(same, ask("ann", b"/api/status")).reason is Reason.KILLED
