"""Places without what tells one document from the next."""

import pytest

from strangler.core.comparison import Place
from strangler.core.grouping import MAX_PLACE, general_place


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


def test_a_long_place_is_cut() -> None:
    assert len(general_place(("x" * 10_000,))) <= MAX_PLACE + 10
