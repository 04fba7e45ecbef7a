"""The divergence table: writes that are not on both sides, in the state store, until a person has settled each."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from strangler.control.database import Database
from strangler.control.journal import Deed, Journal
from strangler.core.divergence import Listed, Verdict, Why
from strangler.core.model import Side

MOST_ROWS = 10_000
"""Open ones. Because who has more of them repairs by a reconciliation of both databases, and not one by one."""
MOST_BYTES = 256 * 1_048_576
"""Of sealed requests; beyond it a divergence is listed without what is needed to send it again."""
KEEP_SETTLED_S = 30 * 86_400.0
"""How long it is remembered that one was settled, without its content, so that one told late is not listed anew."""
_COLUMNS = "id, at, route, primary_side, why, status, primary_status, method, path, request_id, sealed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One that is listed, and how often its repair was tried."""

    listed: Listed
    tries: int
    has_content: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How many there are."""

    open: int
    bytes: int
    unlisted: int
    """Those that found no room."""


class DivergenceTable:
    """Reads and writes divergences; what is written is on the disk when the call returns."""

    def __init__(
        self, database: Database, journal: Journal, *, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES
    ) -> None:
        self._database = database
        self._journal = journal
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self._counted: dict[str, None] = {}
        """The last ones that were counted alone, because they may be told again."""

    def add(self, several: Sequence[Listed], *, now: float) -> tuple[Listed, ...]:
        """Keep those that are not known yet, all in one transaction, and return them. Raises StoreError.

        Beyond the bounds one is listed without its content, and then counted only.
        """
        added: list[Listed] = []
        counted: list[str] = []
        with self._database.writing() as db:
            db.execute("DELETE FROM divergences WHERE settled_at < ?", (now - KEEP_SETTLED_S,))
            rows, size = _sizes(db)
            for one in several:
                if (
                    one.id in self._counted
                    or db.execute("SELECT 1 FROM divergences WHERE id = ?", (one.id,)).fetchone()
                ):
                    continue
                added.append(one)
                if rows >= self._most_rows:
                    db.execute(
                        "INSERT INTO divergences_unlisted (route, count, first, last) VALUES (?, 1, ?, ?) "
                        "ON CONFLICT (route) DO UPDATE SET count = count + 1, last = excluded.last",
                        (one.route, one.at, one.at),
                    )
                    counted.append(one.id)
                    continue
                sealed = one.sealed if size + len(one.sealed) <= self._most_bytes else b""
                db.execute(
                    f"INSERT INTO divergences ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                    (
                        *(one.id, one.at, one.route, one.primary.value, one.why.value, one.status),
                        *(one.primary_status, one.method, one.path, one.request_id, sealed),
                    ),
                )
                rows, size = rows + 1, size + len(sealed)
        self._counted.update(dict.fromkeys(counted))
        while len(self._counted) > MOST_ROWS:
            del self._counted[next(iter(self._counted))]
        return tuple(added)

    def page(self, *, route: str | None, after: tuple[float, str], limit: int) -> tuple[Stored, ...]:
        """Return open ones, the oldest first, of one route if it is given, after one of them. Raises StoreError."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT id, at, route, primary_side, why, status, primary_status, method, path, request_id, x'', "  # noqa: S608
                "tries, length(sealed) FROM divergences WHERE settled_at IS NULL AND (at, id) > (?, ?) "
                + ("" if route is None else "AND route = ? ")
                + "ORDER BY at, id LIMIT ?",
                (*after, *(() if route is None else (route,)), limit),
            ).fetchall()
        return tuple(map(_stored, rows))

    def find(self, one: str) -> Stored | None:
        """Return an open one with its content. Raises StoreError."""
        with self._database.reading() as db:
            row = db.execute(
                f"SELECT {_COLUMNS}, tries, length(sealed) FROM divergences WHERE id = ? AND settled_at IS NULL",  # noqa: S608
                (one,),
            ).fetchone()
        return None if row is None else _stored(row)

    def settle(self, one: str, deed: Deed) -> None:
        """Take one off the list, delete its content and record the deed, in one transaction. Raises StoreError."""
        with self._database.writing() as db:
            db.execute("UPDATE divergences SET settled_at = ?, sealed = x'' WHERE id = ?", (deed.at, one))
            row = self._journal.add(db, deed)
        self._journal.confirm((row,))

    def change(self, one: str, verdict: Verdict, deed: Deed) -> None:
        """Note that a repair failed, and how; it stays on the list. Raises StoreError."""
        with self._database.writing() as db:
            db.execute(
                "UPDATE divergences SET why = ?, status = ?, tries = tries + 1 WHERE id = ?",
                (verdict.why.value, verdict.status, one),
            )
            row = self._journal.add(db, deed)
        self._journal.confirm((row,))

    def record(self, deed: Deed) -> None:
        """Record what was done without a change. Raises StoreError."""
        self._journal.record(deed)

    def standing(self) -> Standing:
        """Return how many are open. Raises StoreError."""
        with self._database.reading() as db:
            rows, size = _sizes(db)
            (unlisted,) = db.execute("SELECT coalesce(sum(count), 0) FROM divergences_unlisted").fetchone()
        return Standing(open=rows, bytes=size, unlisted=unlisted)

    def routes(self) -> tuple[str, ...]:
        """Return every route of which one is or was listed, or found no room. Raises StoreError."""
        with self._database.reading() as db:
            rows = db.execute("SELECT route FROM divergences UNION SELECT route FROM divergences_unlisted ORDER BY 1")
            return tuple(row[0] for row in rows)


def _sizes(db: sqlite3.Connection) -> tuple[int, int]:
    rows, size = db.execute(
        "SELECT count(*), coalesce(sum(length(sealed)), 0) FROM divergences WHERE settled_at IS NULL"
    ).fetchone()
    return rows, size


def _stored(row: Sequence[object]) -> Stored:
    one, at, route, primary, why, status, primary_status, method, path, request_id, sealed, tries, size = row
    return Stored(
        listed=Listed(
            id=str(one),
            at=float(str(at)),
            route=str(route),
            primary=Side(str(primary)),
            why=Why(str(why)),
            status=int(str(status)),
            primary_status=int(str(primary_status)),
            method=str(method),
            path=str(path),
            request_id=str(request_id),
            sealed=bytes(sealed) if isinstance(sealed, bytes) else b"",
        ),
        tries=int(str(tries)),
        has_content=bool(size),
    )
