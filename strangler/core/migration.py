"""Migration: which sides are asked for a request, in what order, and whose answer counts.

The six stages are LaunchDarkly's, and act as its own migrator does, measured with SDK 9.18.2. A plain percentage flag
picks the side per key, and `shadow` mode says whether the other side is asked too. A write goes to both sides only on a
route that declares how that is safe, whatever the flag says; and then one after the other, the second only if the first
succeeded.
"""

from dataclasses import dataclass
from enum import StrEnum

from strangler.core.model import FULL_SHARE, Side


class Stage(StrEnum):
    """How far a migration has come; LaunchDarkly's names."""

    OFF = "off"
    DUALWRITE = "dualwrite"
    SHADOW = "shadow"
    LIVE = "live"
    RAMPDOWN = "rampdown"
    COMPLETE = "complete"


class Mode(StrEnum):
    """What a route's `shadow` says beside a plain flag or share."""

    OFF = "off"
    SHADOW = "shadow"
    """What the monolith answers, the extracted side is asked too: before the switch."""
    REVERSE = "reverse"
    """What the extracted side answers, the monolith is asked too: after it."""


class Order(StrEnum):
    """How the sides are asked."""

    ALONE = "alone"
    TOGETHER = "together"
    """The shadow without the primary waiting for it: reads."""
    AFTER_SUCCESS = "after_success"
    """The second only once the first succeeded: writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is done with one request."""

    primary: Side
    """Asked first; its answer is the client's, also when it fails."""
    shadow: Side | None = None
    """Asked too; its answer is never the client's."""
    order: Order = Order.ALONE
    is_compared: bool = False
    """Whether the answers are held side by side."""
    is_withheld: bool = False
    """Whether the stage or mode wants the write on both sides, and the route does not declare that this is safe."""


_READS: dict[Stage, tuple[Side, bool]] = {
    Stage.OFF: (Side.LEGACY, False),
    Stage.DUALWRITE: (Side.LEGACY, False),
    Stage.SHADOW: (Side.LEGACY, True),
    Stage.LIVE: (Side.EXTRACTED, True),
    Stage.RAMPDOWN: (Side.EXTRACTED, False),
    Stage.COMPLETE: (Side.EXTRACTED, False),
}
"""(whose answer counts, whether the other side is asked too)."""
_WRITES: dict[Stage, tuple[Side, bool]] = {
    Stage.OFF: (Side.LEGACY, False),
    Stage.DUALWRITE: (Side.LEGACY, True),
    Stage.SHADOW: (Side.LEGACY, True),
    Stage.LIVE: (Side.EXTRACTED, True),
    Stage.RAMPDOWN: (Side.EXTRACTED, True),
    Stage.COMPLETE: (Side.EXTRACTED, False),
}
_SHADOWED: dict[Mode, Side | None] = {Mode.OFF: None, Mode.SHADOW: Side.LEGACY, Mode.REVERSE: Side.EXTRACTED}
"""Whose answers are checked against the other side's."""


def other_side(side: Side) -> Side:
    """Return the side that this is not."""
    return Side.EXTRACTED if side is Side.LEGACY else Side.LEGACY


def plan_stage(stage: Stage, *, is_write: bool, declares_writes: bool) -> Plan:
    """Return what a stage of a migration flag makes of a request."""
    primary, is_doubled = (_WRITES if is_write else _READS)[stage]
    return _plan(primary, is_doubled=is_doubled, is_write=is_write, declares_writes=declares_writes)


def plan_mode(mode: Mode, side: Side, *, is_write: bool, declares_writes: bool) -> Plan:
    """Return what a mode makes of a request that the split gave to `side`."""
    return _plan(side, is_doubled=_SHADOWED[mode] is side, is_write=is_write, declares_writes=declares_writes)


def is_sampled(share: int, point: int) -> bool:
    """Return whether a request is in a sample of `share` basis points; a larger share only ever adds to it."""
    return point % FULL_SHARE < share


def is_checked(ratio: int, point: int) -> bool:
    """Return whether one in `ratio` holds for a point (LaunchDarkly's `checkRatio`); 0 and less is never."""
    return ratio > 0 and point % ratio == 0


def _plan(primary: Side, *, is_doubled: bool, is_write: bool, declares_writes: bool) -> Plan:
    if not is_doubled:
        return Plan(primary=primary)
    if not is_write:
        return Plan(primary=primary, shadow=other_side(primary), order=Order.TOGETHER, is_compared=True)
    if not declares_writes:
        return Plan(primary=primary, is_withheld=True)
    return Plan(primary=primary, shadow=other_side(primary), order=Order.AFTER_SUCCESS)
