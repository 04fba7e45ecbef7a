"""Ranks: the middle of some ratios and the interval that it is in, whatever their distribution.

Hodges and Lehmann's estimate: the median of the means (here geometric) of all pairs of values, each value with itself
too. The interval is that of Wilcoxon's signed-rank test: as many means are left out at each end as the test allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations_with_replacement
from math import exp, log
from statistics import median

DOUBT = 0.05
"""How often at most the interval is to be wrong."""
FEWEST = 6
"""Values that an interval takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A ratio and its interval of 95 %."""

    value: float
    least: float
    most: float


def estimate(ratios: Sequence[float]) -> Estimate:
    """Return the estimate of one ratio or more; of fewer than FEWEST the interval is all that was seen."""
    # Of logarithms, so that the other way round everything is the reciprocal.
    means = sorted(sum(pair) / 2 for pair in combinations_with_replacement(map(log, ratios), 2))
    left_out = _left_out(len(ratios))
    return Estimate(value=exp(median(means)), least=exp(means[left_out]), most=exp(means[-1 - left_out]))


def _left_out(count: int) -> int:
    """Return how many of the means may be left out at each end.

    It is the largest sum that a set of the ranks up to `count`, any set as likely, is at most in half the doubt.
    """
    ways = [1]
    for rank in range(1, count + 1):
        longer = ways + [0] * rank
        for total, number in enumerate(ways):
            longer[total + rank] += number
        ways = longer
    allowed = DOUBT / 2 * (1 << count)
    return max(0, sum(found <= allowed for found in accumulate(ways)) - 1)
