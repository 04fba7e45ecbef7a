"""Migration flags: which flags are, and of how many reads their `checkRatio` has one compared.

LaunchDarkly marks a migration flag with `migration`. A flag of a file, or one that was typed in, may lack that mark; so
a flag all of whose values are stages is one too. A lone `off` is the word of every kind of flag, so it makes none.
"""

from collections.abc import Mapping
from typing import Any

from strangler.core.shares import STAGES

EACH = 1
"""Every read is compared; LaunchDarkly's default, too."""


def is_migration(flag: Mapping[str, Any]) -> bool:
    """Return whether a flag's values are stages."""
    variations = flag.get("variations")
    if not isinstance(variations, list) or not variations or not all(isinstance(value, str) for value in variations):
        return False
    if isinstance(flag.get("migration"), Mapping):
        return True
    return set(variations) <= set(STAGES) and set(variations) != {STAGES[0]}


def migrations_of(flags: Mapping[str, Any]) -> frozenset[str]:
    """Return the keys of those that are migration flags, whatever stands beside them."""
    return frozenset(key for key, flag in flags.items() if isinstance(flag, Mapping) and is_migration(flag))


def check_ratio(flag: Mapping[str, Any]) -> int | None:
    """Return of how many reads one is compared, 0 for none; None unless the flag is a migration flag."""
    if not is_migration(flag):
        return None
    ratio = (flag.get("migration") or {}).get("checkRatio")
    if ratio is None:
        return EACH
    # Because LaunchDarkly's sampler takes nothing else for a ratio, and then compares nothing.
    return ratio if isinstance(ratio, int) and not isinstance(ratio, bool) and ratio > 0 else 0
