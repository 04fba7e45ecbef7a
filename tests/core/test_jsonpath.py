"""Paths that rules name places with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.comparison import Place
from strangler.core.jsonpath import JsonPath, Step, parse_path, print_place

KEYS = st.text(max_size=6) | st.integers(0, 10**8)
PLACES = st.lists(KEYS, max_size=6).map(tuple)
PATHS = st.lists(st.builds(Step, KEYS | st.none(), st.booleans()), max_size=6).map(lambda steps: JsonPath(tuple(steps)))


@given(PATHS)
def test_a_path_that_is_printed_parses_to_itself(path: JsonPath) -> None:
    assert parse_path(str(path)) == path


@given(PLACES, PLACES)
def test_a_printed_place_is_a_path_that_names_it_and_no_other(place: Place, other: Place) -> None:
    path = parse_path(print_place(place))

    assert path.matches(place)
    assert path.matches(other) == (other == place)


@given(PLACES, PLACES, st.text(max_size=4))
def test_a_deep_step_finds_its_name_below_anything(before: Place, between: Place, name: str) -> None:
    path = JsonPath((*(Step(key) for key in before), Step(name, is_deep=True)))

    assert path.matches((*before, *between, name))


@pytest.mark.parametrize(
    ("text", "place", "matches"),
    [
        ("$", (), True),
        ("$", ("a",), False),
        ("$.a", ("a",), True),
        ("$.a", ("a", 0), False),
        ("$['a b'][\"c'd\"]", ("a b", "c'd"), True),
        (r"$['it\'s \\']", ("it's \\",), True),
        ("$.items[0].x", ("items", 0, "x"), True),
        ("$.items[0].x", ("items", "0", "x"), False),
        ("$.items[*].x", ("items", 17, "x"), True),
        ("$.items[*].x", ("items", "key", "x"), True),
        ("$.*", ("a",), True),
        ("$..x", ("x",), True),
        ("$..x", ("a", 3, "x"), True),
        ("$..x", ("x", "y"), False),
        ("$..x.y", ("a", "x", "x", "y"), True),
        ("$..[*]", ("a", "b"), True),
        ("$..[0]", ("a", 0), True),
        ("$..['a b']", ("z", "a b"), True),
        ("$.größe", ("größe",), True),
    ],
)
def test_what_paths_match(text: str, place: Place, matches: bool) -> None:
    assert parse_path(text).matches(place) is matches


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("items", "write `$.items`"),
        ("$items", "at character 2 follows no dot"),
        ("$.items[-1]", "at character 8 is not a step"),
        ("$.items[?(@.x)]", "there are no filters"),
        ("$.", "no name at character 3"),
        ("$..", "no name at character 4"),
        ("$.a b", "at character 4 follows no dot"),
        ("$" + ".a" * 33, "at most 32 steps, this one has 33"),
        ("$[01]", "is not a step"),
    ],
)
def test_a_path_that_is_none_is_told_where_and_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"character|write|at most") as caught:
        parse_path(text)

    assert said in str(caught.value)
