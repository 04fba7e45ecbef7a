"""The journal: the audit log in the state store. Rows are only ever added, each sealed with the hash of the one before.

The number and hash of the last row are also kept in a file beside the store, so that a log whose end was cut off is
found. Who must rule out an intruder with the same rights keeps them elsewhere too: each row's hash is in the log.
"""

import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from strangler.control.database import Database
from strangler.core.audit import GENESIS, OF_KIND, Action, Break, BreakKind, Entry, Kind, Row, first_break, seal
from strangler.errors import MalformedRowError

ANCHOR_FILE = "audit.anchor"
MOST_LOOKED = 5_000
"""Rows that one question looks at for those that it is about: some ten milliseconds, of a loop that has guards to
judge by."""
MOST_BYTES = 1_048_576
"""Of rows in one answer, as large as the largest routes file."""
_COLUMNS = "seq, at, who, what, subject, why, before, after, evidence, prev, hash"

LOG = logging.getLogger(__name__)
_OFF = "false"
"""The kill switch's value after its release, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What is to be recorded; the journal adds number and hash."""

    at: float
    who: str
    what: Action
    subject: str
    why: str
    before: str | None = None
    after: str | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """An entry without what it weighs most: before, after and evidence."""

    seq: int
    at: float
    who: str
    what: str
    subject: str
    why: str
    is_release: bool = False
    """Whether the kill switch was released by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of the audit log, newest first."""

    rows: tuple[Row, ...]
    next: int | None
    """Before which number the next part begins; None if there is none."""


