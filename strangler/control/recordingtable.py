"""The recordings table: reads and their answers, sealed; what stands beside them in the clear tells of none of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strangler.control import database
from strangler.control.database import Database
from strangler.control.journal import Deed, Journal
from strangler.core.selection import Kept

_COLUMNS = "route, id, shape, size, at, keep_until"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRow:
    """One row; with what is sealed where it was read for that."""

    route: str
    kept: Kept
    keep_until: float
    sealed: bytes = b""


def read_recordings(state_dir: Path, route: str) -> tuple[RecordingRow, ...]:
    """Return a route's rows from a store that somebody may be using; nothing is locked, made or changed.

    Raises StoreError if it cannot be read.
    """
    with database.open_to_read(state_dir) as db:
        rows = db.execute(f"SELECT {_COLUMNS}, sealed FROM recordings WHERE route = ? ORDER BY at, id", (route,))  # noqa: S608
        return tuple(map(_row, rows))


class RecordingTable:
    """Reads and writes recordings; what is written is on the disk when the call returns."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    def rows(self) -> tuple[RecordingRow, ...]:
        """Return every row without what is sealed. Raises StoreError."""
        with self._database.reading() as db:
            return tuple(map(_row, db.execute(f"SELECT {_COLUMNS} FROM recordings ORDER BY at, id")))  # noqa: S608

    def write(self, rows: Sequence[RecordingRow], gone: Sequence[tuple[str, str]]) -> None:
        """Delete the rows of these routes and ids, and keep others, all in one transaction. Raises StoreError."""
        with self._database.writing() as db:
            db.executemany("DELETE FROM recordings WHERE route = ? AND id = ?", gone)
            db.executemany(
                f"INSERT OR REPLACE INTO recordings ({_COLUMNS}, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                [
                    (row.route, row.kept.id, row.kept.shape, row.kept.size, row.kept.at, row.keep_until, row.sealed)
                    for row in rows
                ],
            )

    def forget(self, route: str, deed: Deed) -> None:
        """Delete a route's rows and record the deed, in one transaction. Raises StoreError."""
        with self._database.writing() as db:
            db.execute("DELETE FROM recordings WHERE route = ?", (route,))
            row = self._journal.add(db, deed)
        self._journal.confirm((row,))


def _row(row: tuple[Any, ...]) -> RecordingRow:
    route, name, shape, size, at, keep_until, *sealed = row
    kept = Kept(id=name, shape=shape, size=size, at=at)
    return RecordingRow(route=route, kept=kept, keep_until=keep_until, sealed=sealed[0] if sealed else b"")
