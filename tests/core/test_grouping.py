"""Places without what tells one document from the next."""

import pytest

from strangler.core.comparison import Difference, Kind, Place
from strangler.core.grouping import MAX_PLACE, GroupKey, general_place, group_key
from strangler.core.jsonpath import parse_path


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
        (("tokens",), "$.tokens"),
        (("tokens", "tok_live_abcdef", "x"), "$.tokens..[*]"),
        (("tokens", 0), "$.tokens..[*]"),
        (("password" * 20, "x"), "$." + "password" * 20 + "..[*]"),
    ],
)
def test_places_lose_their_indexes_and_ids(place: Place, general: str) -> None:
    assert general_place(place) == general


def test_a_place_ends_at_a_path_whose_values_are_not_told_and_hides_names() -> None:
    paths = (parse_path("$.users"), parse_path("$.a[*].b"))

    assert general_place(("users", "alice-smith", "x"), paths) == "$.users..[*]"
    assert general_place(("a", 3, "b", "c"), paths) == "$.a[*].b..[*]"
    assert general_place(("x", "alice", "y"), paths, lambda name: name == "alice") == "$.x.[known].y"


def test_a_long_place_is_cut() -> None:
    assert len(general_place(("x" * 10_000,))) <= MAX_PLACE + 10


@pytest.mark.parametrize(
    ("difference", "key"),
    [
        (Difference(kind=Kind.STATUS, primary=200, shadow=404), ("status", "status")),
        (Difference(kind=Kind.HEADER, place=("location",)), ("header location", "header")),
        (Difference(kind=Kind.VALUE, place=("items", 3, "fee")), ("$.items[*].fee", "value")),
        (Difference(kind=Kind.EXTRA, place=("card 4111 1111 1111 1111",)), ("$['card [card]']", "extra")),
        (Difference(kind=Kind.EXTRA, place=("half \ud800",)), ("$['half \\ud800']", "extra")),
    ],
)
def test_a_difference_belongs_to_the_group_of_its_place_and_kind_without_what_is_secret(
    difference: Difference, key: GroupKey
) -> None:
    assert group_key(difference) == key
