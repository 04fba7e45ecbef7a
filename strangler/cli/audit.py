"""`strangler audit`: read and check the audit log, from the state directory itself; nothing has to run for it."""

import argparse
import json
import sqlite3
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from strangler.cli import exits, options
from strangler.cli.outlet import say
from strangler.cli.status import table
from strangler.errors import StoreError, UsageError


def add(commands: Any, epilog: str) -> None:
    """Add the command and its own."""
    parser = commands.add_parser(
        "audit",
        help="read and check the audit log",
        description="Read and check the record of every trip, reset, flag change, reload and override.",
        epilog=epilog,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    listing = _action(actions, epilog, "list", "show the latest entries, newest first")
    listing.add_argument("--limit", type=int, default=20, metavar="N", help="how many (default: 20)")
    listing.add_argument("--json", action="store_true", help="print JSON, with before, after and evidence")
    listing.set_defaults(run=_list)

    broken = exits.codes({1: "an entry is not as it was written, or the log cannot be read"})
    checking = _action(actions, broken, "verify", "check that no entry was changed, taken out or moved")
    checking.add_argument("--head", type=_head, metavar="SEQ:HASH", help="an entry that you wrote down elsewhere")
    checking.add_argument("--json", action="store_true", help="print JSON")
    checking.set_defaults(run=_verify)

    export = _action(actions, epilog, "export", "print the whole log, one JSON object a line, oldest first")
    export.set_defaults(run=_export)


def _action(actions: Any, epilog: str, name: str, about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=about, epilog=epilog, allow_abbrev=False)
    options.add_file(parser)
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help="the state directory (default: the file's)")
    return parser


def _list(given: argparse.Namespace) -> int:
    # Because these imports take longer than all other commands need.
    from strangler.control import journal

    with _opened(given) as (db, _):
        rows = list(journal.every(db))[-max(given.limit, 1) :]
    if given.json:
        from strangler.control.guarddesk import row_as_shown

        print(json.dumps({"rows": [row_as_shown(row) for row in reversed(rows)]}, indent=2))
        return 0
    entries = [row.entry for row in reversed(rows)]
    for line in table(
        ("SEQ", "TIME", "WHO", "WHAT", "SUBJECT", "WHY"),
        [(str(e.seq), _time(e.at), _plain(e.who), e.what.value, _plain(e.subject), _plain(e.why)) for e in entries],
    ):
        say(line)
    return 0


def _verify(given: argparse.Namespace) -> int:
    from strangler.control import journal
    from strangler.core.audit import BreakKind, first_break

    with _opened(given) as (db, anchor):
        count, broken = journal.verify(db, anchor)
        if given.head is not None and (broken is None or broken.kind is BreakKind.UNANCHORED):
            broken = first_break(journal.every(db), given.head)
        last = next(iter(deque(journal.every(db), maxlen=1)), None) if broken is None else None
    if given.json:
        whole = {"entries": count, "is_whole": broken is None}
        head = None if last is None else {"seq": last.entry.seq, "hash": last.hash}
        at = None if broken is None else {"seq": broken.seq, "kind": broken.kind.value}
        print(json.dumps({**whole, "head": head, "broken": at}, indent=2))
        return 0 if broken is None else 1
    if broken is not None:
        print(f"strangler: the audit log is broken at entry {broken.seq}: {broken.kind.value}.", file=sys.stderr)
        return 1
    known = "" if last is None else f"; head {last.entry.seq}:{last.hash}"
    print(f"{count} entries, whole{known}")
    return 0


def _export(given: argparse.Namespace) -> int:
    from strangler.control import journal
    from strangler.control.guarddesk import row_as_shown

    with _opened(given) as (db, _):
        for row in journal.every(db):
            print(json.dumps(row_as_shown(row)))
    return 0


@contextmanager
def _opened(given: argparse.Namespace) -> Iterator[tuple[sqlite3.Connection, Path]]:
    """Give the store of a state directory for reading, beside whoever runs on it, and where its anchor is."""
    from strangler.control.journal import ANCHOR_FILE

    state_dir = options.state_dir(given)
    path = state_dir / "state.db"
    if not path.is_file():
        raise UsageError(f"there is no state store at {path}, so nothing has run there. Name another with --state-dir.")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            yield db, state_dir / ANCHOR_FILE
    except (sqlite3.Error, ValueError) as error:
        raise StoreError(f"the audit log in {path} cannot be read: {error}") from error


def _head(text: str) -> tuple[int, str]:
    seq, colon, found = text.partition(":")
    if not colon or not seq.isdigit() or len(found) != 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not SEQ:HASH as `audit verify` prints it")
    return int(seq), found


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}Z"


def _plain(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)
