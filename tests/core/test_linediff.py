"""Which lines differ: true whatever the texts are, short where it can be, and never without end."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strangler.core.linediff import Edit, edits

LINES = st.lists(st.sampled_from("aaabcd"), max_size=30)


class Counted(str):
    """A line that counts how often it is compared."""

    __slots__ = ()
    looks = 0

    def __eq__(self, other: object) -> bool:
        Counted.looks += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


@given(old=LINES, new=LINES, work=st.sampled_from([0, 10, 1_000]), most_edits=st.sampled_from([0, 3, 100]))
def test_the_edits_make_the_new_text_of_the_old_one(old: list[str], new: list[str], work: int, most_edits: int) -> None:
    found = edits(old, new, work=work, most_edits=most_edits)

    assert applied(found, old, new) == new
    assert all(one.old_end < other.old and one.new_end < other.new for one, other in pairwise(found))


@given(old=LINES, new=LINES)
@example(old=[*"abbaa"], new=[*"bbaaa"])
def test_there_are_no_fewer_edits_than_needed_and_without_a_common_line_of_their_own_no_more(
    old: list[str], new: list[str]
) -> None:
    changed = sum(one.old_end - one.old + one.new_end - one.new for one in edits(old, new))

    least = len(old) + len(new) - 2 * longest(old, new)
    assert changed >= least
    if all(old.count(line) != 1 or new.count(line) != 1 for line in old):
        assert changed == least


@given(text=LINES)
def test_the_same_text_has_no_edit(text: list[str]) -> None:
    assert edits(text, text) == ()


def test_two_edits_far_apart_among_like_lines_are_two() -> None:
    old = ["x: 1", "y: 2"] * 20_000
    new = [*old[:100], "more", *old[100:30_000], *old[30_001:]]

    assert edits(old, new) == (
        Edit(old=100, old_end=100, new=100, new_end=101),
        Edit(old=30_000, old_end=30_001, new=30_001, new_end=30_001),
    )


def test_lines_that_stand_once_keep_their_order() -> None:
    assert edits(["one", "two", "three", "four"], ["three", "four", "one", "two", "three"]) == (
        Edit(old=0, old_end=0, new=0, new_end=2),
        Edit(old=3, old_end=4, new=5, new_end=5),
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["a", "b"] * 10_000, ["b", "b", "a"] * 10_000),
        (["a", "b", "c"] * 10_000, ["c", "b", "a"] * 10_000),
        (["a"] * 30_000, ["b", "a"] * 15_000),
        ([str(n % 300) for n in range(30_000)], [str(n % 299) for n in range(30_000)]),
        (["a", "b"] * 10_000, (["a", "b"] * 100 + ["b"]) * 100),
    ],
    ids=["two lines", "three lines", "one line", "three hundred lines", "few edits"],
)
def test_the_work_is_bounded_however_alike_the_lines_are(old: list[str], new: list[str]) -> None:
    one, other = [Counted(line) for line in old], [Counted(line) for line in new]
    Counted.looks = 0

    found = edits(one, other, work=20_000)

    assert Counted.looks <= 20_000 + 6 * (len(old) + len(new))
    assert applied(found, old, new) == new


def applied(several: tuple[Edit, ...], old: list[str], new: list[str]) -> list[str]:
    """Return the old text with the edits in it."""
    made: list[str] = []
    at = 0
    for edit in several:
        made += old[at : edit.old] + new[edit.new : edit.new_end]
        at = edit.old_end
    return made + old[at:]


def longest(old: list[str], new: list[str]) -> int:
    """Return how many lines a longest common subsequence has."""
    row = [0] * (len(new) + 1)
    for line in old:
        before = row
        row = [0]
        for at, other in enumerate(new):
            row.append(before[at] + 1 if line == other else max(before[at + 1], row[at]))
    return row[-1]
