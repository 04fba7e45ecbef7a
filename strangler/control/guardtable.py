"""The guard table: each route's guard, what its sequential test remembers, and the kill switch, in the state store."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from strangler.control.database import Database
from strangler.control.journal import Deed, Journal
from strangler.core.guard import Guard, Phase
from strangler.core.sequential import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a restart must find again of one route."""

    migration: str
    """What makes it the same migration: the route's two upstreams and its flag. Another one begins anew; empty for one
    that cannot be read, which may be any."""
    guard: Guard = field(default_factory=Guard)
    evidence: Evidence = field(default_factory=Evidence)
    cause: Mapping[str, Any] | None = None
    """Why it tripped, as it was recorded; None unless it did."""
    match: str = ""
    """Which requests the route is for, so that it is known if it is called otherwise; empty where that is not known."""


class GuardTable:
    """Reads and writes guards; what is written is on the disk when the call returns."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    def guards(self) -> dict[str, Kept]:
        """Return every route's guard by its name; one that cannot be read may have tripped, so it has.

        Raises StoreError.
        """
        with self._database.reading() as db:
            return guards_in(db)

    def write(
        self, kept: Mapping[str, Kept], *, at: float, deeds: tuple[Deed, ...] = (), is_killed: bool | None = None
    ) -> None:
        """Keep several guards, and the kill switch if it is given, and record what led to them, in one transaction."""
        with self._database.writing() as db:
            db.executemany(
                "INSERT INTO guards (route, document, updated_at) VALUES (?, ?, ?) ON CONFLICT (route) DO UPDATE "
                "SET document = excluded.document, updated_at = excluded.updated_at",
                [(route, _encode(one), at) for route, one in kept.items()],
            )
            if is_killed is not None:
                db.execute(
                    "INSERT INTO kill_switch (id, is_on, updated_at) VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE "
                    "SET is_on = excluded.is_on, updated_at = excluded.updated_at",
                    (int(is_killed), at),
                )
            added = [self._journal.add(db, deed) for deed in deeds]
        self._journal.confirm(added)

    def is_killed(self) -> bool:
        """Return whether the kill switch is on."""
        with self._database.reading() as db:
            return is_killed_in(db)


def guards_in(db: sqlite3.Connection) -> dict[str, Kept]:
    """Return every route's guard by its name; one that cannot be read may have tripped, so it has."""
    rows = db.execute("SELECT route, document FROM guards").fetchall()
    return {route: _decode(document) for route, document in rows}


def is_killed_in(db: sqlite3.Connection) -> bool:
    """Return whether the kill switch is on."""
    row = db.execute("SELECT is_on FROM kill_switch WHERE id = 1").fetchone()
    return bool(row and row[0])


def _encode(kept: Kept) -> str:
    # Because JSON has no infinity, which the sums of a test that saw nothing are.
    document = msgspec.to_builtins(kept)
    document["evidence"]["sums"] = [None if value == float("-inf") else value for value in kept.evidence.sums]
    return json.dumps(document, separators=(",", ":"))


def _decode(text: str) -> Kept:
    try:
        document = json.loads(text)
        sums = document["evidence"]["sums"]
        document["evidence"]["sums"] = [float("-inf") if value is None else value for value in sums]
        return msgspec.convert(document, Kept)
    except (KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
        why = f"its stored guard cannot be read, and may have been tripped: {error}"
        return Kept(migration="", guard=Guard(phase=Phase.TRIPPED), cause={"why": why})
