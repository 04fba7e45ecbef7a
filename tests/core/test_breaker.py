"""The breaker: a side that fails again and again is left alone, then tried with one request."""

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.breaker import FAILURES, OPEN_S, Breaker, asked, failed, may_ask, succeeded

TIMES = st.floats(0, 1e6)


def opened(at: float) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker = failed(asked(breaker), at)
    return breaker


@given(st.integers(0, FAILURES - 1), TIMES)
def test_fewer_failures_in_a_row_leave_it_closed(failures: int, now: float) -> None:
    breaker = Breaker()
    for _ in range(failures):
        breaker = failed(asked(breaker), now)
    assert may_ask(breaker, now)


@given(TIMES, st.floats(0, OPEN_S, exclude_max=True))
def test_an_open_one_lets_nothing_pass_for_a_while(now: float, later: float) -> None:
    assert not may_ask(opened(now), now) or now + OPEN_S <= now
    assert may_ask(opened(0.0), later) is False


@given(TIMES)
def test_afterwards_one_request_tries_at_a_time(now: float) -> None:
    breaker = opened(now)
    assert may_ask(breaker, now + OPEN_S + 1)
    assert not may_ask(asked(breaker), now + OPEN_S + 1)


@given(TIMES)
def test_a_trial_that_fails_opens_it_anew_and_one_that_does_not_closes_it(now: float) -> None:
    later = now + OPEN_S + 1
    trial = asked(opened(now))
    assert not may_ask(failed(trial, later), later)
    assert may_ask(failed(trial, later), later + OPEN_S + 1)
    assert succeeded(trial) == Breaker()
