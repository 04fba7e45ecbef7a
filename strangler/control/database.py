"""Database: the one SQLite file of a state directory, opened with care, written in whole transactions."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from strangler.control.lock import StateLock
from strangler.control.migrations import STEPS
from strangler.errors import StoreDamagedError, StoreError

BUSY_S = 5.0
"""How long a start waits for somebody who has the file with a tool of their own. SQLite's module's default."""
BUSY_MS = 50
"""How long a running proxy does. Because nothing else is served meanwhile, it is short: guards are written again, and
whoever changes a flag is told."""


@contextmanager
def open_to_read(state_dir: Path) -> Iterator[sqlite3.Connection]:
    """Give a store for reading beside whoever uses it; without the lock, so that no start is refused meanwhile."""
    path = state_dir / "state.db"
    with _translated("read", path):
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S, isolation_level=None)
        with closing(db):
            _check_release(db, path)
            yield db


class Database:
    """The state file of one control process. Short, synchronous calls, from one thread."""

    def __init__(self, state_dir: Path, *, in_memory: bool = False) -> None:
        """Open `state.db` in the directory, and make what is missing; `in_memory` leaves the file alone.

        Raises UsageError if the directory cannot be used or another process has it, StoreDamagedError if the file is
        damaged, and StoreError if it is of a newer release or cannot be opened; then nothing in it is changed.
        """
        self.path = state_dir / "state.db"
        self.is_in_memory = in_memory
        self._lock = StateLock(state_dir)
        try:
            self.connection = self._open(in_memory=in_memory)
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Close the file and let another process use the directory."""
        self.connection.close()
        self._lock.release()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for reading; what goes wrong is a StoreError."""
        with _translated("read", self.path):
            yield self.connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for one transaction, which is on the disk at the end, or had no effect."""
        with _translated("write", self.path), self.connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    def _open(self, *, in_memory: bool) -> sqlite3.Connection:
        with _translated("open", self.path):
            if not in_memory:
                # Because flags may name people, nobody but the owner reads the file; SQLite's own files inherit its
                # mode.
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            where = ":memory:" if in_memory else self.path
            db = sqlite3.connect(where, timeout=BUSY_S, isolation_level=None)
            try:
                self._prepare(db)
                db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            except BaseException:
                db.close()
                raise
            return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        found = [row[0] for row in db.execute("PRAGMA quick_check(1)")]
        if found != ["ok"]:
            raise sqlite3.DatabaseError("; ".join(map(str, found)))
        version = _check_release(db, self.path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        for number in range(version, len(STEPS)):
            db.executescript(f"BEGIN IMMEDIATE;{STEPS[number]};PRAGMA user_version = {number + 1};COMMIT;")


def _check_release(db: sqlite3.Connection, path: Path) -> int:
    """Return the schema's version; a newer release's is refused."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(STEPS):
        raise StoreError(
            f"state store {path} has schema {version}; this release knows up to {len(STEPS)}. "
            "Run the release that made it, or name another directory with --state-dir"
        )
    return int(version)


@contextmanager
def _translated(what: str, path: Path) -> Iterator[None]:
    """Turn SQLite's and the system's errors into ours."""
    try:
        yield
    except (sqlite3.Error, OSError, ValueError) as error:
        if _is_damage(error):
            remedy = "It is left as it is: restore a backup of it, or move it away to start with an empty one"
            raise StoreDamagedError(f"cannot {what} state store {path}: {error}. {remedy}") from error
        remedy = "Make sure that the disk has room and this user may write there"
        raise StoreError(f"cannot {what} state store {path}: {error}. {remedy}") from error


def _is_damage(error: Exception) -> bool:
    """Return whether the file's content is at fault, and not the disk or its permissions."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "SQLITE_CORRUPT") in ("SQLITE_CORRUPT", "SQLITE_NOTADB")
    return isinstance(error, ValueError)
