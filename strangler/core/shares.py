"""Shares: which side a flag's value means.

The words are fixed, so that a flag means the same on every route, on every node and to whoever reads it.
"""

from strangler.core.model import Side

STAGES = ("off", "dualwrite", "shadow", "live", "rampdown", "complete")
"""A migration flag's values, in the order of a migration; LaunchDarkly's own six words."""

_WORDS = {
    "legacy": Side.LEGACY,
    "monolith": Side.LEGACY,
    "off": Side.LEGACY,
    "dualwrite": Side.LEGACY,
    "shadow": Side.LEGACY,
    "extracted": Side.EXTRACTED,
    "live": Side.EXTRACTED,
    "rampdown": Side.EXTRACTED,
    "complete": Side.EXTRACTED,
}


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
