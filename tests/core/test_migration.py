"""Which sides are asked, beside LaunchDarkly's migrator as it was measured (SDK 9.18; tests/flags runs it)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.migration import SIDES, Stage, compares, doubles, facing, settings
from strangler.core.model import Side
from strangler.core.shadowing import Shadow, ShadowMode
from tests.core.requests import route

OLD, NEW = Side.LEGACY, Side.EXTRACTED
TABLE = {
    "off": (OLD, False, False),
    "dualwrite": (OLD, False, True),
    "shadow": (OLD, True, True),
    "live": (NEW, True, True),
    "rampdown": (NEW, False, True),
    "complete": (NEW, False, False),
}
"""stage: whose answer counts, whether a read is asked of both sides, whether a write is."""
stages = st.sampled_from(Stage)
sides = st.sampled_from(Side)
modes = st.sampled_from(ShadowMode)


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("mode", [mode for mode in ShadowMode if mode is not ShadowMode.OFF])
def test_a_stage_asks_whom_launchdarkly_asks_whatever_the_mode(stage: Stage, mode: ShadowMode) -> None:
    side, is_compared, is_doubled = TABLE[stage.value]
    rules = Shadow(mode=mode, writes=True)

    assert SIDES[stage] is side
    assert compares(rules, side, stage) == is_compared
    assert doubles(rules, side, stage) == is_doubled


@given(modes, sides, st.none() | stages)
def test_a_write_that_is_not_declared_goes_to_one_side_whatever_mode_and_flag_say(
    mode: ShadowMode, side: Side, stage: Stage | None
) -> None:
    assert not doubles(Shadow(mode=mode), side, stage)


@given(sides, st.none() | stages)
def test_off_asks_one_side_whatever_the_flag_says(side: Side, stage: Stage | None) -> None:
    rules = Shadow(mode=ShadowMode.OFF, writes=True)

    assert not compares(rules, side, stage)
    assert not doubles(rules, side, stage)


@pytest.mark.parametrize(
    ("mode", "asking"),
    [(ShadowMode.SHADOW, {OLD}), (ShadowMode.REVERSE, {NEW}), (ShadowMode.BOTH, {OLD, NEW}), (ShadowMode.STAGE, set())],
)
def test_without_a_stage_the_mode_says_whose_requests_are_asked_of_the_other_side(
    mode: ShadowMode, asking: set[Side]
) -> None:
    rules = Shadow(mode=mode, writes=True)

    assert {side for side in Side if compares(rules, side, None)} == asking
    assert {side for side in Side if doubles(rules, side, None)} == asking


@given(stages, sides)
def test_a_stage_seen_from_a_side_is_that_sides_and_the_same_step(stage: Stage, side: Side) -> None:
    seen = facing(stage, side)

    assert SIDES[seen] is side
    assert facing(seen, SIDES[stage]) is stage
    assert TABLE[seen.value][1:] == TABLE[stage.value][1:]


@given(stages)
def test_a_stage_is_itself_where_its_own_side_answers(stage: Stage) -> None:
    assert facing(stage, SIDES[stage]) is stage


def test_a_route_that_says_nothing_leaves_it_to_the_stage_of_its_flag_if_it_has_one() -> None:
    usual = Shadow(mode=ShadowMode.STAGE, sample=500)
    own = Shadow(sample=100)
    off = Shadow(mode=ShadowMode.OFF)

    assert settings(route("r", "/a", flag="f"), usual) is usual
    assert settings(route("r", "/a"), usual) is None
    assert settings(route("r", "/a", flag="f", shadow=own), usual) is own
    assert settings(route("r", "/a", shadow=own), usual) is own
    assert settings(route("r", "/a", flag="f", shadow=off), usual) is None
    assert settings(route("r", "/a", flag="f"), off) is None
    assert settings(route("r", "/a", flag="f", shadow=own), off) is own
    assert settings(route("r", "/a", flag="f", extracted=None), usual) is None
