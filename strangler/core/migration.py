"""Migration: what a stage makes of a read and of a write: whose answer counts, and whether the other side is asked too.

The six stages are LaunchDarkly's, and act as its own migrator does (tests/flags/test_migrator.py runs that beside
this). Where something else than the flag picks the side (a guard, a held-back key, the first try of a write), the stage
goes on as the same step seen from that side: of `live`, `shadow`. A route that is split by a percentage follows the
same course with its `mode`. A write goes to both sides only where the route declares how that is safe, whatever the
flag says.
"""

from enum import StrEnum

from strangler.core.model import Route, Side
from strangler.core.shadowing import Shadow, ShadowMode


class Stage(StrEnum):
    """How far a migration has come; LaunchDarkly's names, in the order of a migration."""

    OFF = "off"
    DUALWRITE = "dualwrite"
    SHADOW = "shadow"
    LIVE = "live"
    RAMPDOWN = "rampdown"
    COMPLETE = "complete"


SIDES = {
    Stage.OFF: Side.LEGACY,
    Stage.DUALWRITE: Side.LEGACY,
    Stage.SHADOW: Side.LEGACY,
    Stage.LIVE: Side.EXTRACTED,
    Stage.RAMPDOWN: Side.EXTRACTED,
    Stage.COMPLETE: Side.EXTRACTED,
}
"""Whose answer counts, of a read and of a write."""
_COMPARED = frozenset({Stage.SHADOW, Stage.LIVE})
"""Stages whose reads are asked of both sides."""
_DOUBLED = frozenset({Stage.DUALWRITE, Stage.SHADOW, Stage.LIVE, Stage.RAMPDOWN})
"""Stages whose writes go to both sides: to the one whose answer counts first, to the other one once it succeeded."""
_MIRRORED = dict(zip(Stage, reversed(Stage), strict=True))
"""The same step with the other side's answer counting: off and complete, dualwrite and rampdown, shadow and live."""
_MODES = {
    Side.LEGACY: frozenset({ShadowMode.SHADOW, ShadowMode.BOTH}),
    Side.EXTRACTED: frozenset({ShadowMode.REVERSE, ShadowMode.BOTH}),
}
"""Whose requests a mode asks of the other side as well."""


def facing(stage: Stage, side: Side) -> Stage:
    """Return the stage that acts where `side` answers: the stage itself, or the same step seen from the other side."""
    return stage if SIDES[stage] is side else _MIRRORED[stage]


def compares(rules: Shadow, side: Side, stage: Stage | None) -> bool:
    """Return whether a read that `side` answers is asked of the other side too; `stage` is None without such a flag."""
    if stage is None or rules.mode is ShadowMode.OFF:
        return rules.mode in _MODES[side]
    return facing(stage, side) in _COMPARED


def doubles(rules: Shadow, side: Side, stage: Stage | None) -> bool:
    """Return whether a write that `side` answered goes to the other side too; never unless the route declares it."""
    if not rules.writes:
        return False
    if stage is None or rules.mode is ShadowMode.OFF:
        return rules.mode in _MODES[side]
    return facing(stage, side) in _DOUBLED


def settings(route: Route, otherwise: Shadow) -> Shadow | None:
    """Return how a route's other side is asked, `otherwise` if it leaves that to the stage; None where it never is."""
    rules = route.shadow if route.shadow is not None else otherwise
    is_left_out = route.shadow is None and route.flag is None
    return None if route.extracted is None or is_left_out or rules.mode is ShadowMode.OFF else rules
