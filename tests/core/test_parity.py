"""What comparisons prove of a route."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.comparison import Result
from strangler.core.judge import Verdict
from strangler.core.parity import MismatchRate, Outcomes, judge_mismatch, outcome, state_parity
from strangler.core.rules import Metric

COUNTS = st.integers(0, 5_000)
OUTCOMES = st.builds(Outcomes, equal=COUNTS, ignored=COUNTS, different=COUNTS, not_comparable=COUNTS)


@given(OUTCOMES, st.floats(0.5, 0.9999))
def test_a_statement_never_claims_more_than_was_seen(outcomes: Outcomes, wanted: float) -> None:
    parity = state_parity("r", outcomes, wanted)

    assert 0.0 <= parity.lower <= (outcomes.matching / outcomes.compared if outcomes.compared else 0.0)
    assert parity.needed == 0 or parity.lower < wanted + 1e-9
    assert parity.needed != 0 or parity.lower >= wanted - 1e-9


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


def test_a_wanted_bound_of_three_nines_takes_about_three_thousand_comparisons() -> None:
    assert state_parity("r", Outcomes()).needed == 2_995
    assert state_parity("r", Outcomes(equal=2_995)).needed == 0
    assert state_parity("r", Outcomes(equal=2_994, different=1)).needed == 1_747
    assert state_parity("r", Outcomes(), 1.0).needed is None


@pytest.mark.parametrize("result", list(Result))
def test_every_result_is_counted_once(result: Result) -> None:
    counts = outcome(result)

    assert counts.equal + counts.ignored + counts.different + counts.not_comparable == 1
    assert counts.compared == (0 if result is Result.NOT_COMPARABLE else 1)
    assert counts.matching == (1 if result in (Result.EQUAL, Result.IGNORED) else 0)


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        (Outcomes(), Verdict.HOLD),
        (Outcomes(different=99), Verdict.HOLD),
        (Outcomes(different=99, not_comparable=500), Verdict.HOLD),
        (Outcomes(equal=99, different=1), Verdict.FINE),
        (Outcomes(equal=97, different=3), Verdict.FINE),
        (Outcomes(equal=80, ignored=5, different=15), Verdict.BREACH),
        (Outcomes(ignored=100), Verdict.FINE),
    ],
)
def test_mismatches_break_the_rule_only_beyond_doubt(outcomes: Outcomes, verdict: Verdict) -> None:
    finding = judge_mismatch(MismatchRate(), outcomes)

    assert finding.verdict is verdict
    assert (finding.metric, finding.limit, finding.requests) == (Metric.MISMATCH_RATE, 0.01, outcomes.compared)


@given(OUTCOMES, st.integers(1, 9_999))
def test_a_share_within_the_limit_never_breaks_the_rule(outcomes: Outcomes, limit: int) -> None:
    finding = judge_mismatch(MismatchRate(max=limit, dry_run=True), outcomes)

    assert not finding.acts
    if finding.verdict is Verdict.BREACH:
        assert finding.measured > limit / 10_000
