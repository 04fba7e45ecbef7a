"""What comparisons prove of a route."""

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.parity import Outcomes, is_out_of_sight, state_parity

COUNTS = st.integers(0, 5_000)
OUTCOMES = st.builds(Outcomes, equal=COUNTS, ignored=COUNTS, different=COUNTS, not_comparable=COUNTS, no_answer=COUNTS)


@given(OUTCOMES, st.floats(0.5, 0.9999))
def test_a_statement_never_claims_more_than_was_seen(outcomes: Outcomes, wanted: float) -> None:
    parity = state_parity("r", outcomes, wanted)

    assert 0.0 <= parity.lower <= (outcomes.matching / outcomes.compared if outcomes.compared else 0.0)
    assert parity.lower_ever <= parity.lower
    assert parity.is_proven or parity.lower_ever < wanted + 1e-9
    assert not parity.is_proven or parity.lower_ever >= wanted - 1e-9


@given(OUTCOMES, st.floats(0.5, 0.999))
def test_so_many_more_comparisons_are_enough_and_one_less_is_not(outcomes: Outcomes, wanted: float) -> None:
    needed = state_parity("r", outcomes, wanted).needed

    if needed:
        assert state_parity("r", outcomes + Outcomes(equal=needed), wanted).needed == 0
        assert state_parity("r", outcomes + Outcomes(ignored=needed - 1), wanted).needed == 1


@given(OUTCOMES)
def test_what_cannot_be_compared_proves_nothing(outcomes: Outcomes) -> None:
    more = outcomes + Outcomes(not_comparable=1_000)

    assert state_parity("r", more).lower == state_parity("r", outcomes).lower
    assert state_parity("r", more).lower_ever == state_parity("r", outcomes).lower_ever


@given(OUTCOMES, st.integers(1, 100))
def test_no_answer_is_as_good_as_a_difference(outcomes: Outcomes, count: int) -> None:
    silent, different = outcomes + Outcomes(no_answer=count), outcomes + Outcomes(different=count)

    assert state_parity("r", silent).lower == state_parity("r", different).lower
    assert state_parity("r", silent).needed == state_parity("r", different).needed


def test_what_a_side_was_not_asked_after_failures_leaves_room_for_no_more_than_it_may_be() -> None:
    assert not is_out_of_sight(0, 0, 0.999)
    assert not is_out_of_sight(10_000, 10, 0.999)
    assert is_out_of_sight(10_000, 11, 0.999)
    assert not is_out_of_sight(10_000, 11, 0.99)
    assert is_out_of_sight(0, 1, 0.5)


def test_a_wanted_bound_of_three_nines_takes_some_thousand_comparisons() -> None:
    # With no difference in n, E is ((1 / p0) ** n - p0) / ((n + 1) * (1 - p0)).
    assert state_parity("r", Outcomes()).needed == 4_512
    assert [(0.999**-n - 0.999) / ((n + 1) * 0.001) >= 20 for n in (4_511, 4_512)] == [False, True]
    assert state_parity("r", Outcomes(equal=4_512)).is_proven
    assert not state_parity("r", Outcomes(equal=4_511)).is_proven
    assert state_parity("r", Outcomes(equal=5_000, different=1)).needed == 1_850
    assert state_parity("r", Outcomes(), 1.0).needed is None
    assert state_parity("r", Outcomes(equal=2_995)).lower >= 0.999
