"""Latency buckets: in order, narrow enough for the promised precision, and adding up whoever counted."""

from bisect import bisect_left

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strangler.core.histogram import BOUNDS_S, BUCKETS, SURE_S, bucket, quantile

LAST_US = round(BOUNDS_S[-1] * 1e6)

durations = st.integers(0, 2 * LAST_US) | st.integers(0, 2**80)
measured = st.lists(st.integers(64, LAST_US - 1), min_size=1, max_size=50)


def counted(values: list[int]) -> list[int]:
    counts = [0] * BUCKETS
    for value in values:
        counts[bucket(value)] += 1
    return counts


@given(durations, durations)
def test_a_longer_duration_is_in_no_lower_bucket(one: int, other: int) -> None:
    short, long = sorted((one, other))

    assert 0 <= bucket(short) <= bucket(long) < BUCKETS


@given(durations)
@example(63)
@example(64)
@example(LAST_US - 1)
@example(LAST_US)
def test_a_duration_is_below_its_buckets_bound_and_not_below_the_one_before(us: int) -> None:
    index = bucket(us)

    if index < len(BOUNDS_S):
        assert us / 1e6 < BOUNDS_S[index]
    if index:
        assert us / 1e6 >= BOUNDS_S[index - 1]


@given(measured, st.floats(0.001, 1))
def test_a_quantile_is_never_told_too_low_and_at_most_19_percent_too_high(values: list[int], q: float) -> None:
    true = sorted(values)[min(bisect_left(range(1, len(values) + 1), q * len(values)), len(values) - 1)] / 1e6

    told = quantile(counted(values), q)

    assert told is not None
    assert true < told <= true * 1.19


@given(measured, st.floats(0.001, 1), st.floats(0.001, 1))
def test_a_higher_quantile_is_not_lower(values: list[int], one: float, other: float) -> None:
    low, high = (quantile(counted(values), q) for q in sorted((one, other)))

    assert low is not None
    assert high is not None
    assert low <= high


@given(st.lists(st.integers(0, 2**70), min_size=BUCKETS, max_size=BUCKETS).filter(any), st.floats(1e-9, 1))
@example([2**53 + 3] + [0] * (BUCKETS - 1), 1.0)
def test_the_bucket_of_a_quantile_is_one_that_was_counted_in(counts: list[int], q: float) -> None:
    told = quantile(counts, q)

    assert told in {BOUNDS_S[min(index, BUCKETS - 2)] for index, count in enumerate(counts) if count}


@pytest.mark.parametrize("counts", [[], [0], [0] * BUCKETS])
def test_without_counts_there_is_no_quantile(counts: list[int]) -> None:
    assert quantile(counts, 0.5) is None


@given(st.integers(64, 10 * LAST_US))
@example(10 * LAST_US)
@example(LAST_US - 1)
def test_what_is_told_as_the_last_bound_is_surely_above_what_is_said_of_it(us: int) -> None:
    is_last = quantile(counted([us]), 0.5) == BOUNDS_S[-1]

    assert is_last == (us >= SURE_S * 1e6)


def test_the_bounds_are_those_that_charts_were_drawn_with() -> None:
    """Because stored series and alerts name them, they may not change."""
    assert len(BOUNDS_S) == BUCKETS - 1 == 85
    assert [round(bound * 1e6, 3) for bound in BOUNDS_S[:6]] == [64, 76.125, 90.5, 107.625, 128, 152.25]
    assert BOUNDS_S[-1] == 134.217728
