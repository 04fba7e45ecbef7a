"""Which side a flag's value means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.model import Side
from strangler.core.shares import STAGES, side_of

WORDS = ["", "legacy", "monolith", "extracted", "payments", "core", "other", *STAGES]


@pytest.mark.parametrize(
    ("value", "side"),
    [
        (True, Side.EXTRACTED),
        (False, Side.LEGACY),
        ("extracted", Side.EXTRACTED),
        ("payments", Side.EXTRACTED),
        ("live", Side.EXTRACTED),
        ("rampdown", Side.EXTRACTED),
        ("complete", Side.EXTRACTED),
        ("legacy", Side.LEGACY),
        ("monolith", Side.LEGACY),
        ("core", Side.LEGACY),
        ("off", Side.LEGACY),
        ("dualwrite", Side.LEGACY),
        ("shadow", Side.LEGACY),
        ("Extracted", None),
        ("other", None),
        ("", None),
    ],
)
def test_each_value_means_one_side(value: bool | str, side: Side | None) -> None:
    assert side_of(value, "core", "payments") is side


def test_a_routes_own_names_win_over_the_words() -> None:
    assert side_of("live", "live", "payments") is Side.LEGACY
    assert side_of("legacy", "core", "legacy") is Side.EXTRACTED


@given(st.sampled_from(WORDS), st.sampled_from(WORDS), st.sampled_from(WORDS))
def test_a_value_never_means_the_side_of_the_other_name(value: str, legacy: str, extracted: str) -> None:
    side = side_of(value, legacy, extracted)

    if value and value == extracted and legacy != extracted:
        assert side is Side.EXTRACTED
    if value and value == legacy:
        assert side is Side.LEGACY
