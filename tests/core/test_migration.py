"""Which sides are asked, beside LaunchDarkly's migrator as it was measured (SDK 9.18.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.migration import Mode, Order, Plan, Stage, is_checked, is_sampled, other_side, plan_mode, plan_stage
from strangler.core.model import Side

OLD, NEW = Side.LEGACY, Side.EXTRACTED
TABLE = {
    "off": ("old", "old", "old"),
    "dualwrite": ("old", "old", "old, new"),
    "shadow": ("old+new", "old", "old, new"),
    "live": ("old+new", "new", "new, old"),
    "rampdown": ("new", "new", "new, old"),
    "complete": ("new", "new", "new"),
}
"""stage: (asked for a read, returned for a read, asked for a write in order)."""
BOTH = (False, True)
PLANS = [plan_stage(stage, is_write=write, declares_writes=safe) for stage in Stage for write in BOTH for safe in BOTH]
PLANS += [
    plan_mode(mode, side, is_write=write, declares_writes=safe)
    for mode in Mode for side in Side for write in (False, True) for safe in (False, True)
]  # fmt: skip


def named(side: Side | None) -> str:
    return {OLD: "old", NEW: "new", None: ""}[side]


@pytest.mark.parametrize("stage", list(Stage))
def test_reads_ask_whom_launchdarkly_asks(stage: Stage) -> None:
    asked, returned, _ = TABLE[stage.value]

    plan = plan_stage(stage, is_write=False, declares_writes=False)

    assert "+".join(sorted(filter(None, (named(plan.primary), named(plan.shadow))), reverse=True)) == asked
    assert named(plan.primary) == returned
    assert plan.is_compared == ("+" in asked)
    assert plan.order is (Order.TOGETHER if "+" in asked else Order.ALONE)


@pytest.mark.parametrize("stage", list(Stage))
def test_declared_writes_go_where_launchdarkly_writes_and_in_its_order(stage: Stage) -> None:
    plan = plan_stage(stage, is_write=True, declares_writes=True)

    assert ", ".join(filter(None, (named(plan.primary), named(plan.shadow)))) == TABLE[stage.value][2]
    assert plan.order is (Order.AFTER_SUCCESS if plan.shadow else Order.ALONE)


@pytest.mark.parametrize("stage", list(Stage))
def test_a_write_that_is_not_declared_is_sent_once_whatever_the_flag_says(stage: Stage) -> None:
    plan = plan_stage(stage, is_write=True, declares_writes=False)

    declared = plan_stage(stage, is_write=True, declares_writes=True)
    assert plan == Plan(primary=declared.primary, is_withheld=declared.shadow is not None)


@pytest.mark.parametrize(
    ("mode", "side", "shadow"),
    [(Mode.OFF, OLD, None), (Mode.OFF, NEW, None), (Mode.SHADOW, OLD, NEW), (Mode.SHADOW, NEW, None),
     (Mode.REVERSE, OLD, None), (Mode.REVERSE, NEW, OLD)],
)  # fmt: skip
def test_a_mode_follows_the_split_and_checks_one_side(mode: Mode, side: Side, shadow: Side | None) -> None:
    read = plan_mode(mode, side, is_write=False, declares_writes=False)
    write = plan_mode(mode, side, is_write=True, declares_writes=True)
    undeclared = plan_mode(mode, side, is_write=True, declares_writes=False)

    assert (read.primary, read.shadow) == (side, shadow)
    assert (write.primary, write.shadow) == (side, shadow)
    assert (undeclared.primary, undeclared.shadow, undeclared.is_withheld) == (side, None, shadow is not None)


@pytest.mark.parametrize("plan", PLANS)
def test_every_plan_makes_sense(plan: Plan) -> None:
    assert plan.shadow in (None, other_side(plan.primary))
    assert (plan.shadow is None) == (plan.order is Order.ALONE)
    assert plan.is_compared == (plan.order is Order.TOGETHER)


@given(st.integers(0), st.integers(0, 10_000), st.integers(0, 10_000))
def test_raising_a_share_only_adds_to_the_sample(point: int, one: int, other: int) -> None:
    low, high = sorted((one, other))

    assert is_sampled(high, point) or not is_sampled(low, point)
    assert is_sampled(10_000, point) and not is_sampled(0, point)


def test_one_in_so_many_is_checked() -> None:
    assert sum(is_checked(10, point) for point in range(5_000)) == 500
    assert all(is_checked(1, point) for point in range(10))
    assert not any(is_checked(ratio, point) for ratio in (0, -1) for point in range(10))
