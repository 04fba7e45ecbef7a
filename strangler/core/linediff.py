"""Line diff: which lines two texts share, with a bound on the work.

Beginnings and ends that are the same are taken off. What is between is cut at lines that stand once in each text
(Cohen's patience diff), and between the cuts the fewest edits are looked for (Myers 1986). Where that would take too
many edits or too many comparisons, all lines of a gap count as replaced: longer to read, and as true.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WORK = 5_000_000
"""Comparisons for all gaps together: a third of a second. 20,000 lines of two kinds with 60 edits take 600,000."""
MOST_EDITS = 500
"""In one gap; the way there is kept in memory, a square of it: about 8 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Lines `old` to before `old_end` of one text that `new` to before `new_end` of the other stand for."""

    old: int
    old_end: int
    new: int
    new_end: int


def edits(
    old: Sequence[str], new: Sequence[str], *, work: int = WORK, most_edits: int = MOST_EDITS
) -> tuple[Edit, ...]:
    """Return what makes the new text of the old one, in order; the lines between two edits are the same."""
    found: list[Edit] = []
    old_at = new_at = 0
    blocks = [block for block in _Search(old, new, work, most_edits).blocks() if block.size]
    for block in [*blocks, _Block(old=len(old), new=len(new), size=0)]:
        if block.old > old_at or block.new > new_at:
            found.append(Edit(old=old_at, old_end=block.old, new=new_at, new_end=block.new))
        old_at, new_at = block.old + block.size, block.new + block.size
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Lines that both texts have, from these places on."""

    old: int
    new: int
    size: int


class _Search:
    """One comparison of two texts, and the work that is left for it."""

    def __init__(self, old: Sequence[str], new: Sequence[str], work: int, most_edits: int) -> None:
        self._old = old
        self._new = new
        self._work = work
        self._most_edits = most_edits

    def blocks(self) -> Iterator[_Block]:
        """Yield blocks in order; they may touch, and be empty."""
        whole = Edit(old=0, old_end=len(self._old), new=0, new_end=len(self._new))
        head, gap, tail = self._trimmed(whole)
        yield head
        old, new = gap.old, gap.new
        for cut_old, cut_new in self._cuts(gap):
            yield from self._between(Edit(old=old, old_end=cut_old, new=new, new_end=cut_new))
            yield _Block(old=cut_old, new=cut_new, size=1)
            old, new = cut_old + 1, cut_new + 1
        yield from self._between(Edit(old=old, old_end=gap.old_end, new=new, new_end=gap.new_end))
        yield tail

    def _trimmed(self, gap: Edit) -> tuple[_Block, Edit, _Block]:
        """Return what a gap begins with in both texts, what is left of it, and what it ends with."""
        most = min(gap.old_end - gap.old, gap.new_end - gap.new)
        head = self._slide(gap.old, gap.new, gap)
        tail = 0
        while tail < most - head and self._old[gap.old_end - tail - 1] == self._new[gap.new_end - tail - 1]:
            tail += 1
        inner = Edit(old=gap.old + head, old_end=gap.old_end - tail, new=gap.new + head, new_end=gap.new_end - tail)
        return (
            _Block(old=gap.old, new=gap.new, size=head),
            inner,
            _Block(old=inner.old_end, new=inner.new_end, size=tail),
        )

    def _slide(self, old: int, new: int, gap: Edit) -> int:
        """Return how many lines are the same from these places on."""
        start = old
        while old < gap.old_end and new < gap.new_end and self._old[old] == self._new[new]:
            old, new = old + 1, new + 1
        return old - start

    def _cuts(self, gap: Edit) -> list[tuple[int, int]]:
        """Return where lines stand that each text has once, as many as keep their order."""
        old, new = self._old[gap.old : gap.old_end], self._new[gap.new : gap.new_end]
        # Because a line that stands elsewhere too is no sure sign, also what was taken off at both ends counts.
        old_count, new_count = Counter(self._old), Counter(self._new)
        places = {line: at for at, line in enumerate(new, gap.new) if new_count[line] == 1}
        pairs = [(at, places[line]) for at, line in enumerate(old, gap.old) if old_count[line] == 1 and line in places]
        return _rising(pairs)

    def _between(self, gap: Edit) -> Iterator[_Block]:
        head, inner, tail = self._trimmed(gap)
        yield head
        if inner.old < inner.old_end and inner.new < inner.new_end:
            yield from self._fewest(inner)
        yield tail

    def _fewest(self, gap: Edit) -> list[_Block]:
        """Return the blocks that leave the fewest edits; none if finding them would be too much work.

        As in Myers' paper, diagonal k has the places where old - new = k, and a step says how far in the old text each
        diagonal is reached with one edit more than the step before.
        """
        height, width = gap.old_end - gap.old, gap.new_end - gap.new
        steps = [{1: 0}]
        for edits in range(self._most_edits + 1):
            reached: dict[int, int] = {}
            # Because diagonals further out lie beside the texts.
            lowest, highest = 2 * max(0, edits - width) - edits, edits - 2 * max(0, edits - height)
            for k in range(lowest, highest + 1, 2):
                start, _ = _entry(steps[-1], k)
                slid = self._slide(gap.old + start, gap.new + start - k, gap)
                self._work -= slid + 1
                if self._work < 0:
                    return []
                reached[k] = start + slid
                if reached[k] >= height and reached[k] - k >= width:
                    return _way(steps, reached[k], k, gap)
            steps.append(reached)
        return []


def _entry(step: dict[int, int], k: int) -> tuple[int, int]:
    """Return where an edit enters a diagonal, and which one it comes from: the one above by an insertion, the one
    below by a deletion."""
    inserted, deleted = step.get(k + 1, -1), step.get(k - 1, -1) + 1
    return (inserted, k + 1) if inserted >= deleted else (deleted, k - 1)


def _way(steps: Sequence[dict[int, int]], end: int, k: int, gap: Edit) -> list[_Block]:
    """Return the blocks on the way to the end of both texts, going back one edit at a time."""
    blocks: list[_Block] = []
    for step in reversed(steps):
        start, before = _entry(step, k)
        blocks.append(_Block(old=gap.old + start, new=gap.new + start - k, size=end - start))
        k, end = before, step[before]
    return blocks[::-1]


def _rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return as many pairs as can stay if both parts are to rise; the first parts rise already."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for at, (_, new) in enumerate(pairs):
        length = bisect_left(ends, new)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [new]
        last[length : length + 1] = [at]
    run: list[tuple[int, int]] = []
    at = last[-1] if last else -1
    while at >= 0:
        run.append(pairs[at])
        at = before[at]
    return run[::-1]
