"""Lines of two texts beside each other."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.comparison import MAX_DIFFERENCES, Difference, Kind, Obstacle
from strangler.core.content import Undecided
from strangler.core.diff import Differences
from strangler.core.jsonpath import parse_path
from strangler.core.lines import MAX_LINES, diff_lines, split_lines
from strangler.core.rewrite import Ignore, Lower, Unordered

TEXT = st.lists(st.sampled_from(["a", "B", "b", "\n", "\r\n", "\r", "\x85", " "]), max_size=12).map("".join)
ALL = (Ignore(path=parse_path("$[*]")),)


@given(TEXT, TEXT)
def test_lines_differ_exactly_where_texts_do(one: str, other: str) -> None:
    found = diff_lines(*split_lines(one, other))

    assert bool(found.found) == (one != other)


@given(TEXT, TEXT)
def test_rules_reach_lines_as_they_reach_elements(one: str, other: str) -> None:
    ours, theirs = split_lines(one, other)
    lower = diff_lines(ours, theirs, (Lower(path=parse_path("$[*]")),))

    assert not diff_lines(ours, theirs, ALL).found
    assert not diff_lines(ours, theirs, (Ignore(path=parse_path("$")),)).found
    assert bool(lower.found) == ([line.lower() for line in ours] != [line.lower() for line in theirs])
    unordered = diff_lines(ours, theirs, (Unordered(path=parse_path("$")),))
    assert bool(unordered.found) == (sorted(ours) != sorted(theirs))


def test_a_line_more_is_told_as_it_is() -> None:
    assert diff_lines(["a", "b", "c"], ["a", "x", "b", "C"]) == Differences(
        (
            Difference(kind=Kind.EXTRA, place=(1,), shadow="x"),
            Difference(kind=Kind.VALUE, place=(2,), primary="c", shadow="C"),
        ),
        False,
    )
    assert diff_lines(["a", "b"], ["a"]) == Differences(
        (Difference(kind=Kind.MISSING, place=(1,), primary="b"),), False
    )
    assert diff_lines(["a"], ["a", "b"], (Ignore(path=parse_path("$[1]")),)).found == ()


def test_differences_of_lines_are_bounded() -> None:
    found = diff_lines(["a"], ["b"] * 99)

    assert (len(found.found), found.is_cut) == (MAX_DIFFERENCES, True)
    assert diff_lines(["a"], ["b"] * MAX_DIFFERENCES).is_cut is False


def test_too_many_lines_are_undecided() -> None:
    assert len(split_lines("\n" * (MAX_LINES - 1), "")[0]) == MAX_LINES
    with pytest.raises(Undecided) as caught:
        split_lines("", "\n" * MAX_LINES)
    assert caught.value.obstacle is Obstacle.TOO_LARGE


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (["a", "b"] * 49_999, ["b", "a", "c"] * 33_000),
        ([str(at) for at in range(99_999)], [str(at) for at in range(99_998, 0, -1)]),
        (["a"] * 99_999, ["a", "b"] * 49_000),
    ],
)  # fmt: skip
def test_no_lines_take_more_time_than_there_are(ours: list[str], theirs: list[str]) -> None:
    began = process_time()

    assert diff_lines(ours, theirs).found

    assert process_time() - began < 5
