"""Asking whoever sits at the terminal whether something is to be written."""

import sys

from strangler.errors import UsageError


def agrees() -> bool:
    """Return whether the answer is yes; raises UsageError where nobody can be asked."""
    # Because the change is to be seen before anybody is asked, or told that nobody can be.
    sys.stdout.flush()
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here, so nothing was written. Add --yes to write it.")
    try:
        return input("Write it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False
