"""Foresight of what `rollback.hold_back` keeps on the monolith, beside who really answers."""

import pytest

from strangler.core.decide import Reason, decide
from strangler.core.foresight import Plan, Served, foresee
from strangler.core.model import Side
from strangler.core.rules import Rollback
from strangler.core.snapshot import Snapshot
from tests.core.requests import config, route
from tests.core.shapes import NOW, SPARE, hour_of
from tests.core.test_foresight import snapshot, users

COUNT = 500


def held(part: int) -> Snapshot:
    """Return a route whose flag gives everyone away, and what holds back so many basis points of them."""
    return snapshot(config(route("x", "/x/{id}", flag="f", rollback=Rollback(hold_back=part))), value=True)


def at(share: int) -> Snapshot:
    return snapshot(config(route("x", "/x/{id}", share=share)))


def serving(part: int) -> dict[str, Served]:
    return {"x": Served(share=10_000, held=part)}


def told(before: Snapshot, after: Snapshot, *parts: int, is_stale: bool = False) -> Plan:
    """Return the plan for two routes that hold back so much each."""
    hour = hour_of(before, users(COUNT))
    if is_stale:
        hour.forget_sides()
    return foresee(hour.rows(NOW), before, after, served_before=serving(parts[0]), served_after=serving(parts[1]))


def on_monolith(by: Snapshot) -> int:
    decisions = (decide(by, **request._asdict(), spare_key=SPARE)[0] for request in users(COUNT))
    return sum(decision.side is Side.LEGACY for decision in decisions)


@pytest.mark.parametrize("after", [held(0), at(10_000)], ids=["hold_back", "share"])
def test_those_that_are_held_back_are_told_one_by_one_when_none_is_any_more(after: Snapshot) -> None:
    before = held(1_000)

    (effect,) = told(before, after, 1_000, 0).effects

    assert effect.to_extracted == on_monolith(before) > 30
    assert (effect.to_legacy, effect.estimated) == (0.0, 0.0)


@pytest.mark.parametrize(("old", "new"), [(3_000, 1_000), (1_000, 3_000)])
def test_another_part_that_is_held_back_moves_the_difference_and_nobody_the_other_way(old: int, new: int) -> None:
    before, after = held(old), held(new)

    (effect,) = told(before, after, old, new).effects

    real = on_monolith(before) - on_monolith(after)
    assert effect.to_extracted == pytest.approx(max(real, 0), abs=30)
    assert effect.to_legacy == pytest.approx(max(-real, 0), abs=30)
    assert effect.estimated == effect.to_extracted + effect.to_legacy > 50


@pytest.mark.parametrize("after", [held(0), at(10_000)], ids=["hold_back", "share"])
def test_where_sides_are_not_known_the_part_that_is_held_back_moves(after: Snapshot) -> None:
    (effect,) = told(held(100), after, 100, 0, is_stale=True).effects

    assert [effect.to_extracted, effect.to_legacy] == pytest.approx([5.0, 0.0])


def test_a_rule_that_holds_nothing_back_of_what_the_flag_gives_moves_nobody() -> None:
    half = {"x": Served(share=5_000)}
    before, after = held(0), held(100)

    found = foresee(hour_of(before, users(COUNT)).rows(NOW), before, after, served_before=half, served_after=half)

    assert not found.changes


def test_a_flag_in_place_of_a_share_leaves_what_it_holds_back_on_the_monolith() -> None:
    (effect,) = told(at(10_000), held(1_000), 0, 1_000).effects

    assert [effect.to_legacy, effect.estimated] == pytest.approx([50.0, 50.0])


def test_what_the_flag_leaves_on_the_monolith_stays_there() -> None:
    before = snapshot(config(route("x", "/x/{id}", flag="f", rollback=Rollback(hold_back=1_000))), value=False)

    assert not told(before, held(0), 1_000, 0).changes
    assert decide(before, **users(1)[0]._asdict(), spare_key=SPARE)[0].reason is Reason.FLAG_FALLTHROUGH
