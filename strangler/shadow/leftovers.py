"""Leftovers: files that say nothing, because whoever made them was killed before they did or after they were needed."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from time import time

from strangler.core.writelog import SUFFIX
from strangler.shadow import marks
from strangler.vault.stream import DRAFT

OLD_S = 60.0
"""Since a draft was last written to. Because a log is a draft for a moment only, one of that age has no writer."""


def clear(folder: Path) -> None:
    """Delete drafts of logs that never became one, and marks whose log is gone."""
    for draft in folder.glob(f"*{SUFFIX}{DRAFT}"):
        with suppress(OSError):
            if time() - draft.stat().st_mtime > OLD_S and not _is_held(draft):
                draft.unlink()
    for marked in folder.glob(f"*{marks.SUFFIX}"):
        # Because a log is there before its marks are, and goes before them.
        if not marked.with_suffix(SUFFIX).exists():
            with suppress(OSError):
                marked.unlink()


def _is_held(path: Path) -> bool:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
