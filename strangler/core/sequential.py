"""The sequential test: is the extracted side's failure rate worse than the monolith's, looked at as often as one likes?

Requests are taken in blocks. A block ends when it has a few requests of each side, whatever became of them, and is then
judged by its failures: if the extracted side fails at most `ratio` times as often as the monolith, then a failure is
its own with a chance of at most `p0 = ratio * w / (ratio * w + 1 - w)`, where `w` is its part of the requests of that
very block. For each of a grid of worse ratios the likelihood of what happened is compared with that chance. The
comparison is also begun anew at every block, with weights that sum to one, so that a regression that comes after a year
of calm is not held against that calm:

    S_n(worse) = (S_(n-1)(worse) + weight_n) * likelihood_ratio_n(worse)
    E_n        = mean of S_n over the grid + (1 - weight_1 - ... - weight_n)

E_n is a non-negative supermartingale that starts at 1 as long as there is no regression, so the chance that it *ever*
reaches 1 / alpha is at most alpha (Ville 1939). Because `w` is known for a block, and not estimated, that holds at any
rate `q` of failures. Where a failure of the extracted side multiplies by `a` and one of the monolith by `b`, so that
`p0 * a + (1 - p0) * b = 1`, a block of `n` and `m` requests multiplies on average by

    (1 + ratio * q * (a - 1))^n * (1 + q * (b - 1))^m <= exp(q * (n * ratio * (a - 1) + m * (b - 1))) = 1

The sums over starting points are the e-detectors of Shin, Ramdas and Rinaldo (2022, arXiv 2203.03532), with weights
that bound the error over a whole life instead of its rate. It stays valid while the share changes, because each block
uses the mix of its own time. Whoever feeds it leaves out what began before a change: slow failures come late, and would
be taken for failures of a mix that is no longer theirs.
"""

from dataclasses import dataclass, field, replace
from math import exp, inf, log
from typing import NamedTuple

GRID = 24
"""Ratios that are compared; the research note found 16 to 48 alike."""
_GRID_TOP = 64.0
"""The largest of them, as a multiple of the tolerated ratio; beyond it a failure is nearly sure to be extracted."""
LEAST = 8
"""Requests of each side in a block. Fewer would lose some power (the noise of `w`), more would wait for longer."""


class Step(NamedTuple):
    """What happened for a while."""

    legacy_requests: int = 0
    legacy_failures: int = 0
    extracted_requests: int = 0
    extracted_failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that the test remembers. It is stored, so that a restart forgets nothing."""

    sums: tuple[float, ...] = (-inf,) * GRID
    """ln S of each ratio of the grid."""
    steps: int = 0
    """Blocks that had a failure in them."""
    block: Step = field(default_factory=Step)
    """The block that has not ended."""
    legacy_requests: int = 0
    """Requests that were compared, since the share was changed."""
    extracted_requests: int = 0
    legacy_failures: int = 0
    """Failures that were compared, since the test began."""
    extracted_failures: int = 0
    log_e: float = 0.0
    """ln E, the evidence now."""
    peak: float = 0.0
    """The largest ln E ever: `exp(-peak)` bounds the chance of seeing as much without a regression."""


def advance(evidence: Evidence, step: Step, ratio: float) -> Evidence:
    """Return the evidence after one more step, for a tolerated ratio of failure rates (at least 1)."""
    block = Step(*(before + now for before, now in zip(evidence.block, step, strict=True)))
    if min(block.legacy_requests, block.extracted_requests) < LEAST:
        return replace(evidence, block=block)
    moved = replace(
        evidence,
        block=Step(),
        legacy_requests=evidence.legacy_requests + block.legacy_requests,
        extracted_requests=evidence.extracted_requests + block.extracted_requests,
    )
    if not (block.legacy_failures or block.extracted_failures):
        return moved
    odds = block.extracted_requests / block.legacy_requests
    count = evidence.steps + 1
    start = log(_weight(count))
    sums = tuple(
        _log_add(before, start) + gain for before, gain in zip(evidence.sums, _gains(block, odds, ratio), strict=True)
    )
    log_e = _log_add(_log_mean(sums), log(_unused(count)))
    return replace(
        moved,
        sums=sums,
        steps=count,
        legacy_failures=evidence.legacy_failures + block.legacy_failures,
        extracted_failures=evidence.extracted_failures + block.extracted_failures,
        log_e=log_e,
        peak=max(evidence.peak, log_e),
    )


def rebase(evidence: Evidence) -> Evidence:
    """Return the evidence for a share that was just changed: what was proven stays, the block begun before goes."""
    return replace(evidence, block=Step(), legacy_requests=0, extracted_requests=0)


def is_proven(evidence: Evidence, alpha: float) -> bool:
    """Return whether a regression is proven, with a chance of at most `alpha` in a whole life of being wrong."""
    return evidence.log_e >= log(1.0 / alpha)


def _gains(block: Step, odds: float, ratio: float) -> list[float]:
    """Return for each ratio of the grid the log likelihood ratio of a block against the tolerated one."""
    tolerated = ratio * odds
    base = log(tolerated), log(1.0 + tolerated)
    gains = []
    for index in range(GRID):
        worse = tolerated * _GRID_TOP ** ((index + 1) / GRID)
        gain = block.extracted_failures * (log(worse) - base[0])
        gains.append(gain - (block.extracted_failures + block.legacy_failures) * (log(1.0 + worse) - base[1]))
    return gains


def _weight(count: int) -> float:
    """Return the weight of beginning at a block: half for the first, the other half spread over all that follow."""
    return 0.5 if count == 1 else 0.5 / (count * (count - 1))


def _unused(count: int) -> float:
    """Return what the weights up to a block leave over: 1/2 + 1/2 * (1 - 1/count) are used."""
    return 0.5 / count


def _log_add(one: float, other: float) -> float:
    high, low = (one, other) if one >= other else (other, one)
    return high if low == -inf else high + log(1.0 + exp(low - high))


def _log_mean(values: tuple[float, ...]) -> float:
    high = max(values)
    return high + log(sum(exp(value - high) for value in values) / len(values))
