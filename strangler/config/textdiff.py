"""What an edit changes, as `diff -u` shows it and `patch` takes it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from strangler.core.linediff import Edit, edits

CONTEXT = 3
"""Lines around a change, as `diff -u` has it."""


def unified(before: str, after: str, file: Path) -> Iterator[str]:
    """Yield the lines of a unified diff, without line breaks; none for the same text.

    The work is bounded: where the texts differ too much, a hunk has more lines than it needs.
    """
    old, new = _lines(before), _lines(after)
    for number, hunk in enumerate(_hunks(edits(old, new))):
        if not number:
            yield from (f"--- {file}", f"+++ {file}")
        for line in _shown(hunk, old, new):
            yield line.removesuffix("\n")
            if not line.endswith("\n"):
                yield "\\ No newline at end of file"


def _lines(text: str) -> list[str]:
    r"""Return the lines with their breaks; `\n` alone ends one, as for `patch`."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop().removesuffix("\n")
    return [*lines, last] if last else lines


def _hunks(several: Sequence[Edit]) -> Iterator[list[Edit]]:
    """Yield the edits that stand so close that the lines around them meet."""
    hunk: list[Edit] = []
    for edit in several:
        if hunk and edit.old - hunk[-1].old_end > 2 * CONTEXT:
            yield hunk
            hunk = []
        hunk.append(edit)
    if hunk:
        yield hunk


def _shown(hunk: Sequence[Edit], old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    first, last = hunk[0], hunk[-1]
    before, after = min(first.old, CONTEXT), min(len(old) - last.old_end, CONTEXT)
    of_old = _span(first.old - before, last.old_end + after)
    of_new = _span(first.new - before, last.new_end + after)
    yield f"@@ -{of_old} +{of_new} @@\n"
    at = first.old - before
    for edit in hunk:
        yield from (f" {line}" for line in old[at : edit.old])
        yield from (f"-{line}" for line in old[edit.old : edit.old_end])
        yield from (f"+{line}" for line in new[edit.new : edit.new_end])
        at = edit.old_end
    yield from (f" {line}" for line in old[at : at + after])


def _span(start: int, end: int) -> str:
    """Return lines from `start`, counted from 0, to before `end` as a hunk's head has them."""
    if end - start == 1:
        return f"{end}"
    # Because no line has a number then, the one before is named.
    return f"{start + (end > start)},{end - start}"
