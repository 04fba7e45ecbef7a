"""Lines of two texts beside each other: those that differ, under rules for lines as for a list's elements."""

from collections.abc import Iterator

from strangler.core.comparison import MAX_DIFFERENCES, Difference, Json, Kind, Obstacle
from strangler.core.content import Undecided
from strangler.core.diff import Differences, diff
from strangler.core.linediff import edits
from strangler.core.rewrite import Rule, are_alike
from strangler.core.rulebook import Node, Rulebook, is_ignored

MAX_LINES = 100_000
"""Of a text. 1 MiB of ten characters a line has as many."""
_WORK = 500_000
_MOST_EDITS = 100
"""As core.linediff has them, but less: a few hundredths of a second for two texts."""


def split_lines(one: str, other: str) -> tuple[list[str], list[str]]:
    """Return the lines of two texts; raise Undecided if there are too many.

    They are split in one way, and what ends a line in one text alone is part of it: so no difference is lost.
    """
    is_crlf = all(0 < text.count("\n") == text.count("\r\n") for text in (one, other))
    end = "\r\n" if is_crlf else "\n"
    if max(one.count(end), other.count(end)) >= MAX_LINES:
        raise Undecided(Obstacle.TOO_LARGE)
    return one.split(end), other.split(end)


def diff_lines(ours: list[str], theirs: list[str], rules: tuple[Rule, ...] = ()) -> Differences:
    """Return the lines that differ and are not explained by the rules; a line more is told as one more."""
    root = Rulebook(rules).root
    if len(ours) == len(theirs) or (root is not None and (root.is_ignored or root.unordered is not None)):
        one: Json = list(ours)
        other: Json = list(theirs)
        return diff(one, other, rules)
    found: list[Difference] = []
    for difference in _edited(ours, theirs, root):
        if len(found) == MAX_DIFFERENCES:
            return Differences(tuple(found), True)
        found.append(difference)
    return Differences(tuple(found), False)


def _edited(ours: list[str], theirs: list[str], root: Node | None) -> Iterator[Difference]:
    for edit in edits(ours, theirs, work=_WORK, most_edits=_MOST_EDITS):
        both = min(edit.old_end - edit.old, edit.new_end - edit.new)
        for at, to in zip(range(edit.old, edit.old + both), range(edit.new, edit.new + both), strict=True):
            node = _below(root, at)
            if ours[at] != theirs[to] and not (node is not None and are_alike(ours[at], theirs[to], node.rules)):
                yield Difference(kind=Kind.VALUE, place=(at,), primary=ours[at], shadow=theirs[to])
        for at in range(edit.old + both, edit.old_end):
            if not is_ignored(_below(root, at)):
                yield Difference(kind=Kind.MISSING, place=(at,), primary=ours[at])
        for at in range(edit.new + both, edit.new_end):
            if not is_ignored(_below(root, at)):
                yield Difference(kind=Kind.EXTRA, place=(at,), shadow=theirs[at])


def _below(root: Node | None, at: int) -> Node | None:
    return None if root is None else root.below(at)
