"""What a rule that ignores a path would do to the differences that were found."""

import pytest

from strangler.core.ignoring import MOST_PLACES, Spot, cautions, covers, ignored
from strangler.core.jsonpath import parse_path

AMOUNT = Spot(place="$.items[*].amount", kind="value", count=12)
STATUS = Spot(place="status", kind="status", count=1)
ANEW = "findings begin anew with it: 1,000 comparisons of pay are counted no longer"


@pytest.mark.parametrize(
    ("wanted", "place", "is_covered"),
    [
        ("$.items[*].amount", "$.items[*].amount", True),
        ("$.items[3].amount", "$.items[*].amount", True),
        ("$.items[*]", "$.items[*].amount", True),
        ("$..amount", "$.items[*].amount", True),
        ("$", "$.items[*].amount", True),
        ("$", "$", True),
        ("$.items", "$.items", True),
        ("$.users['1042'].name", "$.users[*].name", True),
        ("$.users.all.name", "$.users[*].name", False),
        ("$.items[*].fee", "$.items[*].amount", False),
        ("$.items[*].amount.cents", "$.items[*].amount", False),
        ("$.a", "status", False),
    ],
)
def test_a_rule_covers_its_place_and_all_below_it(wanted: str, place: str, is_covered: bool) -> None:
    assert covers(parse_path(wanted), place) is is_covered


def test_a_rule_ignores_the_differences_that_it_covers() -> None:
    assert ignored(parse_path("$..amount"), (AMOUNT, STATUS)) == (AMOUNT,)


def test_whoever_agrees_knows_what_begins_anew() -> None:
    assert cautions("pay", parse_path("$..amount"), 1_000, (AMOUNT, STATUS)) == (ANEW,)


def test_a_place_where_nothing_was_found_is_told_with_those_where_something_was() -> None:
    many = [Spot(place=f"$.a{number}", kind="value", count=1) for number in range(MOST_PLACES + 1)]
    odd = Spot(place="$['\u202e']", kind="value", count=1)

    assert cautions("pay", parse_path("$.b"), 1_000, (AMOUNT, odd))[0] == (
        "no difference was found at that place; found: $.items[*].amount, \"$['\\u202e']\""
    )
    assert cautions("pay", parse_path("$.b"), 1_000, many)[0].endswith("$.a9 and 1 more")
    assert cautions("pay", parse_path("$.b"), 1_000, ()) == (
        "no difference was found at that place; found: nothing",
        ANEW,
    )


def test_where_nothing_was_compared_that_is_all_there_is_to_say() -> None:
    assert cautions("pay", parse_path("$.b"), 0, ()) == (
        "nothing of pay was compared yet, so nothing shows that there is such a place",
    )
