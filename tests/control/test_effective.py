"""What decides a route's share: the first of kill switch, guard, flag, share and nothing that applies."""

from dataclasses import replace

import pytest

from strangler.control.effective import Effective, Source, effective
from strangler.control.share import Share
from strangler.core.model import Match, Route

ROUTE = Route(name="pay", match=Match(path="/"), legacy="monolith", extracted="s", flag="payments")
SHARE = Share(basis_points=2_500, note="")
TRIPPED = 0
PROBING = 100


def decided(route: Route, share: Share, cap: int | None = None, *, is_killed: bool = False) -> Effective:
    return effective(route, share, cap=cap, is_killed=is_killed, guard_why="5xx")


def test_the_kill_switch_goes_before_everything() -> None:
    found = decided(ROUTE, SHARE, TRIPPED, is_killed=True)

    assert (found.source, found.share_bp, found.wanted_bp) == (Source.KILL, 0, 2_500)


@pytest.mark.parametrize("cap", [TRIPPED, PROBING])
def test_a_guard_goes_before_the_flag_with_its_reason(cap: int) -> None:
    assert decided(ROUTE, SHARE, cap) == Effective(share_bp=cap, wanted_bp=2_500, source=Source.GUARD, why="5xx")


def test_a_guard_that_lets_through_more_than_the_flag_wants_decides_nothing() -> None:
    found = decided(ROUTE, Share(basis_points=50, note=""), PROBING)

    assert (found.source, found.share_bp) == (Source.FLAG, 50)


def test_what_is_held_back_is_not_served_and_is_told() -> None:
    found = decided(ROUTE, Share(basis_points=10_000, note="", held_bp=100))

    assert (found.share_bp, found.wanted_bp, found.source) == (9_900, 10_000, Source.FLAG)
    assert found.why == "The flag `payments` says so; 1 % is held back on the monolith, to compare with."


def test_a_flag_that_is_no_one_number_is_none_and_still_capped() -> None:
    unknown = Share(basis_points=None, note="a value names no side")

    assert decided(ROUTE, unknown).share_bp is None
    assert decided(ROUTE, unknown, TRIPPED).share_bp == 0


def test_without_a_flag_the_file_decides_and_without_a_share_nothing_does() -> None:
    fixed = replace(ROUTE, flag=None, share=2_500)

    assert decided(fixed, SHARE).source is Source.SHARE
    assert decided(replace(fixed, share=0), Share(basis_points=0, note="")).source is Source.DEFAULT
    assert decided(replace(ROUTE, extracted=None), SHARE) == Effective(
        share_bp=0, wanted_bp=0, source=Source.DEFAULT, why="The route has no extracted service."
    )
