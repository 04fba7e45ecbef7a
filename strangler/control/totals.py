"""Totals: what all workers counted since control started, per route and side.

They are keyed by the route's name, so a reload neither loses nor doubles a count, and a route that comes back
goes on where it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from strangler.core import histogram
from strangler.core.model import Side
from strangler.core.outcome import FAILURES, INDEX, OUTCOMES, Outcome
from strangler.core.tally import COUNTERS, Tally

MAX_KEYS = 50_000
"""Route and side pairs ever seen: twice the ten thousand routes that are measured, and reloads that rename
them all."""


@dataclass(slots=True, kw_only=True)
class Total:
    """Sums of one route's side."""

    outcomes: list[int] = field(default_factory=lambda: [0] * len(OUTCOMES))
    latency: list[int] = field(default_factory=lambda: [0] * histogram.BUCKETS)
    seconds: float = 0.0
    fallbacks: dict[Outcome, int] = field(default_factory=dict)
    """How often the other side answered instead, by what this one failed with."""

    def requests(self) -> int:
        """Return how many exchanges ended, however they did."""
        return sum(self.outcomes)

    def failures(self) -> dict[Outcome, int]:
        """Return the failures of the side by kind."""
        return {outcome: self.outcomes[INDEX[outcome]] for outcome in FAILURES}


class Totals:
    """Adds up tallies."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, Side], Total] = {}
        self.refused = 0
        """Tallies that found no room; they are counted, not kept."""
        self.counters: dict[str, int] = dict.fromkeys(COUNTERS, 0)
        """What workers count beside their exchanges, over the lives of all of them."""

    def add(self, tallies: Sequence[Tally]) -> None:
        """Add what one worker counted since its last report."""
        for tally in tallies:
            key = (tally.route, tally.side)
            total = self._totals.get(key)
            if total is None:
                if len(self._totals) >= MAX_KEYS:
                    self.refused += 1
                    continue
                total = self._totals[key] = Total()
            for outcome, count in tally.outcomes:
                total.outcomes[INDEX[outcome]] += count
            for bucket, count in tally.latency:
                total.latency[bucket] += count
            total.seconds += tally.seconds
            for outcome, count in tally.fallbacks:
                total.fallbacks[outcome] = total.fallbacks.get(outcome, 0) + count

    def grow(self, grown: Mapping[str, int]) -> None:
        """Add by how much one worker's counters grew; a name that nobody knows is left out."""
        for name in self.counters.keys() & grown.keys():
            self.counters[name] += grown[name]

    def of(self, route: str, side: Side) -> Total:
        """Return the sums of one side; zeros if nothing was counted."""
        return self._totals.get((route, side)) or Total()

    def __iter__(self) -> Iterator[tuple[str, Side, Total]]:
        for (route, side), total in self._totals.items():
            yield route, side, total
