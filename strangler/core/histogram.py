"""Histogram: latency in log-spaced buckets, four to an octave, so that a quantile is known to within 19 %.

Buckets are plain integers: a worker counts into a list, control adds lists up, and nobody needs a float until
someone asks. Bucket 0 holds everything below 64 µs, the last one everything from 134 s on.
"""

from collections.abc import Sequence

_FIRST_BITS = 7
"""Values below 2**(_FIRST_BITS - 1) µs = 64 µs share bucket 0."""
_OCTAVES = 21

BUCKETS = 4 * _OCTAVES + 2


def bucket(us: int) -> int:
    """Return the bucket of a duration in microseconds; never decreases as the duration grows."""
    bits = us.bit_length()
    if bits < _FIRST_BITS:
        return 0
    index = ((bits - _FIRST_BITS) << 2) + ((us >> (bits - 3)) & 3) + 1
    return index if index < BUCKETS else BUCKETS - 1


def _bound_us(index: int) -> int:
    octave, quarter = divmod(index, 4)
    return ((4 + quarter) << (octave + _FIRST_BITS - 1)) >> 2


BOUNDS_S: tuple[float, ...] = tuple(_bound_us(index) / 1e6 for index in range(BUCKETS - 1))
"""Each bucket's exclusive upper bound in seconds; the last bucket has none."""


def quantile(counts: Sequence[int], q: float) -> float | None:
    """Return the upper bound in seconds of the bucket with quantile `q` (0 < q <= 1), None without counts.

    For the last bucket, which has no upper bound, its lower one is returned.
    """
    total = sum(counts)
    if total == 0:
        return None
    wanted = q * total
    seen = 0
    for index, count in enumerate(counts):
        seen += count
        if seen >= wanted and count:
            return BOUNDS_S[min(index, len(BOUNDS_S) - 1)]
    return BOUNDS_S[-1]