class Journal:
    """The audit log of one state store."""

    def __init__(self, database: Database) -> None:
        self._watchers: list[Callable[[Headline], None]] = []
        self._database = database
        self._anchor = database.path.with_name(ANCHOR_FILE)

    def watch(self, on_row: Callable[[Headline], None]) -> None:
        """Call `on_row` for each row from now on, once it is kept."""
        self._watchers.append(on_row)

    def record(self, deed: Deed) -> Row:
        """Add a row in a transaction of its own. Raises StoreError; then nothing was added."""
        with self._database.writing() as db:
            row = self.add(db, deed)
        self.confirm((row,))
        return row

    def add(self, db: sqlite3.Connection, deed: Deed) -> Row:
        """Add a row within somebody's transaction; `confirm` it once that is through."""
        last = db.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        seq, prev = (last[0] + 1, last[1]) if last else (1, GENESIS)
        entry = Entry(seq=seq, **asdict(deed))
        row = Row(entry=entry, prev=prev, hash=seal(entry, prev))
        db.execute(
            f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 (constant names)
            (
                *(entry.seq, entry.at, entry.who, entry.what.value, entry.subject, entry.why),
                *(entry.before, entry.after, entry.evidence, row.prev, row.hash),
            ),
        )
        return row

    def confirm(self, rows: Sequence[Row]) -> None:
        """Move the anchor to the last of rows that are kept now, and tell the log of each."""
        if rows and not self._database.is_in_memory:
            # Because a log in memory stands in for a damaged one, the anchor of that stays as it is.
            self._move_anchor(rows[-1])
        for row in rows:
            entry = row.entry
            fields = {"seq": entry.seq, "who": entry.who, "what": entry.what.value, "subject": entry.subject}
            LOG.info("audit", extra={"fields": {**fields, "why": entry.why, "hash": row.hash}})
            for on_row in self._watchers:
                on_row(_headline(entry))

    def _move_anchor(self, row: Row) -> None:
        draft = self._anchor.with_suffix(".new")
        try:
            draft.touch(mode=0o600)
            with draft.open("w", encoding="ascii") as file:
                file.write(f"{row.entry.seq} {row.hash}\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._anchor)
        except OSError as error:
            # Because the row itself is kept, the change is not refused for this.
            LOG.warning("audit_anchor_failed", extra={"fields": {"why": str(error)}})

    def page(
        self,
        *,
        limit: int = 100,
        before: int | None = None,
        what: Action | None = None,
        subject: str | None = None,
        who: str | None = None,
        kind: Kind | None = None,
        among: Sequence[tuple[Action, str]] = (),
    ) -> Page:
        """Return the latest rows, newest first; only those with smaller numbers if `before` is given, and those that
        are about what is named. Of `among`, actions and their subjects, any will do.

        However many rows there are, at most MOST_LOOKED are looked at, and MOST_BYTES of them are read, one row at
        least; `Page.next` goes on behind them.
        """
        wanted = {"what = ?": what, "subject = ?": subject, "who = ?": who}
        given = {condition: value for condition, value in wanted.items() if value is not None}
        kinds = () if kind is None else OF_KIND[kind]
        conditions = [
            *given,
            *([f"what IN ({', '.join('?' * len(kinds))})"] if kinds else []),
            *([f"(what, subject) IN (VALUES {', '.join(['(?, ?)'] * len(among))})"] if among else []),
        ]
        pairs = [*kinds, *(value for pair in among for value in pair)]
        most = MOST_LOOKED if conditions else limit
        with self._database.reading() as db:
            looked = db.execute(
                f"SELECT seq, {' AND '.join(conditions) or '1'} FROM "  # noqa: S608 (constant names)
                "(SELECT seq, what, subject, who FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?)",
                (*given.values(), *pairs, 2**62 if before is None else before, most + 1),
            ).fetchall()
            fitting = [seq for seq, is_fitting in looked[:most] if is_fitting]
            rows = tuple(_of_size(_read(db, fitting[:limit]), MOST_BYTES))
        if len(rows) < len(fitting):
            return Page(rows=rows, next=rows[-1].entry.seq)
        return Page(rows=rows, next=looked[most - 1][0] if len(looked) > most else None)

    def counts(self, actions: Sequence[Action]) -> dict[str, int]:
        """Return how often any of these was done, by its subject. Raises StoreError."""
        with self._database.reading() as db:
            rows = db.execute(
                f"SELECT subject, count(*) FROM audit WHERE what IN ({', '.join('?' * len(actions))}) GROUP BY subject",  # noqa: S608
                actions,
            ).fetchall()
        return dict(rows)

    def headlines(self, *, since: float, after: int, limit: int) -> tuple[Headline, ...]:
        """Return the latest rows that are not older than `since` and numbered above `after`, newest first."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT seq, at, who, what, subject, why, what = ? AND after = ? FROM audit WHERE seq > ? "
                "ORDER BY seq DESC LIMIT ?",
                (Action.KILL.value, _OFF, after, limit),
            ).fetchall()
        found = (
            Headline(seq=seq, at=at, who=who, what=what, subject=subject, why=why, is_release=bool(is_release))
            for seq, at, who, what, subject, why, is_release in rows
        )
        # Because the clock may have been set, rows are in the order of their numbers, not of their times.
        return tuple(one for one in found if one.at >= since)

    def verify(self) -> tuple[int, Break | None]:
        """Return how many rows there are, and the first place where the log is not what was written."""
        return verify(self._database.connection, self._anchor)


def _read(db: sqlite3.Connection, numbers: Iterable[int]) -> Iterator[Row]:
    for number in numbers:
        yield _row(db.execute(f"SELECT {_COLUMNS} FROM audit WHERE seq = ?", (number,)).fetchone())  # noqa: S608


def _of_size(rows: Iterable[Row], most: int) -> Iterator[Row]:
    """Yield rows for as long as they have that many bytes at most together, but the first whatever it has."""
    size = 0
    for row in rows:
        entry = row.entry
        texts = (entry.why, entry.before, entry.after, entry.evidence)
        is_first = not size
        size += sum(len(text.encode("utf-8", "surrogatepass")) for text in texts if text)
        if size > most and not is_first:
            return
        yield row


def verify(db: sqlite3.Connection, anchor: Path) -> tuple[int, Break | None]:
    """Check a whole log against its anchor; works on any connection that reads a state store."""
    count = db.execute("SELECT count(*) FROM audit").fetchone()[0]
    head = read_anchor(anchor)
    try:
        broken = first_break(every(db), head)
    except MalformedRowError as error:
        return count, Break(seq=error.seq, kind=BreakKind.ALTERED)
    if broken is None and head is None and count:
        broken = Break(seq=count + 1, kind=BreakKind.UNANCHORED)
    return count, broken


def every(db: sqlite3.Connection) -> Iterator[Row]:
    """Yield every row in order. Raises MalformedRowError."""
    yield from map(_row, db.execute(f"SELECT {_COLUMNS} FROM audit ORDER BY seq"))  # noqa: S608


def read_anchor(path: Path) -> tuple[int, str] | None:
    """Return the number and hash that the anchor file holds; None if there is none that can be read."""
    try:
        seq, found = path.read_text(encoding="ascii").split()
        return int(seq), found
    except (OSError, ValueError):
        return None


def _row(found: tuple[object, ...]) -> Row:
    seq, at, who, what, subject, why, before, after, evidence, prev, hashed = found
    try:
        number, when, action = int(str(seq)), float(str(at)), Action(str(what))
    except ValueError as error:
        raise MalformedRowError(int(str(seq))) from error
    entry = Entry(
        seq=number,
        at=when,
        who=str(who),
        what=action,
        subject=str(subject),
        why=str(why),
        before=None if before is None else str(before),
        after=None if after is None else str(after),
        evidence=None if evidence is None else str(evidence),
    )
    return Row(entry=entry, prev=str(prev), hash=str(hashed))


def _headline(entry: Entry) -> Headline:
    return Headline(
        seq=entry.seq,
        at=entry.at,
        who=entry.who,
        what=entry.what.value,
        subject=entry.subject,
        why=entry.why,
        is_release=entry.what is Action.KILL and entry.after == _OFF,
    )


def as_text(value: Any) -> str:
    """Return a value as JSON, as a deed's before, after and evidence have it."""
    return msgspec.json.encode(value).decode()
