"""Noise: does a place differ because the sides differ, or because the primary differs from itself?

For a sample of reads the primary is asked twice. Such a pair tells, of one place, whether the shadow differed from the
primary (raw) and whether the primary differed from itself (noise). Where only one of the two happened, raw-only is as
likely as noise-only for a side that is no worse than the primary: a coin of at most one half (McNemar 1947).

The p-value is McNemar's in its exact form, right for one look. The verdict is looked at as often as one likes, so it
rests on a mixture: the likelihood of the counts, averaged over all coins that would be a regression, against the
tolerated one (core.anytime). The chance that it ever reaches 1 / alpha without a regression is at most alpha. It
depends on the counts alone, so nothing else is stored.

The risk that is kept: with a chance of at most alpha is any place of a route that is no regression ever called one. The
places are not known beforehand, so the k-th that ever comes up has alpha / (k * (k + 1)), which sum to alpha, however
many come and whenever (alpha spending, as Foster and Stine 2008 and Ramdas et al. 2017 do for tests that come one after
the other). A place is called noise in the same way, against the claim that of the pairs in which anything differed at
all at least two in three differ only from the shadow.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import log

from strangler.core.anytime import evidence_above
from strangler.core.binomial import upper_tail

ALPHA = 0.01
"""Over the whole life of a route's findings. Precedent: core.rules.Sequential."""
_FAIR = 0.5
_MOSTLY_RAW = 2 / 3
"""Below it a place differs from itself at least half as often as it differs from the shadow alone."""


class Nature(StrEnum):
    """What the differences at a place are."""

    NOISE = "noise"
    REGRESSION = "regression"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Paired samples of one place: the primary asked twice and the shadow once."""

    raw_only: int = 0
    """The shadow differed, the primary did not differ from itself."""
    noise_only: int = 0
    both: int = 0
    neither: int = 0

    @property
    def total(self) -> int:
        """Return how many pairs there are."""
        return self.raw_only + self.noise_only + self.both + self.neither

    def __add__(self, other: "Pairs") -> "Pairs":
        return Pairs(
            raw_only=self.raw_only + other.raw_only,
            noise_only=self.noise_only + other.noise_only,
            both=self.both + other.both,
            neither=self.neither + other.neither,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What is said of a place, with the numbers that it rests on."""

    nature: Nature
    pairs: Pairs
    p_value: float
    """McNemar's, one-sided and exact: for one look at these counts."""
    log_e: float
    """The evidence for a regression; at least ln(1 / alpha) proves it, however often it was looked at."""
    alpha: float
    """The part of the risk that this place has."""


def pair(*, raw: bool, noise: bool) -> Pairs:
    """Return one paired sample."""
    return Pairs(
        raw_only=int(raw and not noise),
        noise_only=int(noise and not raw),
        both=int(raw and noise),
        neither=int(not raw and not noise),
    )


def rule(pairs: Pairs, *, alpha: float = ALPHA, rank: int = 1) -> Ruling:
    """Return what a place is that came up as the `rank`-th (from 1) of those that share the risk `alpha`."""
    share = alpha / (rank * (rank + 1))
    needed = log(1.0 / share)
    log_e = regression_evidence(pairs)
    nature = Nature.UNDECIDED
    if log_e >= needed:
        nature = Nature.REGRESSION
    elif noise_evidence(pairs) >= needed:
        nature = Nature.NOISE
    return Ruling(nature=nature, pairs=pairs, p_value=mcnemar(pairs), log_e=log_e, alpha=share)


def mcnemar(pairs: Pairs) -> float:
    """Return the chance of so many raw-only pairs or more, if raw-only and noise-only were equally likely."""
    return upper_tail(pairs.raw_only, pairs.raw_only + pairs.noise_only, _FAIR)


def regression_evidence(pairs: Pairs) -> float:
    """Return ln E against `raw-only is at most as likely as noise-only`."""
    return evidence_above(pairs.raw_only, pairs.noise_only, _FAIR)


def noise_evidence(pairs: Pairs) -> float:
    """Return ln E against `of the pairs in which anything differed, two in three or more are raw-only`."""
    return evidence_above(pairs.noise_only + pairs.both, pairs.raw_only, 1 - _MOSTLY_RAW)
