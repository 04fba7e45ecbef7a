"""The binomial's tails, beside the sum of their terms."""

from math import comb, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.binomial import beta_share, lower_bound, upper_tail

COUNTS = st.integers(1, 60).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


def summed(count: int, of: int, chance: float) -> float:
    return sum(comb(of, k) * chance**k * (1 - chance) ** (of - k) for k in range(count, of + 1))


@given(COUNTS, st.floats(0.001, 0.999))
def test_a_tail_is_the_sum_of_its_terms(counts: tuple[int, int], chance: float) -> None:
    assert isclose(upper_tail(*counts, chance), summed(*counts, chance), rel_tol=1e-8, abs_tol=1e-13)


@given(COUNTS, st.floats(0.001, 0.5))
def test_at_its_lower_bound_what_was_seen_has_just_the_risk(counts: tuple[int, int], risk: float) -> None:
    bound = lower_bound(*counts, risk)

    if counts[0]:
        assert isclose(summed(*counts, bound), risk, rel_tol=1e-6)
    else:
        assert bound == 0.0


@pytest.mark.parametrize(("of", "bound"), [(10, 0.05 ** (1 / 10)), (3000, 0.05 ** (1 / 3000))])
def test_no_mismatch_proves_about_one_minus_three_of_n(of: int, bound: float) -> None:
    assert isclose(lower_bound(of, of, 0.05), bound, rel_tol=1e-9)
    assert abs(bound - (1 - 3 / of)) < 5 / of**1.1


def test_impossible_counts_and_chances_have_a_tail() -> None:
    assert (upper_tail(0, 5, 0.1), upper_tail(6, 5, 0.1)) == (1.0, 0.0)
    assert (beta_share(2, 3, 0.0), beta_share(2, 3, 1.0)) == (0.0, 1.0)


def test_ten_million_counts_cost_no_more() -> None:
    assert 0.49 < upper_tail(5_000_000, 10_000_000, 0.5) < 0.51


def test_more_counts_than_can_be_summed_still_have_a_tail() -> None:
    assert 0.0 <= upper_tail(5 * 10**14, 10**15, 0.5) <= 1.0
