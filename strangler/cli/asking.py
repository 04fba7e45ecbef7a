"""Asking whoever sits at the terminal whether something is to be written, and writing it."""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from strangler.cli.changing import NOTHING
from strangler.cli.onrecord import OnRecord
from strangler.cli.outlet import say
from strangler.config.replacing import check_replaceable, replace_file
from strangler.config.textdiff import unified
from strangler.errors import UsageError


def edit(
    given: argparse.Namespace,
    before: bytes,
    after: bytes,
    *,
    change: OnRecord | None = None,
    cautions: Iterable[str] = (),
) -> bool:
    """Show what an edit changes in the routes file, ask unless that is answered already, and write it.

    It is written by the instance if that is to make the `change`, and else here, where it is on no audit log. With
    `--json` the change is one document, of what was written. With `--dry-run` nobody is asked and nothing is written.
    Returns whether it was not declined; raises UsageError where nobody can be asked, EditError, and AdminError.
    """
    diff = tuple(unified(before.decode(), after.decode(), given.config))
    for line in () if given.json else diff:
        say(line)
    told = list(cautions)
    for caution in told:
        print(f"caution: {caution}", file=sys.stderr, flush=True)
    if given.dry_run:
        if change is None:
            check_replaceable(given.config)
    elif not given.yes and not _agrees(is_json=given.json):
        print("nothing was written")
        return False
    elif change is None:
        replace_file(given.config, before=before, after=after)
    else:
        change.make()
    if given.json:
        print(json.dumps(edited(given, diff, told, is_written=before != after), indent=2))
    elif given.dry_run:
        print(NOTHING)
    else:
        how = "a proxy that runs with it takes it over by itself" if change is None else "it is on the audit log"
        print(f"written: {given.config}; {how}")
    return True


def edited(
    given: argparse.Namespace, diff: Sequence[str] = (), cautions: Sequence[str] = (), *, is_written: bool = False
) -> Mapping[str, Any]:
    """Return an edit of the routes file as JSON; of a dry run, which writes nothing."""
    shown = {"file": str(given.config), "diff": diff, "cautions": cautions}
    return {"dry_run": True, **shown, "is_written": False} if given.dry_run else {**shown, "is_written": is_written}


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
