"""Histogram: latency in log-spaced buckets, four to an octave, so that a quantile is told at most 19 % too high.

Buckets are plain integers: a worker counts into a list, control adds lists up, and nobody needs a float until
someone asks. Bucket 0 holds everything below 64 µs, the last one everything from 134 s on.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

_FIRST_BITS = 7
"""Values below 2**(_FIRST_BITS - 1) µs = 64 µs share bucket 0."""
_OCTAVES = 21

BUCKETS = 4 * _OCTAVES + 2

_QUARTERS = (512, 609, 724, 861)
"""Where a quarter of an octave begins, of 512: the powers of the fourth root of 2, to three digits."""
_QUARTER = bytes(sum(mantissa >= start for start in _QUARTERS[1:]) for mantissa in range(1024))
"""The quarter of each ten-bit mantissa, so that counting costs one look-up."""


def bucket(us: int) -> int:
    """Return the bucket of a duration in microseconds; never decreases as the duration grows."""
    bits = us.bit_length()
    if bits < _FIRST_BITS:
        return 0
    index = ((bits - _FIRST_BITS) << 2) + _QUARTER[(us << 10) >> bits] + 1
    return index if index < BUCKETS else BUCKETS - 1


def _bound_us(index: int) -> float:
    octave, quarter = divmod(index, 4)
    return _QUARTERS[quarter] / 512 * float(1 << (octave + _FIRST_BITS - 1))


BOUNDS_S: tuple[float, ...] = tuple(_bound_us(index) / 1e6 for index in range(BUCKETS - 1))
"""Each bucket's exclusive upper bound in seconds; the last bucket has none."""

SURE_S = BOUNDS_S[-2]
"""What a quantile that is told as the last bound is surely not below; how far it is above, nobody knows."""


def quantile(counts: Sequence[int], q: float) -> float | None:
    """Return the upper bound in seconds of the bucket with quantile `q` (0 < q <= 1), None without counts.

    For the last bucket, which has no upper bound, its lower one is returned.
    """
    index = quantile_bucket(counts, q)
    return None if index is None else bound_s(index)


def quantile_bucket(counts: Sequence[int], q: float) -> int | None:
    """Return the bucket with quantile `q` (0 < q <= 1), None without counts."""
    sums = list(accumulate(counts))
    if not sums or not sums[-1]:
        return None
    return bisect_left(sums, min(q * sums[-1], sums[-1]))


def bound_s(index: int) -> float:
    """Return a bucket's upper bound in seconds; for the last one, which has none, its lower one."""
    return BOUNDS_S[min(index, len(BOUNDS_S) - 1)]
