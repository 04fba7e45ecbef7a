"""What paired samples say of a place."""

import random
from itertools import pairwise
from math import comb, exp, isclose, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.core.noise import (
    Nature,
    Pairs,
    mcnemar,
    noise_evidence,
    pair,
    regression_evidence,
    rule,
)

COUNTS = st.integers(0, 200)
PAIRS = st.builds(Pairs, raw_only=COUNTS, noise_only=COUNTS, both=COUNTS, neither=COUNTS)


@given(PAIRS, st.floats(0, 0.5))
def test_without_a_regression_one_more_pair_adds_nothing_on_average(pairs: Pairs, chance: float) -> None:
    """The supermartingale itself: E[E_n | past] <= E_(n-1) while raw-only is at most one of two."""
    raw = exp(regression_evidence(pairs + pair(raw=True, noise=False)))
    noise = exp(regression_evidence(pairs + pair(raw=False, noise=True)))

    assert chance * raw + (1 - chance) * noise <= exp(regression_evidence(pairs)) * (1 + 1e-6) + 1e-12


@given(PAIRS, st.floats(2 / 3, 1))
def test_a_place_that_is_mostly_raw_is_not_shown_to_be_noise_on_average(pairs: Pairs, chance: float) -> None:
    raw = exp(noise_evidence(pairs + pair(raw=True, noise=False)))
    noise = exp(noise_evidence(pairs + pair(raw=True, noise=True)))

    assert chance * raw + (1 - chance) * noise <= exp(noise_evidence(pairs)) * (1 + 1e-6) + 1e-12


@given(PAIRS)
def test_mcnemar_is_the_binomial_of_the_pairs_that_disagree(pairs: Pairs) -> None:
    of = pairs.raw_only + pairs.noise_only
    exact = sum(comb(of, k) for k in range(pairs.raw_only, of + 1)) / 2**of

    assert isclose(mcnemar(pairs), exact, rel_tol=1e-7, abs_tol=1e-12)


@given(PAIRS, COUNTS)
def test_more_noise_never_speaks_for_a_regression(pairs: Pairs, more: int) -> None:
    assert regression_evidence(pairs + Pairs(noise_only=more)) <= regression_evidence(pairs) + 1e-6
    assert regression_evidence(pairs + Pairs(both=more, neither=more)) == regression_evidence(pairs)


@given(PAIRS)
def test_a_ruling_shows_what_it_rests_on_and_sharing_the_risk_only_takes_away(pairs: Pairs) -> None:
    alone, shared = rule(pairs), rule(pairs, rank=100)

    assert alone.pairs == pairs
    assert (alone.alpha, shared.alpha) == (0.005, 0.01 / 10_100)
    assert alone.log_e == regression_evidence(pairs)
    assert shared.nature in (alone.nature, Nature.UNDECIDED, Nature.NOISE)
    if alone.nature is Nature.REGRESSION:
        # Because a proof for all looks is stricter than one for a single look.
        assert alone.p_value <= alone.alpha


@pytest.mark.parametrize(
    ("pairs", "nature"),
    [
        (Pairs(), Nature.UNDECIDED),
        (Pairs(raw_only=1, neither=2_999), Nature.UNDECIDED),
        (Pairs(raw_only=7, neither=50), Nature.UNDECIDED),
        (Pairs(raw_only=10, neither=50), Nature.UNDECIDED),
        (Pairs(raw_only=11, neither=50), Nature.REGRESSION),
        (Pairs(raw_only=20, noise_only=18), Nature.UNDECIDED),
        (Pairs(raw_only=200, noise_only=190), Nature.NOISE),
        (Pairs(raw_only=300, noise_only=190), Nature.REGRESSION),
        (Pairs(both=10), Nature.NOISE),
        (Pairs(noise_only=10), Nature.NOISE),
        (Pairs(both=500, raw_only=2), Nature.NOISE),
        (Pairs(both=3), Nature.UNDECIDED),
        (Pairs(raw_only=10**6), Nature.REGRESSION),
        (Pairs(noise_only=10**6), Nature.NOISE),
    ],
)
def test_a_place_is_ruled_by_its_counts(pairs: Pairs, nature: Nature) -> None:
    assert rule(pairs).nature is nature


@settings(deadline=None)
@given(st.just(0))
def test_looking_after_every_pair_calls_equal_noise_a_regression_in_less_than_the_risk(_: int) -> None:
    rng = random.Random(4)
    wrong = 0
    for _life in range(400):
        pairs = Pairs()
        for _look in range(100):
            pairs += pair(raw=True, noise=False) if rng.random() < 0.5 else pair(raw=False, noise=True)
            if regression_evidence(pairs) >= log(1 / 0.05):
                wrong += 1
                break

    assert wrong / 400 <= 0.05


@pytest.mark.parametrize("places", [1, 5, 20])
def test_places_that_come_up_one_after_the_other_share_the_risk(places: int) -> None:
    """Each lives for 300 pairs, looked at after each; in how many lives is any of them ever called a regression?"""
    rng = random.Random(5)
    needed = {rank: log(rank * (rank + 1) / 0.05) for rank in range(1, places + 1)}
    evidence: dict[tuple[int, int], float] = {}
    lives, wrong = 2_000 // places, 0
    for _ in range(lives):
        for rank in range(1, places + 1):
            raw = noise = 0
            while raw + noise < 300:
                raw, noise = (raw + 1, noise) if rng.random() < 0.5 else (raw, noise + 1)
                if raw > noise and (raw, noise) not in evidence:
                    evidence[raw, noise] = regression_evidence(Pairs(raw_only=raw, noise_only=noise))
                if raw > noise and evidence[raw, noise] >= needed[rank]:
                    break
            if raw + noise < 300:
                wrong += 1
                break

    assert wrong / lives <= 0.05


def test_the_parts_of_the_risk_are_never_more_than_all_of_it() -> None:
    assert sum(rule(Pairs(), rank=rank).alpha for rank in range(1, 10_000)) < 0.01


def test_a_pair_counts_once() -> None:
    made = [pair(raw=raw, noise=noise) for raw in (True, False) for noise in (True, False)]

    assert all(one.total == 1 for one in made)
    assert all(one != other for one, other in pairwise(made))
    assert sum(made, Pairs()) == Pairs(raw_only=1, noise_only=1, both=1, neither=1)
