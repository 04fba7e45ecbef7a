"""A change of the routes file: written whole and on record, or not made; its record has one form, whoever makes it.

The audit log has the file's digests, and what differs with its secrets masked: viewers read it, and nobody can delete
it.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from strangler.config.masking import MARK, Masker
from strangler.config.replacing import replace_file
from strangler.config.textdiff import unified
from strangler.control.journal import Deed, Journal, as_text
from strangler.core.audit import ROUTES, Action, Row
from strangler.errors import EditError, StoreError

MOST_DIFF = 32 * 1024
"""Characters of a difference that the audit log keeps; the whole one is in the answer."""


_MASKED = "is_masked"
"""In the evidence of a change whose difference was masked by the places of what is in it, before it was kept."""


def digest_of(data: bytes) -> str:
    """Return what stands for a file's content."""
    return sha256(data).hexdigest()


def difference(before: bytes, after: bytes, file: Path, *, is_whole: bool) -> tuple[str, ...]:
    """Return what differs, as `diff -u` shows it; with secrets masked unless it `is_whole`."""
    old, new = before.decode("utf-8", "replace"), after.decode("utf-8", "replace")
    if not is_whole:
        masker = Masker()
        old, new = masker.mask(old), masker.mask(new)
    return tuple(unified(old, new, file))


def change(
    journal: Journal,
    file: Path,
    *,
    before: bytes,
    after: bytes,
    masked: Sequence[str],
    at: float,
    who: str,
    why: str,
) -> None:
    """Put a file in the place of the one before, and record it with what differs, `masked`.

    Raises EditError if it cannot be written, and StoreError if that cannot be recorded; then the file is as it was.
    """
    replace_file(file, before=before, after=after)
    deed = Deed(
        at=at,
        who=who,
        what=Action.CONFIG,
        subject=ROUTES,
        why=why,
        before=as_text(digest_of(before)),
        after=as_text(digest_of(after)),
        evidence=as_text({"diff": "\n".join(masked)[:MOST_DIFF], _MASKED: True}),
    )
    try:
        journal.record(deed)
    except StoreError:
        # Because nothing is changed that is not on record; whoever wrote it since then is left alone.
        with suppress(EditError):
            replace_file(file, before=after, after=before)
        raise


def is_open(row: Row) -> bool:
    """Return whether a row of the audit log is of a change of the file that was kept before all of it was masked."""
    return row.entry.what is Action.CONFIG and f'"{_MASKED}":true' not in (row.entry.evidence or "")


def masked(row: Row) -> Row:
    """Return such a row with the secrets masked that stand in it; its hash is that of the row as it is kept."""
    entry = row.entry
    return replace(row, entry=replace(entry, after=_masked(entry.after), evidence=_masked(entry.evidence)))


def _masked(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        kept = json.loads(text)
    except ValueError:
        return Masker(begin=_next(text)).mask_difference(text)
    if isinstance(kept, str) and "\n" in kept:
        return as_text(Masker(begin=_next(kept)).mask_difference(kept))
    if isinstance(kept, dict) and isinstance(kept.get("diff"), str):
        return as_text({**kept, "diff": Masker(begin=_next(kept["diff"])).mask_difference(kept["diff"])})
    return text


def _next(text: str) -> int:
    """Return the number that comes after those of the marks in a text."""
    return max((int(found[0].strip("[]").split()[1]) for found in MARK.finditer(text)), default=0) + 1
