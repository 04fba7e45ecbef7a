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
