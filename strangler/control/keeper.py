"""The keeper: stores guards and what was done to them; what cannot be stored now waits, and the fault is loud."""

import logging
from collections.abc import Mapping
from typing import Protocol

from strangler.control.guardtable import Kept
from strangler.control.journal import Deed
from strangler.errors import StoreError

MOST_DEEDS = 10_000
"""Deeds that wait for a store that cannot be written; those beyond it are in the log alone."""

LOG = logging.getLogger(__name__)


class Table(Protocol):
    """Where guards are kept; control.guardtable provides it."""

    def guards(self) -> dict[str, Kept]:
        """Return every route's guard."""

    def write(
        self, kept: Mapping[str, Kept], *, at: float, deeds: tuple[Deed, ...] = (), is_killed: bool | None = None
    ) -> None:
        """Keep guards, and the kill switch if it is given, and record deeds, in one transaction."""

    def is_killed(self) -> bool:
        """Return whether the kill switch is on."""


class Keeper:
    """Writes to the store, and again until it is written."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._kept: dict[str, Kept] = {}
        self._deeds: list[Deed] = []
        self._is_killed: bool | None = None
        """The kill switch, if it waits."""
        self.fault = ""
        """Why the store cannot be written; empty while it can."""

    @property
    def is_behind(self) -> bool:
        """Whether something waits to be stored."""
        return bool(self._kept or self._deeds)

    def keep(self, kept: Mapping[str, Kept], *, at: float, deeds: tuple[Deed, ...] = ()) -> None:
        """Store guards and deeds, with everything that still waits."""
        self._kept.update(kept)
        self._deeds += deeds[: MOST_DEEDS - len(self._deeds)]
        self.retry(at)

    def kill(self, *, is_on: bool, at: float, deed: Deed) -> None:
        """Store the kill switch."""
        self._is_killed = is_on
        self.keep({}, at=at, deeds=(deed,))

    def retry(self, at: float) -> None:
        """Store what waits."""
        try:
            if self.is_behind:
                self._table.write(self._kept, at=at, deeds=tuple(self._deeds), is_killed=self._is_killed)
                self._kept, self._deeds, self._is_killed = {}, [], None
        except StoreError as error:
            if str(error) != self.fault:
                LOG.critical("guard_store_failed", extra={"fields": {"why": str(error), "serving": "from memory"}})
            self.fault = str(error)
            return
        if self.fault:
            LOG.warning("guard_store_recovered")
            self.fault = ""
