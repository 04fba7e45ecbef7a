"""Which address takes the next request."""

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.balance import WINDOW, fewest

loads = st.lists(st.integers(0, 20), min_size=1, max_size=WINDOW)


@given(loads, st.integers(0, 10_000))
def test_none_that_was_looked_at_has_less_to_do(loads: list[int], start: int) -> None:
    assert loads[fewest(loads, start)] == min(loads)


@given(loads, st.integers(0, 10_000))
def test_among_equals_it_is_the_first_from_the_start_on(loads: list[int], start: int) -> None:
    turned = [loads[(start + step) % len(loads)] for step in range(len(loads))]

    assert (fewest(loads, start) - start) % len(loads) == turned.index(min(loads))


@given(st.lists(st.integers(0, 20), min_size=WINDOW, max_size=WINDOW * 4), st.integers(0, 10_000))
def test_of_many_it_is_the_best_of_a_window(loads: list[int], start: int) -> None:
    turned = [loads[(start + step) % len(loads)] for step in range(WINDOW)]

    assert loads[fewest(loads, start)] == min(turned)


@given(st.integers(1, 100))
def test_equals_take_turns_and_none_is_left_out(count: int) -> None:
    assert sorted(fewest([3] * count, start) for start in range(count)) == list(range(count))
