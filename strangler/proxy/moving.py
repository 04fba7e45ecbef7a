"""Moving: when a route trips, what lasts on its extracted side is told to come again, after a grace.

Requests that are under way finish where they are. A tunnel or an event stream may last for days, so it is ended, and
its client, which has to bear that anyway, comes back and gets the monolith.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from strangler.core.model import Side
from strangler.core.rules import LongLived
from strangler.core.snapshot import Snapshot

if TYPE_CHECKING:
    from strangler.core.decide import Decision
    from strangler.proxy.client import Client


class Moving:
    """Knows which connections are to be ended, and when."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due: list[tuple[float, Client, Decision]] = []

    def begin(self, clients: Iterable["Client"], before: Snapshot, after: Snapshot, now: float) -> None:
        """Note what lasts on sides that were closed just now."""
        closed = closed_routes(after) - closed_routes(before)
        if not closed:
            return
        for client in clients:
            decision = client.lasting
            if decision is None or decision.side is not Side.EXTRACTED or decision.route is None:
                continue
            rules = decision.route.rollback
            if decision.route.name in closed and rules is not None and rules.long_lived is LongLived.CLOSE:
                self._due.append((now + rules.grace_s, client, decision))

    def sweep(self, now: float) -> None:
        """End what is due and still lasts."""
        if not self._due:
            return
        due = [each for each in self._due if each[0] <= now]
        self._due = [each for each in self._due if each[0] > now]
        for _, client, decision in due:
            if client.lasting is decision:
                client.abort()


def closed_routes(snapshot: Snapshot) -> frozenset[str]:
    """Return the routes of which nothing new goes to the extracted side."""
    return frozenset(compiled.route.name for compiled in snapshot.routes if compiled.is_closed)
