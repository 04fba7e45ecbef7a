"""Store: what control must not forget, in one SQLite file with one writer.

Every write is on the disk when its call returns. Nothing in it is needed to serve a request, so a store that fails
stops changes and not traffic.
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strangler.control.lock import StateLock
from strangler.control.migrations import STEPS
from strangler.errors import StoreError

BUSY_S = 5.0
"""How long to wait for somebody who reads the file with a tool of their own. SQLite's module's default."""
CACHES_KEPT = 4
"""Flag documents of other services, keys or environments: a way back after a wrong key, and a bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of the record of changes."""

    id: int
    at: float
    """Seconds since the epoch."""
    who: str
    what: str
    subject: str
    """The flag's key."""
    before: str | None
    """The JSON document that was replaced; None if there was none."""
    after: str | None


class Store:
    """The state store of one control process. Short, synchronous calls, from one thread."""

    def __init__(self, state_dir: Path) -> None:
        """Open `state.db` in the directory, and make what is missing.

        Raises UsageError if the directory cannot be used or another process has it, and StoreError if the file is
        damaged or of a newer release; then nothing in it is changed.
        """
        self._path = state_dir / "state.db"
        self._lock = StateLock(state_dir)
        try:
            self._db = self._open()
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Close the file and let another process use the directory."""
        self._db.close()
        self._lock.release()

    def flags(self) -> dict[str, dict[str, Any]]:
        """Return every flag by its key, in LaunchDarkly's format."""
        with self._translated("read"):
            rows = self._db.execute("SELECT key, document FROM flags ORDER BY key").fetchall()
            return {key: json.loads(document) for key, document in rows}

    def write_flag(self, flag: dict[str, Any], *, by: str, what: str, at: float) -> None:
        """Keep a flag in place of the one with its key, and record who changed what."""
        key, document = flag["key"], json.dumps(flag, separators=(",", ":"))
        with self._translated("write"), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            found = self._db.execute("SELECT document FROM flags WHERE key = ?", (key,)).fetchone()
            self._db.execute(
                "INSERT INTO flags (key, document, version, updated_at, updated_by) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET document = excluded.document, version = excluded.version, "
                "updated_at = excluded.updated_at, updated_by = excluded.updated_by",
                (key, document, flag["version"], at, by),
            )
            self._db.execute(
                "INSERT INTO changes (at, who, what, subject, before, after) VALUES (?, ?, ?, ?, ?, ?)",
                (at, by, what, key, found[0] if found else None, document),
            )

    def changes(self, *, limit: int = 100) -> tuple[Change, ...]:
        """Return the latest changes, newest first."""
        with self._translated("read"):
            rows = self._db.execute(
                "SELECT id, at, who, what, subject, before, after FROM changes ORDER BY id DESC LIMIT ?", (limit,)
            ).fetchall()
        names = ("id", "at", "who", "what", "subject", "before", "after")
        return tuple(Change(**dict(zip(names, row, strict=True))) for row in rows)

    def cached(self, fingerprint: str) -> bytes | None:
        """Return the flag document last kept under this fingerprint."""
        with self._translated("read"):
            row = self._db.execute("SELECT document FROM flag_cache WHERE fingerprint = ?", (fingerprint,)).fetchone()
        return None if row is None else bytes(row[0])

    def cache(self, fingerprint: str, document: bytes, *, at: float) -> None:
        """Keep a flag document in place of the one with its fingerprint."""
        with self._translated("write"), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "INSERT INTO flag_cache (fingerprint, document, updated_at) VALUES (?, ?, ?) "
                "ON CONFLICT (fingerprint) DO UPDATE SET document = excluded.document, "
                "updated_at = excluded.updated_at",
                (fingerprint, document, at),
            )
            # Because each key that was rotated away would leave a document behind. The clock may have gone back since
            # the others were written, so the new one is not judged by it.
            self._db.execute(
                "DELETE FROM flag_cache WHERE fingerprint != ? AND fingerprint NOT IN "
                "(SELECT fingerprint FROM flag_cache ORDER BY updated_at DESC LIMIT ?)",
                (fingerprint, CACHES_KEPT),
            )

    def _open(self) -> sqlite3.Connection:
        with self._translated("open"):
            # Because flags may name people, nobody but the owner reads the file; SQLite's own files inherit its mode.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            db = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
            try:
                self._prepare(db)
            except BaseException:
                db.close()
                raise
            return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        found = [row[0] for row in db.execute("PRAGMA quick_check(1)")]
        if found != ["ok"]:
            raise sqlite3.DatabaseError("; ".join(map(str, found)))
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > len(STEPS):
            raise StoreError(
                f"state store {self._path} has schema {version}; this release knows up to {len(STEPS)}. "
                "Run the release that made it, or name another directory with --state-dir"
            )
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        for number in range(version, len(STEPS)):
            db.executescript(f"BEGIN IMMEDIATE;{STEPS[number]};PRAGMA user_version = {number + 1};COMMIT;")

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        """Turn SQLite's and the system's errors into ours."""
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            if _is_damage(error):
                remedy = "It is left as it is: restore a backup of it, or move it away to start with an empty one"
            else:
                remedy = "Make sure that the disk has room and this user may write there"
            raise StoreError(f"cannot {what} state store {self._path}: {error}. {remedy}") from error


def _is_damage(error: Exception) -> bool:
    """Return whether the file's content is at fault, and not the disk or its permissions."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "SQLITE_CORRUPT") in ("SQLITE_CORRUPT", "SQLITE_NOTADB")
    return isinstance(error, ValueError)
