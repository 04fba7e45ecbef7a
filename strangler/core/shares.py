"""Shares: which side a flag's value means, and what goes before every flag.

The words are fixed, so that a flag means the same on every route, on every node and to whoever reads it. In order: the
kill switch, a route's guard, the flag or the route's own share.
"""

from dataclasses import dataclass

from strangler.core.migration import SIDES, Stage
from strangler.core.model import Side

STAGES = tuple(stage.value for stage in Stage)
"""A migration flag's values, in the order of a migration; LaunchDarkly's own six words."""

FINISHED = STAGES[-1]
"""The stage at which nothing is left to compare with."""

_WORDS = {
    "legacy": Side.LEGACY,
    "monolith": Side.LEGACY,
    "extracted": Side.EXTRACTED,
    **{stage.value: side for stage, side in SIDES.items()},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What goes before every flag."""

    is_killed: bool = False
    """Whether the monolith answers everything on every route."""
    caps: tuple[tuple[str, int], ...] = ()
    """Routes that have tripped, with the most basis points that their extracted side may have."""


NO_OVERRIDES = Overrides()


def side_of(value: bool | str, legacy_name: str, extracted_name: str) -> Side | None:
    """Return the side that a flag's value names, or None if it names none.

    A route's own upstream names win over the fixed words; an empty name names nothing.
    """
    if isinstance(value, bool):
        return Side.EXTRACTED if value else Side.LEGACY
    if not value:
        return None
    if value == legacy_name:
        return Side.LEGACY
    if value == extracted_name:
        return Side.EXTRACTED
    return _WORDS.get(value)
