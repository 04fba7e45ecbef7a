"""The shadow book: the latest findings of every route, in memory, and in the state store a little later."""

import logging

from strangler.control.journal import Deed
from strangler.control.store import Store
from strangler.core.findings import Findings
from strangler.errors import StoreError

LOG = logging.getLogger(__name__)


class ShadowBook:
    """Holds one value a route; the comparer is its one writer. Short, synchronous calls, from one thread."""

    def __init__(self, store: Store) -> None:
        self._table = store.findings
        self._held: dict[str, Findings] = {}
        self._unsaved: set[str] = set()
        self._forgotten: dict[str, float] = {}
        """By route, the `since` of the findings that were forgotten last."""
        self.fault = ""
        """Why findings cannot be read or stored; empty while they can."""

    def start(self) -> tuple[Findings, ...]:
        """Take up what was kept, and return it; what cannot be read is logged and begins anew."""
        try:
            kept = self._table.findings()
        except StoreError as error:
            self._fail(error)
            return ()
        self._held = {findings.route: findings for findings in kept}
        return kept

    def take(self, findings: Findings) -> bool:
        """Hold newer findings of a route in place of the former; return False for those that were forgotten."""
        route = findings.route
        if self._forgotten.get(route) == findings.since:
            # Because it was under way when they were forgotten; the next value has a `since` of its own.
            return False
        if self._held.get(route) != findings:
            self._held[route] = findings
            self._unsaved.add(route)
        return True

    def reset(self, route: str, deed: Deed) -> None:
        """Forget a route's findings and record the deed. Raises StoreError; then nothing was forgotten."""
        self._table.forget(route, deed)
        found = self._held.pop(route, None)
        self._unsaved.discard(route)
        if found is not None:
            self._forgotten[route] = found.since

    def all(self) -> tuple[Findings, ...]:
        """Return the findings of all routes that have some, by name."""
        return tuple(self._held[route] for route in sorted(self._held))

    def of(self, route: str) -> Findings | None:
        """Return one route's findings; None if it has none."""
        return self._held.get(route)

    def save(self) -> None:
        """Store what changed, in one transaction; what cannot be stored is tried again the next time."""
        if not self._unsaved:
            return
        try:
            self._table.write([self._held[route] for route in sorted(self._unsaved)])
        except StoreError as error:
            self._fail(error)
            return
        self._unsaved.clear()
        if self.fault:
            LOG.warning("findings_stored_again")
            self.fault = ""

    def _fail(self, error: StoreError) -> None:
        if str(error) != self.fault:
            LOG.error("findings_not_stored", extra={"fields": {"why": str(error)}})
        self.fault = str(error)
