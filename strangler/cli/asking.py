"""Asking whoever sits at the terminal whether something is to be written, and writing it."""

import argparse
import json
import sys
from collections.abc import Iterable

from strangler.config.replacing import replace_file
from strangler.config.textdiff import unified
from strangler.errors import UsageError


def edit(given: argparse.Namespace, before: bytes, after: bytes, *, cautions: Iterable[str] = ()) -> bool:
    """Show what an edit changes in the routes file, ask unless that is answered already, and write it.

    With `--json` the change is one document, of what was written. Returns whether it was not declined; raises
    UsageError where nobody can be asked, and EditError.
    """
    diff = tuple(unified(before.decode(), after.decode(), given.config))
    for line in () if given.json else diff:
        print(line)
    told = list(cautions)
    for caution in told:
        print(f"caution: {caution}", file=sys.stderr, flush=True)
    if not given.yes and not _agrees(is_json=given.json):
        print("nothing was written")
        return False
    replace_file(given.config, before=before, after=after)
    if given.json:
        shown = {"file": str(given.config), "diff": diff, "cautions": told, "is_written": before != after}
        print(json.dumps(shown, indent=2))
    else:
        print(f"written: {given.config}; a proxy that runs with it takes it over by itself")
    return True


def _agrees(*, is_json: bool) -> bool:
    # Because the change is to be seen before anybody is asked, or told that nobody can be.
    sys.stdout.flush()
    # Because a question would stand in the middle of what a program reads.
    if is_json or not sys.stdin.isatty():
        raise UsageError("nobody can be asked here, so nothing was written. Add --yes to write it.")
    try:
        return input("Write it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False
