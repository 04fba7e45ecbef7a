"""The sequential test: is the extracted side's failure rate worse than the monolith's, looked at as often as one likes?

Only failures are looked at. If the extracted side fails at most `ratio` times as often as the monolith, then a failure
is its own with a chance of at most `p0 = ratio * w / (ratio * w + 1 - w)`, where `w` is its part of the requests. For
each of a grid of worse ratios the likelihood of what happened is compared with that chance. The comparison is also
begun anew at every step, with weights that sum to one, so that a regression that comes after a year of calm is not held
against that calm:

    S_n(worse) = (S_(n-1)(worse) + weight_n) * likelihood_ratio_n(worse)
    E_n        = mean of S_n over the grid + (1 - weight_1 - ... - weight_n)

E_n is a non-negative supermartingale that starts at 1 as long as there is no regression, so the chance that it *ever*
reaches 1 / alpha is at most alpha (Ville 1939). The sums over starting points are the e-detectors of Shin, Ramdas and
Rinaldo (2022, arXiv 2203.03532), with weights that bound the error over a whole life instead of its rate. It stays
valid while the share changes, because each step uses the share of its own time.
"""

from dataclasses import dataclass, replace
from math import exp, inf, log
from typing import NamedTuple

GRID = 24
"""Ratios that are compared; the research note found 16 to 48 alike."""
_GRID_TOP = 64.0
"""The largest of them, as a multiple of the tolerated ratio; beyond it a failure is nearly sure to be extracted."""
_MEMORY = 4_096
"""Requests after which older ones count half for `w`, so that it follows the mix without being noisy."""


class Step(NamedTuple):
    """What happened since the last step."""

    legacy_requests: int
    legacy_failures: int
    extracted_requests: int
    extracted_failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that the test remembers. It is stored, so that a restart forgets nothing."""

    sums: tuple[float, ...] = (-inf,) * GRID
    """ln S of each ratio of the grid."""
    steps: int = 0
    """Steps that had a failure in them."""
    legacy_weight: float = 0.0
    """Recent requests of the monolith, for `w`."""
    extracted_weight: float = 0.0
    legacy_failures: int = 0
    """Failures that were compared, since the test began."""
    extracted_failures: int = 0
    log_e: float = 0.0
    """ln E, the evidence now."""
    peak: float = 0.0
    """The largest ln E ever: `exp(-peak)` bounds the chance of seeing as much without a regression."""


def advance(evidence: Evidence, step: Step, ratio: float) -> Evidence:
    """Return the evidence after one more step, for a tolerated ratio of failure rates (at least 1)."""
    legacy = evidence.legacy_weight + step.legacy_requests
    extracted = evidence.extracted_weight + step.extracted_requests
    while legacy + extracted > _MEMORY:
        legacy, extracted = legacy / 2, extracted / 2
    moved = replace(evidence, legacy_weight=legacy, extracted_weight=extracted)
    if not (step.legacy_failures or step.extracted_failures) or not (legacy and extracted):
        # Because without requests on both sides there is nothing to compare with.
        return moved
    count = evidence.steps + 1
    start = log(_weight(count))
    sums = tuple(
        _log_add(before, start) + gain
        for before, gain in zip(evidence.sums, _gains(step, extracted / legacy, ratio), strict=True)
    )
    log_e = _log_add(_log_mean(sums), log(_unused(count)))
    return replace(
        moved,
        sums=sums,
        steps=count,
        legacy_failures=evidence.legacy_failures + step.legacy_failures,
        extracted_failures=evidence.extracted_failures + step.extracted_failures,
        log_e=log_e,
        peak=max(evidence.peak, log_e),
    )


def rebase(evidence: Evidence) -> Evidence:
    """Return the evidence for a share that was just changed: what was proven stays, the old mix of requests goes."""
    return replace(evidence, legacy_weight=0.0, extracted_weight=0.0)


def is_proven(evidence: Evidence, alpha: float) -> bool:
    """Return whether a regression is proven, with a chance of at most `alpha` in a whole life of being wrong."""
    return evidence.log_e >= log(1.0 / alpha)


def _gains(step: Step, odds: float, ratio: float) -> list[float]:
    """Return for each ratio of the grid the log likelihood ratio of a step against the tolerated one."""
    tolerated = ratio * odds
    base = log(tolerated), log(1.0 + tolerated)
    gains = []
    for index in range(GRID):
        worse = tolerated * _GRID_TOP ** ((index + 1) / GRID)
        gain = step.extracted_failures * (log(worse) - base[0])
        gains.append(gain - (step.extracted_failures + step.legacy_failures) * (log(1.0 + worse) - base[1]))
    return gains


def _weight(count: int) -> float:
    """Return the weight of beginning at a step: half for the first, the other half spread over all that follow."""
    return 0.5 if count == 1 else 0.5 / (count * (count - 1))


def _unused(count: int) -> float:
    """Return what the weights up to a step leave over: 1/2 + 1/2 * (1 - 1/count) are used."""
    return 0.5 / count


def _log_add(one: float, other: float) -> float:
    high, low = (one, other) if one >= other else (other, one)
    return high if low == -inf else high + log(1.0 + exp(low - high))


def _log_mean(values: tuple[float, ...]) -> float:
    high = max(values)
    return high + log(sum(exp(value - high) for value in values) / len(values))
