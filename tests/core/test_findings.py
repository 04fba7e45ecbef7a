"""Findings count what had a result."""

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.findings import Findings

COUNTS = st.integers(0, 10_000)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_what_could_not_be_compared_is_no_comparison(
    equal: int, ignored: int, different: int, not_comparable: int
) -> None:
    found = Findings(
        route="r", since=0.0, equal=equal, ignored=ignored, different=different, not_comparable=not_comparable
    )
    assert found.compared == equal + ignored + different


def test_what_the_monolith_did_not_answer_is_no_silence_of_the_extracted_side() -> None:
    silent = {"extracted": {"timeout": 3, "failed": 1}, "legacy": {"connect": 9}}
    found = Findings(route="r", since=0.0, no_answer=silent, dropped={"breaker": 2, "unhealthy": 1, "budget": 9})
    assert (found.unanswered, found.left_alone) == (4, 3)
    assert (Findings(route="r", since=0.0).unanswered, Findings(route="r", since=0.0).left_alone) == (0, 0)
