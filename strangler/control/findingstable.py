"""The findings table: what the comparisons of each route have shown, in the state store."""

import logging
from collections.abc import Sequence
from pathlib import Path

import msgspec

from strangler.control import database
from strangler.control.database import Database
from strangler.control.journal import Deed, Journal
from strangler.core.findings import Findings

LOG = logging.getLogger(__name__)


def read_findings(state_dir: Path, route: str) -> Findings | None:
    """Return a route's findings from a store that somebody may be using; None if it has none. Raises StoreError."""
    with database.open_to_read(state_dir) as db:
        row = db.execute("SELECT route, findings FROM shadow_findings WHERE route = ?", (route,)).fetchone()
    return None if row is None else _read(*row)


class FindingsTable:
    """Reads and writes findings; what is written is on the disk when the call returns."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    def findings(self) -> tuple[Findings, ...]:
        """Return every route's findings, by name; a row that is none is logged and left out. Raises StoreError."""
        with self._database.reading() as db:
            rows = db.execute("SELECT route, findings FROM shadow_findings ORDER BY route").fetchall()
        read = (_read(route, text) for route, text in rows)
        return tuple(found for found in read if found is not None)

    def write(self, several: Sequence[Findings]) -> None:
        """Keep findings in place of those of the same routes, all in one transaction. Raises StoreError."""
        with self._database.writing() as db:
            db.executemany(
                "INSERT INTO shadow_findings (route, findings) VALUES (?, ?) "
                "ON CONFLICT (route) DO UPDATE SET findings = excluded.findings",
                [(one.route, msgspec.json.encode(one).decode()) for one in several],
            )

    def forget(self, route: str, deed: Deed) -> None:
        """Delete a route's findings and record the deed, in one transaction. Raises StoreError."""
        with self._database.writing() as db:
            db.execute("DELETE FROM shadow_findings WHERE route = ?", (route,))
            row = self._journal.add(db, deed)
        self._journal.confirm((row,))


def _read(route: str, text: str) -> Findings | None:
    try:
        found = msgspec.json.decode(text, type=Findings)
    except msgspec.MsgspecError as error:
        # Because comparisons go on and show the same again, a damaged row must not keep the proxy from starting.
        LOG.warning("findings_damaged", extra={"fields": {"route": route, "why": str(error)}})
        return None
    if found.route != route:
        LOG.warning("findings_damaged", extra={"fields": {"route": route, "why": "they are another route's"}})
        return None
    return found
