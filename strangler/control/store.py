"""Store: what control must not forget, in one SQLite file with one writer.

Every write is on the disk when its call returns. Nothing in it is needed to serve a request, so a store that fails
stops changes and not traffic.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

from strangler.control import database
from strangler.control.database import Database
from strangler.control.discoverytable import DiscoveryTable
from strangler.control.divergencetable import DivergenceTable
from strangler.control.findingstable import FindingsTable
from strangler.control.guardtable import GuardTable, Kept, guards_in, is_killed_in
from strangler.control.journal import Deed, Journal
from strangler.control.recordingtable import RecordingTable
from strangler.control.tokentable import TokenTable
from strangler.core.audit import Action

CACHES_KEPT = 4
"""Flag documents of other services, keys or environments: a way back after a wrong key, and a bound."""


def read_flags(state_dir: Path) -> dict[str, dict[str, Any]]:
    """Return the flags of a store that somebody may be using: nothing is locked, made or changed.

    Raises StoreError if it cannot be read.
    """
    with database.open_to_read(state_dir) as db:
        return _flags(db)


def read_guards(state_dir: Path) -> tuple[dict[str, Kept], bool]:
    """Return every route's guard, and whether the kill switch is on, as `read_flags` does. Raises StoreError."""
    with database.open_to_read(state_dir) as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'guards'").fetchone() is None:
            # Because a former release, which knew no guards, left the store behind.
            return {}, False
        return guards_in(db), is_killed_in(db)


class Store:
    """The state store of one control process. Short, synchronous calls, from one thread."""

    def __init__(self, state_dir: Path, *, in_memory: bool = False) -> None:
        """Open the store in the directory, and make what is missing; `in_memory` leaves the directory's file alone.

        Raises UsageError if the directory cannot be used or another process has it, StoreDamagedError if the file is
        damaged, and StoreError if it is of a newer release or cannot be opened; then nothing in it is changed.
        """
        self._database = Database(state_dir, in_memory=in_memory)
        self.journal = Journal(self._database)
        self.guards = GuardTable(self._database, self.journal)
        self.tokens = TokenTable(self._database, self.journal)
        self.findings = FindingsTable(self._database, self.journal)
        self.recordings = RecordingTable(self._database, self.journal)
        self.discovery = DiscoveryTable(self._database)
        self.divergences = DivergenceTable(self._database, self.journal)

    def close(self) -> None:
        """Close the file and let another process use the directory."""
        self._database.close()

    def flags(self) -> dict[str, dict[str, Any]]:
        """Return every flag by its key, in LaunchDarkly's format."""
        with self._database.reading() as db:
            return _flags(db)

    def write_flag(self, flag: dict[str, Any], *, by: str, what: str, at: float) -> None:
        """Keep a flag in place of the one with its key, and record who changed what."""
        key, document = flag["key"], json.dumps(flag, separators=(",", ":"))
        with self._database.writing() as db:
            found = db.execute("SELECT document FROM flags WHERE key = ?", (key,)).fetchone()
            db.execute(
                "INSERT INTO flags (key, document, version, updated_at, updated_by) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET document = excluded.document, version = excluded.version, "
                "updated_at = excluded.updated_at, updated_by = excluded.updated_by",
                (key, document, flag["version"], at, by),
            )
            before = found[0] if found else None
            row = self.journal.add(
                db, Deed(at=at, who=by, what=Action.FLAG, subject=key, why=what, before=before, after=document)
            )
        self.journal.confirm((row,))

    def delete_flag(self, key: str, *, by: str, what: str, at: float) -> None:
        """Keep a flag no longer, and record who deleted it, with what it was."""
        with self._database.writing() as db:
            found = db.execute("DELETE FROM flags WHERE key = ? RETURNING document", (key,)).fetchone()
            before = found[0] if found else None
            row = self.journal.add(db, Deed(at=at, who=by, what=Action.FLAG, subject=key, why=what, before=before))
        self.journal.confirm((row,))

    def cached(self, fingerprint: str) -> bytes | None:
        """Return the flag document last kept under this fingerprint."""
        with self._database.reading() as db:
            row = db.execute("SELECT document FROM flag_cache WHERE fingerprint = ?", (fingerprint,)).fetchone()
        return None if row is None else bytes(row[0])

    def cache(self, fingerprint: str, document: bytes, *, at: float) -> None:
        """Keep a flag document in place of the one with its fingerprint."""
        with self._database.writing() as db:
            db.execute(
                "INSERT INTO flag_cache (fingerprint, document, updated_at) VALUES (?, ?, ?) "
                "ON CONFLICT (fingerprint) DO UPDATE SET document = excluded.document, "
                "updated_at = excluded.updated_at",
                (fingerprint, document, at),
            )
            # Because each key that was rotated away would leave a document behind. The clock may have gone back since
            # the others were written, so the new one is not judged by it.
            db.execute(
                "DELETE FROM flag_cache WHERE fingerprint != ? AND fingerprint NOT IN "
                "(SELECT fingerprint FROM flag_cache ORDER BY updated_at DESC LIMIT ?)",
                (fingerprint, CACHES_KEPT),
            )


def _flags(db: sqlite3.Connection) -> dict[str, dict[str, Any]]:
    rows = db.execute("SELECT key, document FROM flags ORDER BY key").fetchall()
    return {key: json.loads(document) for key, document in rows}
