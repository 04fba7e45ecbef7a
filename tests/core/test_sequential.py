"""The sequential test: valid at every look, and blind to nothing that matters."""

import random
from math import comb, exp, log, sin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.core.sequential import LEAST, Evidence, Step, advance, is_proven, rebase

RATIO = 1.25
COUNTS = st.integers(0, 50)
STEPS = st.builds(
    lambda legacy, extracted, legacy_failed, extracted_failed: Step(
        legacy + legacy_failed, legacy_failed, extracted + extracted_failed, extracted_failed
    ),
    COUNTS, COUNTS, st.integers(0, 5), st.integers(0, 5),
)  # fmt: skip


def follow(steps: list[Step], ratio: float = RATIO) -> Evidence:
    evidence = Evidence()
    for step in steps:
        evidence = advance(evidence, step, ratio)
    return evidence


def binomial(of: int, chance: float, count: int) -> float:
    return comb(of, count) * chance**count * (1 - chance) ** (of - count)


@given(st.floats(0.01, 0.99), st.floats(1.0, 5.0), st.integers(0, 60))
@settings(max_examples=60)
def test_without_a_regression_one_more_failure_adds_nothing_on_average(w: float, ratio: float, before: int) -> None:
    """The supermartingale itself: E[E_n | past] <= E_(n-1) at the worst ratio that is tolerated."""
    n = 1_000_000
    mix = Step(round(n * (1 - w)), 0, round(n * w), 0)
    evidence = Evidence()
    rng = random.Random(before)
    for _ in range(before):
        side = rng.random() < 0.5
        evidence = advance(evidence, mix._replace(legacy_failures=int(not side), extracted_failures=int(side)), ratio)
    share = ratio * mix.extracted_requests / (ratio * mix.extracted_requests + mix.legacy_requests)

    extracted = advance(evidence, mix._replace(extracted_failures=1), ratio)
    legacy = advance(evidence, mix._replace(legacy_failures=1), ratio)

    expected = share * exp(extracted.log_e) + (1 - share) * exp(legacy.log_e)
    assert expected <= exp(evidence.log_e) * (1 + 1e-3)


@given(st.lists(STEPS, max_size=30))
def test_the_evidence_is_always_a_number_and_the_peak_never_falls(steps: list[Step]) -> None:
    peaks = []
    evidence = Evidence()
    for step in steps:
        evidence = advance(evidence, step, RATIO)
        peaks.append(evidence.peak)

    assert peaks == sorted(peaks)
    assert evidence.log_e <= evidence.peak
    assert evidence.log_e == evidence.log_e


@given(st.lists(STEPS, max_size=30))
def test_failures_of_the_monolith_never_speak_against_the_extracted_side(steps: list[Step]) -> None:
    spared = [step._replace(extracted_failures=0) for step in steps]

    assert follow(spared).log_e <= 0.0


@given(st.lists(STEPS, max_size=20), STEPS)
def test_a_failure_of_the_extracted_side_never_speaks_for_it(steps: list[Step], last: Step) -> None:
    before = advance(follow(steps), Step(LEAST, 0, LEAST, 0), RATIO)
    clean = last._replace(legacy_failures=0, extracted_failures=1, extracted_requests=last.extracted_requests + 1)

    after = advance(advance(before, clean, RATIO), Step(LEAST, 0, LEAST, 0), RATIO)

    assert after.log_e >= before.log_e - 1e-9


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_one_side_alone_proves_nothing(requests: int, failures: int) -> None:
    alone = Step(0, 0, requests + failures, failures)

    assert not is_proven(follow([alone] * 20), 0.01)


def test_an_outage_is_proven_within_a_few_failures() -> None:
    evidence = advance(Evidence(), Step(900, 4, 100, 0), RATIO)

    failures = 0
    while not is_proven(evidence, 0.01):
        evidence = advance(evidence, Step(9, 0, 1, 1), RATIO)
        failures += 1

    assert failures <= LEAST


def test_a_block_ends_by_its_requests_alone_and_is_judged_by_its_own_mix() -> None:
    whole = Step(40, 2, LEAST, 3)

    halves = follow([Step(39, 1, LEAST - 1, 3), Step(1, 1, 1, 0)])

    assert advance(Evidence(), whole._replace(extracted_requests=LEAST - 1), RATIO).log_e == 0.0
    assert advance(Evidence(), whole._replace(legacy_requests=LEAST - 1), RATIO).log_e == 0.0
    assert halves == advance(Evidence(), whole, RATIO)
    assert (halves.legacy_requests, halves.extracted_requests) == (40, LEAST)


@given(st.floats(0.001, 0.7), st.integers(LEAST, 60), st.integers(LEAST, 60), st.floats(1.0, 1.4))
@settings(max_examples=25, deadline=None)
def test_a_block_adds_nothing_on_average_at_any_rate_of_failures(
    q: float, legacy: int, extracted: int, r: float
) -> None:
    """Exactly, over all that may become of the block's requests: E[E_1] <= 1 at the worst ratio that is tolerated."""
    failed = [
        (binomial(legacy, q, k), binomial(extracted, q * r, j), advance(Evidence(), Step(legacy, k, extracted, j), r))
        for k in range(legacy + 1)
        for j in range(extracted + 1)
    ]

    assert sum(one * other * exp(evidence.log_e) for one, other, evidence in failed) <= 1.0 + 1e-6


def test_a_mix_that_swings_with_the_monoliths_failures_is_no_regression() -> None:
    rng = random.Random(4)
    evidence = Evidence()
    for number in range(12_000):
        swing = sin(number / 40)
        share, rate = 0.3 + 0.25 * swing, 0.1 + 0.09 * swing
        sides = [rng.random() < share for _ in range(25)]
        failed = [rng.random() < rate for _ in sides]
        extracted = sum(sides)
        own = sum(side and fault for side, fault in zip(sides, failed, strict=True))
        evidence = advance(evidence, Step(25 - extracted, sum(failed) - own, extracted, own), RATIO)

    assert evidence.peak < log(100)


def test_a_calm_year_does_not_hide_a_regression() -> None:
    calm = follow([Step(50, 1, 50, 1)] * 20_000)

    evidence, failures = calm, 0
    while not is_proven(evidence, 0.01):
        evidence = advance(evidence, Step(50, 0, 50, 1), RATIO)
        failures += 1

    assert failures < 100


def test_a_change_of_the_share_keeps_what_was_proven_and_drops_the_old_mix() -> None:
    before = follow([Step(90, 1, 10, 1)] * 10)

    before = advance(before, Step(5, 1, 2, 1), RATIO)

    after = rebase(before)

    assert (after.log_e, after.sums, after.steps) == (before.log_e, before.sums, before.steps)
    assert (before.legacy_requests, before.extracted_requests, before.block) == (900, 100, Step(5, 1, 2, 1))
    assert (after.legacy_requests, after.extracted_requests, after.block) == (0, 0, Step())


@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_proof_is_the_inverse_of_alpha(alpha: float) -> None:
    assert not is_proven(Evidence(log_e=log(1 / alpha) - 1e-9), alpha)
    assert is_proven(Evidence(log_e=log(1 / alpha)), alpha)
