"""What an edit changes, as `diff -u` shows it and `patch` takes it."""

import difflib
from collections.abc import Iterator
from pathlib import Path


def unified(before: str, after: str, file: Path) -> Iterator[str]:
    """Yield the lines of a unified diff, without line breaks."""
    old, new = before.split("\n"), after.split("\n")
    ends = [lines.pop() if not lines[-1] else None for lines in (old, new)]
    for line in difflib.unified_diff(_ended(old, ends[0]), _ended(new, ends[1]), str(file), str(file)):
        body = line.removesuffix("\n")
        yield body if line.endswith("\n") else f"{body}\n\\ No newline at end of file"


def _ended(lines: list[str], end: str | None) -> list[str]:
    whole = [f"{line}\n" for line in lines]
    if end is None:
        whole[-1] = lines[-1]
    return whole
