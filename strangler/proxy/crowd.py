"""The crowd: how many connections there are, in all and from one place, and whether one more is too many."""

from enum import StrEnum

from strangler.core.forward import Peer
from strangler.core.model import ListenerLimits


class Limit(StrEnum):
    """Which of a listener's limits one more connection would break. A closed set."""

    ALL = "connections"
    ONE_ADDRESS = "connections_per_address"


class Crowd:
    """Counts connections; whoever enters leaves once."""

    def __init__(self) -> None:
        self.total = 0
        self._by_origin: dict[str, int] = {}

    def refusal(self, peer: Peer, limits: ListenerLimits) -> Limit | None:
        """Return which limit one more connection of this peer would break; None if it may enter."""
        if self.total >= limits.connections:
            return Limit.ALL
        most = limits.connections_per_address
        if most and not peer.is_trusted and self._by_origin.get(peer.origin, 0) >= most:
            return Limit.ONE_ADDRESS
        return None

    def enter(self, peer: Peer) -> None:
        """Count a connection."""
        self.total += 1
        origin = peer.origin
        self._by_origin[origin] = self._by_origin.get(origin, 0) + 1

    def leave(self, peer: Peer) -> None:
        """Count it no more."""
        self.total -= 1
        origin = peer.origin
        left = self._by_origin[origin] - 1
        if left:
            self._by_origin[origin] = left
        else:
            # Because a place that nobody connects from takes no memory.
            del self._by_origin[origin]
