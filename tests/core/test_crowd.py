"""The crowd: bounded, its counts add up, and a flood hides nothing that comes often."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.crowd import ADMIT_AT_ONCE, ADMIT_EVERY_S, Crowd, Entry
from strangler.core.findings import MOST_GROUPS
from strangler.core.grouping import GroupKey

FEE = ("$.fee", "value")


def key(number: int) -> GroupKey:
    return f"$.junk{number}", "extra"


def take(crowd: Crowd, keys: list[GroupKey], now: float) -> None:
    crowd.admit(keys, now)
    for one in keys:
        crowd.count(one, now)


@given(st.lists(st.lists(st.integers(0, 600), max_size=50, unique=True), max_size=40), st.floats(0, 2 * ADMIT_EVERY_S))
def test_it_is_bounded_and_nothing_that_was_seen_is_lost_from_the_sum(rounds: list[list[int]], step_s: float) -> None:
    crowd = Crowd((key(number), make(number)) for number in range(1_000, 1_000 + MOST_GROUPS - 60))
    before = sum(entry.count for _, entry in crowd)

    for turn, numbers in enumerate(rounds):
        take(crowd, [key(number) for number in numbers], turn * step_s)

    assert len(crowd) <= MOST_GROUPS
    assert sum(entry.count for _, entry in crowd) + crowd.uncounted == before + sum(map(len, rounds))


def make(number: int) -> Entry:
    return Entry(count=number % 7, weight=number % 7)


@pytest.mark.parametrize("every", [1, 3, 10])
def test_what_is_in_one_answer_of_ten_is_found_whatever_a_side_makes_up(every: int) -> None:
    crowd = Crowd()

    for turn in range(600):
        junk = [key(turn * 49 + number) for number in range(49)]
        take(crowd, [*junk, FEE] if turn % every == 0 else junk, turn * ADMIT_EVERY_S)

    found = crowd.get(FEE)
    assert found is not None
    assert found.count > 300 / every


def test_what_is_not_seen_any_more_goes_before_what_is() -> None:
    crowd = Crowd()
    for turn in range(3):
        take(crowd, [key(number) for number in range(MOST_GROUPS)], float(turn))
    take(crowd, [key(number) for number in range(1, MOST_GROUPS)], 3.0)

    take(crowd, [FEE], 10.0)

    assert crowd.get(key(0)) is None
    assert (crowd.replaced, crowd.uncounted) == (1, 3)


def test_a_count_is_never_more_than_was_seen() -> None:
    crowd = Crowd()
    for turn in range(3):
        take(crowd, [key(number) for number in range(MOST_GROUPS)], float(turn))

    take(crowd, [FEE], 10.0)

    found = crowd.get(FEE)
    assert found is not None
    assert (found.count, found.weight, found.first) == (1, 4, 10.0)


def test_a_full_crowd_lets_few_in_and_not_at_once_again() -> None:
    crowd = Crowd()
    take(crowd, [key(number) for number in range(MOST_GROUPS)], 0.0)

    take(crowd, [key(MOST_GROUPS + number) for number in range(49)], 5.0)
    replaced = crowd.replaced
    take(crowd, [FEE], 5.0 + ADMIT_EVERY_S / 2)

    assert replaced == crowd.replaced == ADMIT_AT_ONCE
    assert [crowd.is_open(5.0 + ADMIT_EVERY_S * part) for part in (0.5, 1.0)] == [False, True]
    assert crowd.get(FEE) is None


def test_who_comes_in_is_ranked_by_all_that_ever_were_there() -> None:
    crowd = Crowd()
    take(crowd, [key(number) for number in range(MOST_GROUPS)], 0.0)
    take(crowd, [FEE], 5.0)

    ranks = {one: entry.rank for one, entry in crowd}
    assert (ranks[FEE], len(set(ranks.values()))) == (MOST_GROUPS + 1, MOST_GROUPS)


def test_ranks_are_kept_and_those_of_an_earlier_version_come_after_all_that_were() -> None:
    kept = Crowd([(key(1), Entry(rank=7)), (key(2), Entry()), (key(3), Entry(rank=2)), (key(4), Entry())], replaced=3)
    take(kept, [FEE], 1.0)

    ranks = {one: entry.rank for one, entry in kept}
    assert (ranks[key(1)], ranks[key(3)]) == (7, 2)
    assert sorted((ranks[key(2)], ranks[key(4)])) == [8, 9]
    assert ranks[FEE] == 10
