"""What counts prove, beside the exact binomial."""

from math import comb, exp, inf, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core import bounds
from strangler.core.histogram import BOUNDS_S, BUCKETS, bucket

NATS = log(1e4)
SHARES = st.floats(0.001, 0.999)


def tail(count: int, of: int, share: float) -> float:
    """Return the exact chance of `count` or more of `of`."""
    return sum(comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(count, of + 1))


@given(st.integers(1, 80).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), SHARES)
def test_what_is_proven_above_has_a_tail_within_the_risk(counts: tuple[int, int], limit: float) -> None:
    count, of = counts

    if bounds.is_above(count, of, limit, NATS):
        assert tail(count, of, limit) <= exp(-NATS) * (1 + 1e-9)


@given(st.integers(0, 500), st.integers(0, 500), SHARES)
def test_nothing_is_proven_both_above_and_below(count: int, more: int, limit: float) -> None:
    of = count + more
    if of:
        assert not (bounds.is_above(count, of, limit, NATS) and bounds.is_below(count, of, limit, NATS))


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.1, 40))
def test_the_bound_of_a_share_is_not_below_what_was_seen(count: int, more: int, nats: float) -> None:
    of = count + more

    high = bounds.upper_share(count, of, nats)

    assert (count / of if of else 0.0) <= high <= 1.0


@given(st.integers(0, 200), st.integers(1, 200))
def test_being_surer_never_narrows_a_bound(count: int, more: int) -> None:
    highs = [bounds.upper_share(count, count + more, nats) for nats in (1.0, 5.0, 25.0)]

    assert highs == sorted(highs)


def test_a_share_above_its_bound_is_proven_and_one_below_is_not() -> None:
    high = bounds.upper_share(3, 100, NATS)

    assert bounds.is_below(3, 100, high + 1e-6, NATS)
    assert not bounds.is_below(3, 100, high - 1e-6, NATS)


@pytest.mark.parametrize("count", [0, 5, 10])
def test_an_impossible_share_is_refuted_by_one_case(count: int) -> None:
    assert bounds.divergence(count / 10, 0.0) == (0.0 if count == 0 else inf)
    assert bounds.divergence(count / 10, 1.0) == (0.0 if count == 10 else inf)


@given(st.lists(st.integers(0, 200), min_size=BUCKETS, max_size=BUCKETS), st.sampled_from([0.5, 0.95, 0.99]))
def test_the_bounds_of_a_quantile_are_in_order(latency: list[int], q: float) -> None:
    low = bounds.lower_quantile_s(latency, q, NATS)
    high = bounds.upper_quantile_s(latency, q, NATS)

    assert 0.0 <= low <= high


def latencies(milliseconds: list[float]) -> list[int]:
    counts = [0] * BUCKETS
    for value in milliseconds:
        counts[bucket(int(value * 1000))] += 1
    return counts


def test_a_quantile_is_proven_slow_only_by_enough_slow_requests() -> None:
    few = latencies([10.0] * 90 + [900.0] * 6)
    many = latencies([10.0] * 60 + [900.0] * 40)

    assert bounds.lower_quantile_s(few, 0.95, NATS) < 0.02
    assert 0.7 < bounds.lower_quantile_s(many, 0.95, NATS) <= 0.9


def test_without_counts_nothing_is_known_of_a_quantile() -> None:
    assert bounds.lower_quantile_s([0] * BUCKETS, 0.5, NATS) == 0.0
    assert bounds.upper_quantile_s([0] * BUCKETS, 0.5, NATS) == inf


def test_a_duration_beyond_the_last_bound_has_no_upper_one() -> None:
    latency = [0] * BUCKETS
    latency[-1] = 1000

    assert bounds.upper_quantile_s(latency, 0.5, NATS) == inf
    assert bounds.lower_quantile_s(latency, 0.5, NATS) == BOUNDS_S[-1]
