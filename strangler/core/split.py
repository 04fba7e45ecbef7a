"""Splitting: a key's place in a cohort, and what a share makes of it.

The place is LaunchDarkly's own (sha1 of `key.salt.value`, its first 60 bits), so a share written in the routes file
splits just as a flag of the cohort's name would. It depends on nothing but cohort and key: every worker, node and
restart agrees. Raising a share only ever moves keys from the monolith to the extracted side.
"""

from hashlib import sha1

from strangler.core.model import FULL_SHARE, Side

_SCALE = 0xFFFFFFFFFFFFFFF


def place(cohort: str, key: str) -> float:
    """Return the key's place in 0..1; the extracted side holds the upper end."""
    return bucket(f"{cohort}.{cohort}", key)


def bucket(prefix: str, key: str) -> float:
    """Return LaunchDarkly's bucket of a key; `prefix` is a flag's key and salt, or a rollout's seed."""
    digest = sha1(f"{prefix}.{key}".encode(), usedforsecurity=False).hexdigest()
    return int(digest[:15], 16) / _SCALE


def side(where: float, share: int) -> Side:
    """Return the side of a place when `share` basis points belong to the extracted side.

    Because the monolith's variation comes first in a flag's rollout, for ever, its keys are the lower ones.
    """
    return Side.LEGACY if not share or where < (FULL_SHARE - share) / FULL_SHARE else Side.EXTRACTED
