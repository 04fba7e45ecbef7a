"""Sampler: a few requests a second of which the shape is told to control; the others cost one subtraction.

While there are few requests, each is taken. Of many, one is taken after a gap of chance, so that clients that ask in a
pattern are not all the same to it.
"""

import random
from typing import TYPE_CHECKING

from strangler.core.forward import client_address
from strangler.core.shapes import Shape, ShapeReader

if TYPE_CHECKING:
    from strangler.core.decide import Decision
    from strangler.core.model import Config
    from strangler.core.outcome import Outcome
    from strangler.proxy.exchange import Exchange

WANTED = 25
"""Shapes of one report, four of which go out in a second. Precedent: Datadog's agent aims at 10 traces a second; at
100 of 30 µs each, a worker spends 0.3 % of a processor.
"""
MOST = 2 * WANTED
"""Those that are kept for one report when requests become more all at once, or control is slow."""
_NEVER = 1 << 62


class Sampler:
    """Takes shapes; one for each worker, over all its snapshots."""

    __slots__ = ("_granted", "_random", "_readers", "_shapes", "_stride", "left")

    def __init__(self) -> None:
        self.left = 0
        """Requests that pass before the next is taken; the exchange counts it down."""
        self._granted = 0
        self._stride = 1
        self._random = random.Random(1)  # noqa: S311 (a gap is no secret)
        self._shapes: list[Shape] = []
        self._readers: list[ShapeReader] = []

    def take(self, exchange: "Exchange", decision: "Decision", outcome: "Outcome") -> None:
        """Take the shape of a request that has just been counted, and choose the next one."""
        serving, peer, head = exchange.serving, exchange.client.peer, exchange.head
        assert serving is not None
        snapshot = serving.snapshot
        shape = self._reader_of(snapshot.config).read(
            exchange.method,
            exchange.target,
            head.host or b"",
            exchange.headers,
            client_address(peer, head) if peer.is_trusted else peer.address,
            route=decision.route,
            side=decision.side,
            reason=decision.reason,
            assigned=exchange.assigned,
            generation=snapshot.generation,
            outcome=outcome,
            status=exchange.status,
            stage=decision.stage,
        )
        self._shapes.append(shape)
        if len(self._shapes) >= MOST:
            self._grant(_NEVER)
        else:
            self._grant(self._random.randrange(2 * self._stride - 1))

    def drain(self) -> tuple[int, tuple[Shape, ...]]:
        """Return how many requests there were since the last call, and the shapes of some of them."""
        seen = self._granted - self.left
        shapes, self._shapes = tuple(self._shapes), []
        self._stride = max(seen // WANTED, 1)
        self._granted = self.left = self._random.randrange(2 * self._stride - 1)
        return seen, shapes

    def _reader_of(self, config: "Config") -> ShapeReader:
        for reader in self._readers:
            if reader.config is config:
                return reader
        # Because exchanges that began before a reload end beside those after it, the one before is kept.
        self._readers = [ShapeReader(config), *self._readers[:1]]
        return self._readers[0]

    def _grant(self, gap: int) -> None:
        # Because the one that was taken has brought the rest to -1, what is granted holds it as well.
        self._granted += gap + 1
        self.left = gap
