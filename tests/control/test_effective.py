"""What decides a route's share: the first of kill switch, guard, flag, share and nothing that applies."""

from dataclasses import replace

import pytest

from strangler.control.effective import Effective, Source, effective
from strangler.control.share import Share
from strangler.core.model import Match, Route
from strangler.core.shares import NO_OVERRIDES, Overrides

ROUTE = Route(name="pay", match=Match(path="/"), legacy="monolith", extracted="s", flag="payments")
SHARE = Share(basis_points=2_500, note="")
TRIPPED = Overrides(caps=(("pay", 0),))
PROBING = Overrides(caps=(("pay", 100),))


def test_the_kill_switch_goes_before_everything() -> None:
    found = effective(ROUTE, SHARE, replace(TRIPPED, is_killed=True), "5xx")

    assert (found.source, found.share_bp, found.wanted_bp) == (Source.KILL, 0, 2_500)


@pytest.mark.parametrize(("overrides", "share_bp"), [(TRIPPED, 0), (PROBING, 100)])
def test_a_guard_goes_before_the_flag_with_its_reason(overrides: Overrides, share_bp: int) -> None:
    assert effective(ROUTE, SHARE, overrides, "5xx") == Effective(
        share_bp=share_bp, wanted_bp=2_500, source=Source.GUARD, why="5xx"
    )


def test_a_guard_that_lets_through_more_than_the_flag_wants_decides_nothing() -> None:
    found = effective(ROUTE, Share(basis_points=50, note=""), PROBING, "5xx")

    assert (found.source, found.share_bp) == (Source.FLAG, 50)


def test_another_routes_guard_is_no_matter() -> None:
    assert effective(ROUTE, SHARE, Overrides(caps=(("read", 0),))).source is Source.FLAG


def test_a_flag_that_is_no_one_number_is_none_and_still_capped() -> None:
    unknown = Share(basis_points=None, note="a value names no side")

    assert effective(ROUTE, unknown, NO_OVERRIDES).share_bp is None
    assert effective(ROUTE, unknown, TRIPPED).share_bp == 0


def test_without_a_flag_the_file_decides_and_without_a_share_nothing_does() -> None:
    fixed = replace(ROUTE, flag=None, share=2_500)

    assert effective(fixed, SHARE, NO_OVERRIDES).source is Source.SHARE
    assert effective(replace(fixed, share=0), Share(basis_points=0, note=""), NO_OVERRIDES).source is Source.DEFAULT
    assert effective(replace(ROUTE, extracted=None), SHARE, NO_OVERRIDES) == Effective(
        share_bp=0, wanted_bp=0, source=Source.DEFAULT, why="The route has no extracted service."
    )
