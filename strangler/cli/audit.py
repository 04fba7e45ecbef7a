"""`strangler audit`: read and check the audit log.

What runs is asked for the latest entries; where nothing does, and to check the log or to have all of it, the state
directory is read.
"""

import argparse
import json
import sqlite3
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from strangler.cli import admin, exits, options
from strangler.cli.outlet import say
from strangler.cli.status import table
from strangler.core.audit import OF_KIND, Action, Entry, Kind
from strangler.errors import AdminError, ConfigError, StoreError, UsageError

_FILTERS = ("what", "kind", "who", "route", "subject")
"""Options of `list` that the API has as parameters."""
_MOST_ROWS = 1_000
"""Of one answer of the API."""
_MOST = 10**9


def add(commands: Any, epilog: str) -> None:
    """Add the command and its own."""
    parser = commands.add_parser(
        "audit",
        help="read and check the audit log",
        description="Read and check the record of every trip, reset, flag change, reload and override.",
        epilog=epilog,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    about = "show the latest entries, newest first, of what runs or of its state directory"
    listing = actions.add_parser("list", help=about, epilog=epilog, allow_abbrev=False)
    options.add_admin(listing)
    listing.add_argument("--what", choices=tuple(map(str, Action)), metavar="WHAT", help="only what was done")
    listing.add_argument("--kind", choices=tuple(map(str, Kind)), metavar="KIND", help="only what is of this kind")
    listing.add_argument("--who", type=options.name, metavar="WHO", help="only what this caller did")
    about = "only what could have moved this route's traffic; needs what runs"
    listing.add_argument("--route", type=options.name, metavar="ROUTE", help=about)
    about = "only what was done to this flag, route or file"
    listing.add_argument("--subject", type=options.name, metavar="SUBJECT", help=about)
    listing.add_argument("--limit", type=_limit, default=20, metavar="N", help="how many, 1 or more (default: 20)")
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
    rows = _rows(given)
    if given.json:
        print(json.dumps({"rows": rows}, indent=2))
        return 0
    for line in table(
        ("SEQ", "TIME", "WHO", "WHAT", "SUBJECT", "WHY"),
        [(str(row["seq"]), _time(row["at"]), *(row[key] for key in ("who", "what", "subject", "why"))) for row in rows],
    ):
        say(line)
    return 0


def _rows(given: argparse.Namespace) -> Sequence[Mapping[str, Any]]:
    """Return the entries that are asked for, of what runs or, where nothing does, of the state directory."""
    try:
        return _asked(given, admin.find(given))
    except admin.NothingRunsError as error:
        # Because whoever names an address means what is there, and no directory.
        if given.admin is not None:
            raise
        if given.route is not None:
            raise AdminError(
                f"{str(error).removesuffix('.')}. Which flags moved a route is known of what runs alone: "
                "--subject does without."
            ) from error
    except ConfigError:
        # Because a file with faults, of which nothing runs, still tells where the state is.
        if given.route is not None:
            raise
    return _kept(given)


def _asked(given: argparse.Namespace, running: admin.Admin) -> Sequence[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    query = {name: value for name in _FILTERS if (value := getattr(given, name)) is not None}
    before: int | None = None
    while len(rows) < given.limit:
        page = query | {"limit": min(given.limit - len(rows), _MOST_ROWS)} | ({"before": before} if before else {})
        answer = running.ask("GET", f"/api/v1/audit?{urlencode(page)}")
        rows += answer["rows"]
        before = answer["next"]
        if before is None:
            break
    return rows


def _kept(given: argparse.Namespace) -> Sequence[Mapping[str, Any]]:
    # Because these imports take longer than all other commands need.
    from strangler.control import journal
    from strangler.control.guarddesk import row_as_shown

    with _opened(given) as (db, _):
        latest = deque((row for row in journal.every(db) if _is_meant(given, row.entry)), maxlen=given.limit)
    return [row_as_shown(row) for row in reversed(latest)]


def _is_meant(given: argparse.Namespace, entry: Entry) -> bool:
    return (
        given.what in (None, entry.what)
        and (given.kind is None or entry.what in OF_KIND[Kind(given.kind)])
        and given.who in (None, entry.who)
        and given.subject in (None, entry.subject)
    )


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


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of entries: it is 1 or more")
    return min(int(text), _MOST)


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}Z"
