"""When an address is left out, for how long, and that it comes back."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.ejection import NEW, Event, Standing, after, lasts_s, may_eject
from strangler.core.model import Ejection

ENVOY = Ejection()
rules = st.builds(
    Ejection,
    consecutive_failures=st.integers(1, 10),
    base_s=st.floats(0.001, 100),
    max_s=st.floats(100, 1_000),
    max_share=st.integers(0, 10_000),
)
steps = st.lists(st.tuples(st.sampled_from(Event), st.floats(0, 50), st.booleans()), max_size=60)


def run(rules: Ejection, events: list[tuple[Event, float, bool]]) -> list[tuple[float, Standing]]:
    """Return the moments and what was known at each."""
    now, standing, seen = 1.0, NEW, [(1.0, NEW)]
    for event, passed_s, allowed in events:
        now += passed_s
        standing = after(standing, event, now=now, rules=rules, may_eject=allowed)
        seen.append((now, standing))
    return seen


def failed(times: int, standing: Standing = NEW, now: float = 1.0) -> Standing:
    for _ in range(times):
        standing = after(standing, Event.FAILURE, now=now, rules=ENVOY, may_eject=True)
    return standing


def test_five_failures_in_a_row_eject_for_half_a_minute_as_envoy_does() -> None:
    assert not failed(4).is_ejected
    assert failed(5) == Standing(ejections=1, until=31.0, wake_at=31.0)


def test_a_success_between_starts_the_count_anew() -> None:
    standing = after(failed(4), Event.SUCCESS, now=1.0, rules=ENVOY, may_eject=True)

    assert not failed(4, standing).is_ejected


def test_it_comes_back_when_its_time_is_over_and_not_before() -> None:
    before = after(failed(5), Event.TIME, now=30.9, rules=ENVOY, may_eject=True)
    over = after(failed(5), Event.TIME, now=31.0, rules=ENVOY, may_eject=True)

    assert before.is_ejected
    assert not over.is_ejected


def test_the_next_ejection_is_longer_and_good_conduct_makes_it_shorter_again() -> None:
    back = after(failed(5), Event.TIME, now=31.0, rules=ENVOY, may_eject=True)
    forgiven = after(back, Event.TIME, now=61.0, rules=ENVOY, may_eject=True)

    assert failed(5, back, now=40.0).until == 100.0
    assert forgiven == NEW
    assert failed(5, forgiven, now=70.0).until == 100.0


def test_an_address_that_could_not_be_left_out_is_as_soon_as_it_may() -> None:
    standing = NEW
    for _ in range(100):
        standing = after(standing, Event.FAILURE, now=1.0, rules=ENVOY, may_eject=False)

    assert not standing.is_ejected
    assert failed(1, standing).is_ejected


@given(rules, steps)
def test_it_is_never_out_for_longer_than_the_longest(rules: Ejection, events: list[tuple[Event, float, bool]]) -> None:
    assert all(not s.is_ejected or s.until - now <= rules.max_s + 1e-6 for now, s in run(rules, events))


@given(rules, steps)
def test_whatever_happened_time_alone_brings_it_back_and_forgives_all(
    rules: Ejection, events: list[tuple[Event, float, bool]]
) -> None:
    _, standing = run(rules, events)[-1]
    moves = 0
    while standing.wake_at < inf:
        standing = after(standing, Event.TIME, now=standing.wake_at, rules=rules, may_eject=True)
        moves += 1

    assert (standing.is_ejected, standing.ejections) == (False, 0)
    assert moves <= len(events) + 2


@given(rules, steps)
def test_who_may_not_be_ejected_never_is(rules: Ejection, events: list[tuple[Event, float, bool]]) -> None:
    seen = run(rules, [(event, passed_s, False) for event, passed_s, _ in events])

    assert not any(standing.is_ejected for _, standing in seen)


@given(rules, st.integers(0, 50), st.integers(0, 50))
def test_the_last_one_is_never_left_out_and_the_first_always_may_be(rules: Ejection, ejected: int, total: int) -> None:
    allowed = may_eject(rules, ejected=ejected, total=total)

    assert not (allowed and ejected + 1 >= total)
    assert allowed or not (ejected == 0 and total > 1)
    assert not allowed or ejected == 0 or (ejected + 1) / total <= rules.max_share / 10_000


@given(rules, st.integers(1, 100))
def test_no_ejection_is_shorter_than_the_one_before(rules: Ejection, number: int) -> None:
    assert lasts_s(rules, number) <= lasts_s(rules, number + 1)
