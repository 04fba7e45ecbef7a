"""Differences as a few lines."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.comparison import Kind, Place
from strangler.core.grouping import (
    MAX_EXAMPLES,
    MAX_GROUPS,
    MAX_PLACE,
    Example,
    Group,
    Groups,
    from_plain,
    general_place,
    group_of,
    to_plain,
)

EXAMPLES = st.builds(Example, place=st.text(max_size=3), primary=st.text(max_size=3), shadow=st.text(max_size=3))
KEYS: st.SearchStrategy[str | int] = st.sampled_from(["a", "b", "7", 0, 1])
PLACES: st.SearchStrategy[Place] = st.lists(KEYS, max_size=3).map(tuple)
SEEN = st.builds(
    group_of, st.sampled_from(["r", "s"]), PLACES, st.sampled_from(list(Kind)), st.floats(0, 1e9), EXAMPLES
)


def gathered(seen: list[Group]) -> Groups:
    groups = Groups()
    for group in seen:
        groups.add(group)
    return groups


@given(st.lists(SEEN, max_size=30))
def test_no_difference_is_lost_or_counted_twice(seen: list[Group]) -> None:
    groups = gathered(seen)

    assert sum(group.count for group in groups.ranked()) + groups.beyond == len(seen)
    for group in groups.ranked():
        alike = [one for one in seen if one.key == group.key]
        assert group.count == len(alike)
        assert group.first_seen == min(one.first_seen for one in alike)
        assert group.last_seen == max(one.last_seen for one in alike)
        assert 1 <= len(group.examples) <= MAX_EXAMPLES


@given(st.lists(SEEN, max_size=20), st.integers(0, 20))
def test_groups_of_parts_are_the_groups_of_the_whole(seen: list[Group], at: int) -> None:
    whole, first, second = gathered(seen), gathered(seen[:at]), gathered(seen[at:])

    first.absorb(second)

    assert [(group.key, group.count, group.first_seen, group.last_seen) for group in first.ranked()] == [
        (group.key, group.count, group.first_seen, group.last_seen) for group in whole.ranked()
    ]


@given(st.lists(SEEN, max_size=10))
def test_groups_survive_a_store(seen: list[Group]) -> None:
    groups = gathered(seen)

    assert from_plain(json.loads(json.dumps(to_plain(groups)))) == groups


@pytest.mark.parametrize(
    "plain",
    [
        {}, {"beyond": 0, "groups": 1}, {"beyond": "0", "groups": []}, {"beyond": 0, "groups": [{}]},
        {"beyond": 0, "groups": [{"route": "r", "place": "$", "kind": "odd", "count": 1, "first_seen": 1,
                                  "last_seen": 1, "examples": []}]},
        {"beyond": 0, "groups": [{"route": "r", "place": "$", "kind": "type", "count": "1", "first_seen": 1,
                                  "last_seen": 1, "examples": []}]},
        {"beyond": 0, "groups": [{"route": "r", "place": "$", "kind": "type", "count": 1, "first_seen": "1",
                                  "last_seen": 1, "examples": []}]},
        {"beyond": 0, "groups": [{"route": "r", "place": "$", "kind": "type", "count": 1, "first_seen": 1,
                                  "last_seen": 1, "examples": [["a"]]}]},
    ],
)  # fmt: skip
def test_values_that_are_no_groups_are_refused(plain: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no groups of differences"):
        from_plain(plain)


@pytest.mark.parametrize(
    ("place", "general"),
    [
        ((), "$"),
        (("items", 0, "fee_cents"), "$.items[*].fee_cents"),
        (("users", "1042", "name"), "$.users[*].name"),
        (("u", "018f4e6e-7b1a-7cc3-98c4-dc0c0c07398f"), "$.u[*]"),
        (("u", "deadbeef0123"), "$.u[*]"),
        (("u", "cus_9sIa03kdLP20xWq7Zz"), "$.u[*]"),
        (("u", "ada@example.com"), "$.u[*]"),
        (("line_1", "decade"), "$.line_1.decade"),
        (("a_rather_long_name_of_a_member",), "$.a_rather_long_name_of_a_member"),
        (("a b",), "$['a b']"),
    ],
)
def test_places_lose_their_indexes_and_ids(place: Place, general: str) -> None:
    assert general_place(place) == general


def test_groups_are_bounded_and_the_rest_is_counted() -> None:
    example = Example(place="$", primary="1", shadow="2")
    groups = gathered([group_of("r", (f"n{index}",), Kind.VALUE, 1.0, example) for index in range(MAX_GROUPS)])

    groups.add(group_of("s", (), Kind.TYPE, 1.0, example))
    other = Groups(beyond=5)
    other.add(group_of("s", (), Kind.TYPE, 1.0, example))
    groups.absorb(other)

    assert len(groups.by_key) == MAX_GROUPS
    assert groups.beyond == 7


def test_a_long_place_is_cut() -> None:
    assert len(general_place(("x" * 10_000,))) <= MAX_PLACE + 10


def test_the_most_frequent_group_comes_first_and_keeps_its_first_examples() -> None:
    examples = [Example(place="$", primary=str(index), shadow="") for index in (1, 1, 2, 3, 4)]
    groups = gathered([group_of("r", ("a",), Kind.VALUE, float(9 - at), one) for at, one in enumerate(examples)])
    groups.add(group_of("r", ("b",), Kind.VALUE, 0.0, examples[0]))

    first = groups.ranked()[0]

    assert (first.place, first.count, first.first_seen, first.last_seen) == ("$.a", 5, 5.0, 9.0)
    assert [example.primary for example in first.examples] == ["4", "3", "2"]
