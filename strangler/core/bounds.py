"""Bounds: what counts can prove about a share or a quantile, at a stated risk of being wrong.

All of it is the Chernoff form of the binomial's tail (Hoeffding 1963, theorem 1): the chance that a share `p` shows up
as `k` of `n` or further away is at most `exp(-n * divergence(k / n, p))`. It needs no table, holds for every `n`, and
errs on the side of "not proven". Risks are given in nats: `nats = ln(1 / risk)`.
"""

from collections.abc import Sequence
from math import log

from strangler.core.histogram import BOUNDS_S

_HALVINGS = 40
"""Bisections of 0..1, after which a bound is known to 1e-12."""


def divergence(p: float, q: float) -> float:
    """Return the Kullback-Leibler divergence of two coins in nats; infinite where `q` rules out what `p` allows."""
    total = 0.0
    for ours, theirs in ((p, q), (1.0 - p, 1.0 - q)):
        if ours > 0.0:
            if theirs <= 0.0:
                return float("inf")
            total += ours * log(ours / theirs)
    return max(total, 0.0)


def is_above(count: int, of: int, limit: float, nats: float) -> bool:
    """Return whether `count` of `of` prove that the true share is above `limit`."""
    return count > limit * of and of * divergence(count / of, limit) >= nats


def is_below(count: int, of: int, limit: float, nats: float) -> bool:
    """Return whether `count` of `of` prove that the true share is below `limit`."""
    return count < limit * of and of * divergence(count / of, limit) >= nats


def upper_share(count: int, of: int, nats: float) -> float:
    """Return the smallest share that the true one is proven to be below; 1 without counts."""
    low, high = count / of if of else 1.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_below(count, of, middle, nats) else (middle, high)
    return high


def lower_quantile_s(latency: Sequence[int], q: float, nats: float) -> float:
    """Return seconds that the true `q`-quantile is proven to be above; 0 if nothing is proven.

    `latency` are the counts of core.histogram's buckets. An order statistic: too few of the durations lie below.
    """
    total, below, bound = sum(latency), 0, 0.0
    for count, bound_s in zip(latency, BOUNDS_S, strict=False):
        below += count
        if not is_below(below, total, q, nats):
            break
        bound = bound_s
    return bound


def upper_quantile_s(latency: Sequence[int], q: float, nats: float) -> float:
    """Return seconds that the true `q`-quantile is proven to be below; infinite if nothing is proven."""
    total, below = sum(latency), 0
    for count, bound_s in zip(latency, BOUNDS_S, strict=False):
        below += count
        if is_above(below, total, q, nats):
            return bound_s
    return float("inf")
