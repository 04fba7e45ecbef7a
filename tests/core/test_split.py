"""Splitting: a key keeps its place, and raising a share only moves keys from the monolith to the extracted side."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strangler.core.model import FULL_SHARE, Side
from strangler.core.split import place, side
from strangler.flags.evaluator import Evaluator
from tests.support.flags import Problems, flag_data, percent_flag

places = st.floats(0, 1)
shares = st.integers(0, FULL_SHARE)
texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(places, shares, shares)
@example(1.0, 0, FULL_SHARE)
def test_raising_the_share_never_sends_a_key_back(where: float, one: int, other: int) -> None:
    low, high = sorted((one, other))

    if side(where, low) is Side.EXTRACTED:
        assert side(where, high) is Side.EXTRACTED


@given(places)
@example(0.0)
@example(1.0)
def test_none_is_nobody_and_all_is_everybody(where: float) -> None:
    assert side(where, 0) is Side.LEGACY
    assert side(where, FULL_SHARE) is Side.EXTRACTED


@given(texts, texts)
def test_every_key_has_a_place_and_keeps_it(cohort: str, key: str) -> None:
    where = place(cohort, key)

    assert 0 <= where <= 1
    assert place(cohort, key) == where


@given(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,9}", fullmatch=True), texts.filter(bool), shares)
@example("payments", "user-1", 10)
def test_a_share_splits_as_launchdarkly_splits_a_flag_of_the_cohorts_name(cohort: str, key: str, share: int) -> None:
    flags = Evaluator(on_problem=Problems()).apply(flag_data(percent_flag(cohort, share, salt=cohort)))

    answer = flags.evaluate(cohort, key, ()).value

    assert side(place(cohort, key), share) is (Side.EXTRACTED if answer else Side.LEGACY)


@pytest.mark.parametrize(
    ("cohort", "key", "where"),
    [
        ("payments", "user-1", 0.862603367730451),
        ("payments", "user-2", 0.481297672884239),
        ("payments", "7", 0.844546052998229),
        ("users", "user-1", 0.653623376859159),
        ("users", "zoë", 0.704901463932275),
        ("users", "", 0.604415834546900),
    ],
)
def test_a_release_does_not_move_a_key(cohort: str, key: str, where: float) -> None:
    """Because users would change sides, these values may never change."""
    assert place(cohort, key) == pytest.approx(where, abs=1e-12)


@pytest.mark.parametrize("share", [100, 1_000, 2_500, 5_000, 9_900])
def test_a_share_of_the_keys_is_on_the_extracted_side(share: int) -> None:
    keys = 10_000

    extracted = sum(side(place("payments", f"user-{n}"), share) is Side.EXTRACTED for n in range(keys))

    expected = share / FULL_SHARE * keys
    assert abs(extracted - expected) <= 3 * (expected * (1 - share / FULL_SHARE)) ** 0.5
