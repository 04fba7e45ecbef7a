"""Snapshots: everything that a request will need is there, once, and each counter has one meaning."""

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.decide import Reason
from strangler.core.model import FULL_SHARE, Config, Fallback, Idempotency, Side
from strangler.core.rules import Rollback
from strangler.core.shadowing import Shadow, ShadowMode
from strangler.core.snapshot import compile_snapshot, with_flags
from tests.core.requests import ASSIGNED, EVERYTHING, USER, Fixed, config, route

names = (f"r{number}" for number in count())
routes = st.builds(
    lambda share, flag, extracted: route(next(names), "/a", share=share, flag=flag, extracted=extracted),
    st.sampled_from([0, 1, 5_000, FULL_SHARE]),
    st.sampled_from([None, "f"]),
    st.sampled_from([None, "payments"]),
)


@given(st.lists(routes, max_size=5).map(lambda found: config(*found)))
def test_each_pair_of_route_and_side_has_a_slot_of_its_own(by: Config) -> None:
    snapshot = compile_snapshot(by, generation=7, flags=Fixed(True))

    assert snapshot.generation == 7
    assert snapshot.slots[snapshot.unrouted.slot] == ("", Side.LEGACY)
    assert len(set(snapshot.slots)) == len(snapshot.slots) == 1 + 2 * len(by.routes)
    assert [compiled.route for compiled in snapshot.routes] == list(by.routes)


@given(st.lists(routes, max_size=5).map(lambda found: config(*found)))
def test_a_fixed_decision_is_one_that_no_key_could_change(by: Config) -> None:
    snapshot = compile_snapshot(by, generation=1, flags=Fixed(True))

    for compiled in snapshot.routes:
        found = compiled.route
        is_split = found.extracted is not None and (found.flag is not None or 0 < found.share < FULL_SHARE)
        assert (compiled.fixed is None) == is_split


def test_a_decision_is_made_once_for_a_side_and_a_reason() -> None:
    compiled = compile_snapshot(config(route("r", "/a", flag="f")), generation=1, flags=Fixed(True)).routes[0]

    one = compiled.decision(Side.EXTRACTED, Reason.FLAG_RULE)

    assert compiled.decision(Side.EXTRACTED, Reason.FLAG_RULE) is one
    assert (one.upstream, one.slot, one.timeouts) == ("payments", 2, compiled.route.timeouts)
    assert compiled.decision(Side.LEGACY, Reason.FLAG_RULE).slot == 1


@pytest.mark.parametrize("fallback", Fallback)
def test_only_the_extracted_side_may_be_stood_in_for_and_only_where_the_route_lets_it(fallback: Fallback) -> None:
    by = config(route("r", "/a", flag="f", fallback=fallback))
    compiled = compile_snapshot(by, generation=1, flags=Fixed(True)).routes[0]

    extracted, legacy = (compiled.decision(side, Reason.FLAG_RULE) for side in (Side.EXTRACTED, Side.LEGACY))

    assert legacy.instead is None
    if fallback is Fallback.OFF:
        assert extracted.instead is None
    else:
        assert extracted.instead is compiled.decision(Side.LEGACY, Reason.FALLBACK)


def test_what_no_route_names_is_the_monoliths() -> None:
    snapshot = compile_snapshot(EVERYTHING, generation=1, flags=Fixed(True))

    found = snapshot.unrouted

    assert (found.route, found.side, found.upstream) == (None, Side.LEGACY, "monolith")


@given(st.lists(routes, max_size=5).map(lambda found: config(*found)))
def test_a_change_of_flags_alone_compiles_no_route_again(by: Config) -> None:
    before = compile_snapshot(by, generation=1, flags=Fixed(False))

    after = with_flags(before, generation=2, flags=(changed := Fixed(True)))

    assert (after.generation, after.flags) == (2, changed)
    assert after.table is before.table
    assert after.routes is before.routes
    assert (before.generation, after.slots, after.unrouted) == (1, before.slots, before.unrouted)


def test_a_route_says_which_statuses_fail_and_whose_keys_repeat() -> None:
    keys = Idempotency(header="x-key")
    given = route("r", "/a", flag="f", identity=(USER, ASSIGNED), idempotency=keys)
    by = config(given, replace(given, name="s", rollback=Rollback(failures=((429, 429), (500, 501)))))

    plain, special = compile_snapshot(by, generation=1, flags=Fixed(True)).routes

    assert plain.decision(Side.EXTRACTED, Reason.FLAG_RULE).failing is None
    assert special.decision(Side.EXTRACTED, Reason.FLAG_RULE).failing == frozenset({429, 500, 501})
    assert (plain.key_header, [source for source, _ in plain.tenant]) == (b"x-key", [USER])
    assert plain.decision(Side.LEGACY, Reason.FLAG_RULE).keyed is plain


@pytest.mark.parametrize(
    ("mode", "checked"),
    [
        (ShadowMode.SHADOW, {Side.LEGACY}),
        (ShadowMode.REVERSE, {Side.EXTRACTED}),
        (ShadowMode.BOTH, {Side.LEGACY, Side.EXTRACTED}),
        (None, set()),
    ],
)
def test_the_mode_says_whose_answers_are_checked(mode: ShadowMode | None, checked: set[Side]) -> None:
    shadow = None if mode is None else Shadow(mode=mode)
    by = config(route("r", "/a", extracted="payments", shadow=shadow), route("s", "/b", extracted=None, shadow=shadow))
    shadowed, lone = compile_snapshot(by, generation=1, flags=Fixed(True)).routes

    assert {side for side in Side if shadowed.decision(side, Reason.SHARE).shadow is not None} == checked
    assert lone.decision(Side.LEGACY, Reason.NOT_SPLIT).shadow is None


@pytest.mark.parametrize("mode", ShadowMode)
@pytest.mark.parametrize("declared", [False, True])
def test_a_write_goes_to_both_sides_only_where_it_is_declared(mode: ShadowMode, declared: bool) -> None:
    by = config(route("r", "/a", extracted="payments", shadow=Shadow(mode=mode, writes=declared)))
    (compiled,) = compile_snapshot(by, generation=1, flags=Fixed(True)).routes

    decisions = [compiled.decision(side, Reason.SHARE) for side in Side]

    assert [found.writes for found in decisions] == [found.shadow if declared else None for found in decisions]
