"""The recording book: which recordings there are, in memory, and all of them, sealed, in the state store."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from strangler.control.journal import Deed
from strangler.control.recordingtable import RecordingRow, RecordingTable
from strangler.core.recording import Recording
from strangler.core.selection import Kept
from strangler.core.shadowing import Record
from strangler.errors import StoreError, VaultError
from strangler.vault.vault import Purpose, Vault

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingEntry:
    """One recording that is to be kept."""

    route: str
    kept: Kept
    recording: Recording
    for_s: float


def name_of(route: str, which: str) -> str:
    """Return the name that a recording is sealed under."""
    return f"{route}/{which}"


def unseal(vault: Vault, row: RecordingRow) -> Recording:
    """Return what a row has sealed. Raises VaultError."""
    text = vault.open(row.sealed, purpose=Purpose.RECORDING, name=name_of(row.route, row.kept.id))
    try:
        return msgspec.msgpack.decode(text, type=Recording)
    except msgspec.MsgspecError as error:
        raise VaultError(f"a recording of {row.route} was written by another release, and cannot be read") from error


class RecordingBook:
    """Holds one row a recording, without its content; control is its one writer. Short, synchronous calls."""

    def __init__(self, table: RecordingTable, vault: Vault) -> None:
        self._table = table
        self._vault = vault
        self._rows: dict[str, dict[str, RecordingRow]] = {}
        self._epochs: dict[str, int] = {}
        self._skipped: dict[str, Counter[str]] = {}
        self.fault = ""
        """Why recordings cannot be sealed or stored; empty while they can."""

    def start(self) -> None:
        """Take up what was kept; what cannot be read is logged."""
        try:
            rows = self._table.rows()
        except StoreError as error:
            self._fail(error)
            return
        for row in rows:
            self._rows.setdefault(row.route, {})[row.kept.id] = row

    def salt(self) -> bytes | None:
        """Return the secret that ids are made with; None if there is no key, which is logged."""
        try:
            return self._vault.derive(Purpose.RECORDING)
        except VaultError as error:
            self._fail(error)
            return None

    def routes(self) -> tuple[str, ...]:
        """Return the routes that have recordings, or of which some were not made, by name."""
        return tuple(sorted({route for route, rows in self._rows.items() if rows} | self._skipped.keys()))

    def kept(self, route: str) -> tuple[RecordingRow, ...]:
        """Return a route's recordings, without what is in them, the oldest first."""
        return tuple(sorted(self._rows.get(route, {}).values(), key=lambda row: (row.kept.at, row.kept.id)))

    def skipped(self, route: str) -> Mapping[str, int]:
        """Return how many reads were not recorded since the start, by why."""
        return self._skipped.get(route, {})

    def epoch(self, route: str) -> int:
        """Return which beginning of a route's recordings this is."""
        return self._epochs.get(route, 0)

    def skip(self, route: str, skipped: Mapping[str, int]) -> None:
        """Count reads that were not recorded."""
        self._skipped.setdefault(route, Counter()).update(skipped)

    def write(self, entries: Sequence[RecordingEntry], gone: Sequence[tuple[str, str]]) -> bool:
        """Seal and store recordings, and delete those that are to go; return False if that failed, which is logged."""
        try:
            rows = [self._sealed(entry) for entry in entries]
            self._table.write(rows, gone)
        except (StoreError, VaultError) as error:
            self._fail(error)
            return False
        self._forget_rows(gone)
        for row in rows:
            self._rows.setdefault(row.route, {})[row.kept.id] = row
        if self.fault:
            LOG.warning("recordings_stored_again")
            self.fault = ""
        return True

    def expire(self, now: float, limits: Mapping[str, Record | None]) -> tuple[str, ...]:
        """Delete what has been kept long enough, by what the file says now or said then; return the routes."""
        gone = [
            (route, which)
            for route, rows in self._rows.items()
            for which, row in rows.items()
            if row.keep_until <= now
            or ((record := limits.get(route)) is not None and row.kept.at + record.for_s <= now)
        ]
        if not gone or not self.write((), gone):
            return ()
        return tuple(sorted({route for route, _ in gone}))

    def forget(self, route: str, deed: Deed) -> None:
        """Delete a route's recordings and record the deed. Raises StoreError; then nothing was deleted."""
        self._table.forget(route, deed)
        self._rows.pop(route, None)
        self._epochs[route] = self.epoch(route) + 1

    def _sealed(self, entry: RecordingEntry) -> RecordingRow:
        text = msgspec.msgpack.encode(entry.recording)
        name = name_of(entry.route, entry.kept.id)
        return RecordingRow(
            route=entry.route,
            kept=entry.kept,
            keep_until=entry.kept.at + entry.for_s,
            sealed=self._vault.seal(text, purpose=Purpose.RECORDING, name=name),
        )

    def _forget_rows(self, gone: Sequence[tuple[str, str]]) -> None:
        for route, which in gone:
            self._rows.get(route, {}).pop(which, None)

    def _fail(self, error: StoreError | VaultError) -> None:
        if str(error) != self.fault:
            LOG.error("recordings_not_stored", extra={"fields": {"why": str(error)}})
        self.fault = str(error)
