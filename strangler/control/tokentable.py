"""The token table: who may use the admin API, and browsers that are signed in, in the state store, hashed.

A plain SHA-256 is right for both: they are 256 bits from the system's source of randomness, so nobody can try them out,
and a hash that is slow on purpose would only let strangers keep control busy.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from strangler.control.database import Database
from strangler.control.journal import Deed, Journal
from strangler.control.operations import Role

_COLUMNS = "id, name, role, digest, created_at, created_by, expires_at, revoked_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One bearer token; what was handed out is not part of it."""

    id: str
    name: str
    role: Role
    digest: bytes
    created_at: float
    created_by: str
    expires_at: float | None
    revoked_at: float | None = None

    def is_valid(self, now: float) -> bool:
        """Return whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser that is signed in."""

    digest: bytes
    token: str
    """The token that it was begun with; it opens no more than that one does now."""
    began_at: float
    ends_at: float


class TokenTable:
    """Reads and writes tokens and sessions; what is written is on the disk when the call returns."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    def tokens(self) -> tuple[Token, ...]:
        """Return every token that is kept, the oldest first. Raises StoreError."""
        with self._database.reading() as db:
            return tuple(_tokens(db))

    def add(self, token: Token, deed: Deed) -> None:
        """Keep a token and record that it was made. Raises StoreError."""
        with self._database.writing() as db:
            db.execute(
                f"INSERT INTO tokens ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 (constant names)
                (
                    *(token.id, token.name, token.role.word, token.digest, token.created_at, token.created_by),
                    *(token.expires_at, token.revoked_at),
                ),
            )
            row = self._journal.add(db, deed)
        self._journal.confirm((row,))

    def revoke(self, identifier: str, deed: Deed) -> None:
        """Let a token open nothing from now on, and record it. Raises StoreError."""
        with self._database.writing() as db:
            db.execute("UPDATE tokens SET revoked_at = ? WHERE id = ?", (deed.at, identifier))
            db.execute("DELETE FROM sessions WHERE token = ?", (identifier,))
            row = self._journal.add(db, deed)
        self._journal.confirm((row,))

    def forget(self, identifiers: tuple[str, ...]) -> None:
        """Remove tokens that open nothing any more. Raises StoreError."""
        with self._database.writing() as db:
            db.executemany("DELETE FROM tokens WHERE id = ?", [(one,) for one in identifiers])

    def sessions(self) -> tuple[Session, ...]:
        """Return every session that is kept, the oldest first. Raises StoreError."""
        with self._database.reading() as db:
            rows = db.execute("SELECT digest, token, began_at, ends_at FROM sessions ORDER BY began_at").fetchall()
        return tuple(Session(digest=bytes(one[0]), token=one[1], began_at=one[2], ends_at=one[3]) for one in rows)

    def begin(self, session: Session, *, instead: tuple[bytes, ...]) -> None:
        """Keep a session in place of others. Raises StoreError."""
        with self._database.writing() as db:
            db.executemany("DELETE FROM sessions WHERE digest = ?", [(digest,) for digest in instead])
            db.execute(
                "INSERT INTO sessions (digest, token, began_at, ends_at) VALUES (?, ?, ?, ?)",
                (session.digest, session.token, session.began_at, session.ends_at),
            )

    def end(self, digest: bytes) -> None:
        """Keep a session no longer. Raises StoreError."""
        with self._database.writing() as db:
            db.execute("DELETE FROM sessions WHERE digest = ?", (digest,))


def _tokens(db: sqlite3.Connection) -> Iterator[Token]:
    for row in db.execute(f"SELECT {_COLUMNS} FROM tokens ORDER BY created_at"):  # noqa: S608 (constant names)
        yield Token(
            id=row[0],
            name=row[1],
            role=Role[str(row[2]).upper()],
            digest=bytes(row[3]),
            created_at=row[4],
            created_by=row[5],
            expires_at=row[6],
            revoked_at=row[7],
        )
