"""What a ratio may be, by the ranks of what was seen."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.shadow.ranks import FEWEST, estimate

_RATIOS = st.lists(st.floats(0.1, 10), min_size=1, max_size=12)


@pytest.mark.parametrize(("count", "left_out"), [(6, 0), (7, 2), (8, 3), (9, 5), (10, 8), (15, 25), (20, 52)])
def test_the_interval_leaves_out_as_many_means_as_the_table_of_critical_values_says(count: int, left_out: int) -> None:
    """Critical values of the signed-rank test, two-sided, 5 %: any table of them."""
    ratios = [2.0**index for index in range(count)]
    means = sorted((one * other) ** 0.5 for at, one in enumerate(ratios) for other in ratios[at:])

    found = estimate(ratios)

    assert (found.least, found.most) == pytest.approx((means[left_out], means[-1 - left_out]))


def test_too_few_ratios_say_no_more_than_what_was_seen() -> None:
    ratios = [1.0, 3.0, 0.5, 1.2, 1.1][: FEWEST - 1]

    found = estimate(ratios)

    assert (found.least, found.most) == pytest.approx((0.5, 3.0))


@given(_RATIOS)
def test_the_other_way_round_it_is_the_reciprocal(ratios: list[float]) -> None:
    one, other = estimate(ratios), estimate([1 / each for each in ratios])

    assert (one.value, one.least, one.most) == pytest.approx((1 / other.value, 1 / other.most, 1 / other.least))


@given(_RATIOS)
def test_the_estimate_is_in_its_interval_and_in_what_was_seen(ratios: list[float]) -> None:
    found = estimate(ratios)

    assert min(ratios) <= found.value * (1 + 1e-9) and found.value <= max(ratios) * (1 + 1e-9)
    assert found.least <= found.value * (1 + 1e-9) and found.value <= found.most * (1 + 1e-9)


def test_one_round_that_was_disturbed_moves_the_estimate_little() -> None:
    ratios = [0.98, 1.01, 1.0, 1.02, 0.99, 1.01, 1.0]

    assert estimate([*ratios, 9.0]).value == pytest.approx(1.0, abs=0.02)


def test_the_interval_holds_the_truth_nineteen_times_in_twenty() -> None:
    dice = random.Random(7)
    runs = 2_000

    missed = sum(
        not found.least <= 1 <= found.most
        for found in (estimate([2.0 ** dice.gauss(0, 0.5) for _ in range(8)]) for _ in range(runs))
    )

    assert missed / runs <= 0.05
