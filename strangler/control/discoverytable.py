"""The discovery tables: endpoints that were seen, and the burn-down's days, in the state store."""

import logging
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from strangler.control.database import Database
from strangler.core.endpoints import Endpoint
from strangler.core.progress import Day

DAYS_KEPT = 730
"""Two years: longer than most migrations, and a row takes 120 bytes."""

LOG = logging.getLogger(__name__)
Kept = TypeVar("Kept")


class DiscoveryTable:
    """Reads and writes both; what is written is on the disk when the call returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return every endpoint; a row that is none is logged and left out. Raises StoreError."""
        with self._database.reading() as db:
            rows = db.execute("SELECT document FROM endpoints ORDER BY template, method").fetchall()
        return _read(rows, Endpoint)

    def days(self) -> tuple[Day, ...]:
        """Return every day, the oldest first; a row that is none is logged and left out. Raises StoreError."""
        with self._database.reading() as db:
            rows = db.execute("SELECT document FROM burn_down ORDER BY day").fetchall()
        return _read(rows, Day)

    def write(self, fresh: Iterable[Endpoint], gone: Iterable[tuple[str, str]], days: Iterable[Day]) -> None:
        """Keep endpoints and days in place of the former ones, and drop what is gone. Raises StoreError."""
        with self._database.writing() as db:
            db.executemany("DELETE FROM endpoints WHERE method = ? AND template = ?", list(gone))
            db.executemany(
                "INSERT INTO endpoints (method, template, document) VALUES (?, ?, ?) "
                "ON CONFLICT (method, template) DO UPDATE SET document = excluded.document",
                [(one.method, one.template, msgspec.json.encode(one).decode()) for one in fresh],
            )
            db.executemany(
                "INSERT INTO burn_down (day, document) VALUES (?, ?) "
                "ON CONFLICT (day) DO UPDATE SET document = excluded.document",
                [(one.day, msgspec.json.encode(one).decode()) for one in days],
            )
            db.execute(
                "DELETE FROM burn_down WHERE day NOT IN (SELECT day FROM burn_down ORDER BY day DESC LIMIT ?)",
                (DAYS_KEPT,),
            )


def _read(rows: Iterable[tuple[Any, ...]], kind: type[Kept]) -> tuple[Kept, ...]:
    found: list[Kept] = []
    for (text,) in rows:
        try:
            found.append(msgspec.json.decode(text, type=kind))
        except msgspec.MsgspecError as error:
            # Because traffic shows the same again, a damaged row must not keep the proxy from starting.
            LOG.warning("discovery_damaged", extra={"fields": {"why": str(error)}})
    return tuple(found)
