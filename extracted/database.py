"""A service's own database: a file that is made and seeded whole, or not at all.

Because every query here is an indexed look-up of tens of microseconds on a local file, it runs on the event
loop: handing it to a thread would cost more than the query, and one connection with no `await` inside a
transaction needs no lock.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1


class WrongVersionError(Exception):
    """The file was made by another version of this application."""


class Database:
    """An open SQLite file; rows are dictionaries by column name."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = _as_dict
        self._connection = connection

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Return all rows of a query."""
        return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> dict[str, Any] | None:
        """Return the first row of a query, or None."""
        found: dict[str, Any] | None = self._connection.execute(sql, values).fetchone()
        return found

    def run(self, sql: str, *values: object) -> int:
        """Execute one statement and return the id of the row it inserted last."""
        return self._connection.execute(sql, values).lastrowid or 0

    def fill(self, sql: str, values: Iterable[tuple[object, ...]]) -> None:
        """Execute one statement once for each tuple."""
        self._connection.executemany(sql, values)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Make everything inside happen together or not at all; there must be no `await` inside."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file; the database cannot be used any more."""
        self._connection.close()


def open_database(path: Path, schema: str, seed: Callable[[Database], None]) -> Database:
    """Return the database at `path`; one that is not there yet is made and seeded in one transaction."""
    path.parent.mkdir(parents=True, exist_ok=True)
    database = Database(sqlite3.connect(path, isolation_level=None))
    try:
        database.run("PRAGMA journal_mode = WAL")
        database.run("PRAGMA synchronous = NORMAL")
        database.run("PRAGMA foreign_keys = ON")
        with database.writing():
            version = (database.row("PRAGMA user_version") or {})["user_version"]
            if version == 0:
                for statement in filter(str.strip, schema.split(";")):
                    database.run(statement)
                seed(database)
                database.run(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif version != SCHEMA_VERSION:
                raise WrongVersionError(
                    f"{path} has schema version {version}, this application needs {SCHEMA_VERSION}; "
                    "delete the file to have it made anew"
                )
    except BaseException:
        database.close()
        raise
    return database


def _as_dict(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, values, strict=True)}
