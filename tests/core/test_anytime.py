"""What counts prove at any look."""

import random
from itertools import pairwise
from math import exp, log, log1p

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.anytime import evidence_above, is_proven, lower_bound_ever
from strangler.core.binomial import lower_bound

COUNTS = st.integers(0, 3_000)
LIMITS = st.floats(0.01, 0.9999)


@given(COUNTS, COUNTS, LIMITS, st.floats(0, 1))
def test_while_the_chance_is_no_larger_one_more_look_adds_nothing_on_average(
    successes: int, failures: int, limit: float, part: float
) -> None:
    """The supermartingale itself."""
    now = evidence_above(successes, failures, limit)
    chance = part * limit
    if now > -600:
        more = chance * exp(evidence_above(successes + 1, failures, limit) - now)
        more += (1 - chance) * exp(evidence_above(successes, failures + 1, limit) - now)
        assert more <= 1 + 1e-5


@given(COUNTS, st.integers(0, 20), st.lists(LIMITS, min_size=2))
def test_what_is_proven_is_proven_of_everything_below(successes: int, failures: int, limits: list[float]) -> None:
    told = [evidence_above(successes, failures, limit) for limit in sorted(limits)]

    assert all(low >= high - 1e-6 for low, high in pairwise(told))


@given(COUNTS, COUNTS)
def test_the_bound_is_where_it_is_just_proven_and_below_the_one_of_a_single_look(successes: int, failures: int) -> None:
    bound = lower_bound_ever(successes, failures, 0.05)

    assert 0.0 <= bound <= lower_bound(successes, successes + failures, 0.05) + 1e-12
    if bound > 0.001:
        assert is_proven(successes, failures, bound * (1 - 1e-6), 0.05)
        assert not is_proven(successes, failures, bound + (1 - bound) * 1e-6, 0.05)


def test_nothing_proves_certainty_and_nothing_seen_proves_nothing() -> None:
    assert not is_proven(10**7, 0, 1.0, 0.05)
    assert lower_bound_ever(0, 0, 0.05) == lower_bound_ever(0, 9, 0.05) == 0.0
    assert evidence_above(0, 10**6, 0.9) == -700.0


@pytest.mark.parametrize("chance", [0.99, 0.999])
def test_whoever_looks_always_is_hardly_ever_told_more_than_is_true(chance: float) -> None:
    """A bound of one look is passed in 18 % of such lives (parity 99.9 %, 20,000 comparisons)."""
    rng = random.Random(3)
    lives, most, wrong = 300, 20_000, 0
    for _ in range(lives):
        compared = failures = 0
        while compared < most:
            # Because the evidence only grows between two failures, the last look before one is the one that counts.
            compared = min(compared + int(log(1 - rng.random()) / log1p(chance - 1)), most)
            if is_proven(compared - failures, failures, chance, 0.05):
                wrong += 1
                break
            compared, failures = compared + 1, failures + 1

    assert wrong / lives <= 0.05
