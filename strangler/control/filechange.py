"""A change of the routes file: written whole and on record, or not made; its record has one form, whoever makes it.

The audit log has the file's digests, and what differs with its secrets masked: viewers read it, and nobody can delete
it.
"""

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from strangler.config.masking import Masker
from strangler.config.replacing import replace_file
from strangler.config.textdiff import unified
from strangler.control.journal import Deed, Journal, as_text
from strangler.core.audit import ROUTES, Action
from strangler.errors import EditError, StoreError

MOST_DIFF = 32 * 1024
"""Characters of a difference that the audit log keeps; the whole one is in the answer."""


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
        evidence=as_text({"diff": "\n".join(masked)[:MOST_DIFF]}),
    )
    try:
        journal.record(deed)
    except StoreError:
        # Because nothing is changed that is not on record; whoever wrote it since then is left alone.
        with suppress(EditError):
            replace_file(file, before=after, after=before)
        raise
