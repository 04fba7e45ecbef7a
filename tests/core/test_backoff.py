"""Back-off: every wait is bounded, and waits never shrink."""

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.backoff import MOST_S, wait_s


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_no_wait_is_longer_than_the_most_and_none_is_nothing(failures: int, spread: float) -> None:
    assert 0.4 < wait_s(failures, spread) <= MOST_S
    assert wait_s(failures, 0.0) <= wait_s(failures + 1, 0.0)
