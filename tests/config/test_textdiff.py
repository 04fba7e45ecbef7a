"""A change as `diff -u` shows it: applied to the old text it gives the new one."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strangler.config.textdiff import unified

FILE = Path("routes.yaml")
HEAD = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
TEXTS = st.lists(st.sampled_from(["a\n", "a\n", "b\n", "c\r\n", "\n", "d\x0c\u2028\n", "-- e\n"]), max_size=40).map(
    "".join
)
ENDS = st.sampled_from(["", "a", "end"])


@given(before=st.builds(str.__add__, TEXTS, ENDS), after=st.builds(str.__add__, TEXTS, ENDS))
@example(before="", after="a")
@example(before="a", after="a\n")
@example(before="a\n" * 20, after="a\n" * 19 + "a")
def test_the_difference_applied_to_the_old_text_gives_the_new_one(before: str, after: str) -> None:
    assert patched(before, list(unified(before, after, FILE))) == after


def test_it_looks_like_diff_u() -> None:
    before = "".join(f"{number}\n" for number in range(1, 21))
    after = before.replace("4\n5\n", "4\nnew\n5\n", 1).replace("20\n", "twenty")

    assert list(unified(before, after, FILE)) == [
        *("--- routes.yaml", "+++ routes.yaml"),
        *("@@ -2,6 +2,7 @@", " 2", " 3", " 4", "+new", " 5", " 6", " 7"),
        *("@@ -17,4 +18,4 @@", " 17", " 18", " 19", "-20", "+twenty", "\\ No newline at end of file"),
    ]


@pytest.mark.parametrize(("before", "after", "head"), [("", "a\nb\n", "@@ -0,0 +1,2 @@"), ("a\n", "", "@@ -1 +0,0 @@")])
def test_an_empty_text_has_no_line(before: str, after: str, head: str) -> None:
    assert list(unified(before, after, FILE))[2] == head


@given(text=TEXTS)
def test_the_same_text_has_no_difference(text: str) -> None:
    assert list(unified(text, text, FILE)) == []


def patched(text: str, diff: list[str]) -> str:
    """Return a text with a difference applied, as `patch` would without any leniency."""
    rest = [f"{line}\n" for line in text.split("\n")]
    rest[-1:] = [rest[-1][:-1]] if rest[-1] != "\n" else []
    made: list[str] = []
    taken = 0
    shown = "\n".join(diff[2:]).split("\n") if diff else []
    while shown:
        head = HEAD.fullmatch(shown.pop(0))
        assert head is not None
        old_at, old_size, new_at, new_size = (1 if part is None else int(part) for part in head.groups())
        # Because a hunk without a line of a text names the line before it.
        between = old_at - bool(old_size) - taken
        made += rest[:between]
        del rest[:between]
        taken += between + old_size
        assert len(made) == new_at - bool(new_size)
        olds, news = _sides(shown, old_size, new_size)
        assert rest[:old_size] == olds
        del rest[:old_size]
        made += news
    return "".join(made + rest)


def _sides(shown: list[str], old_size: int, new_size: int) -> tuple[list[str], list[str]]:
    """Take a hunk's lines; return those of each text."""
    olds: list[str] = []
    news: list[str] = []
    sides: tuple[list[str], ...] = ()
    while len(olds) < old_size or len(news) < new_size or (shown and shown[0].startswith("\\")):
        line = shown.pop(0)
        if line.startswith("\\"):
            for side in sides:
                side[-1] = side[-1][:-1]
            continue
        sides = {" ": (olds, news), "-": (olds,), "+": (news,)}[line[0]]
        for side in sides:
            side.append(f"{line[1:]}\n")
    return olds, news
