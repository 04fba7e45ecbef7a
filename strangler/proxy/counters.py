"""Counters: plain integers in preallocated slots, so that counting a request allocates nothing."""

from collections.abc import Sequence

from strangler.core.histogram import BUCKETS, bucket
from strangler.core.model import Side
from strangler.core.outcome import OUTCOMES
from strangler.core.tally import Tally

_WIDTH = len(OUTCOMES)
_NO_RUN = -2
"""A number of exchanges that no count follows."""


class Counters:
    """Counts of one snapshot's (route, side) slots since they were last taken."""

    __slots__ = (
        "_failures",
        "_fallbacks",
        "_generation",
        "_latency",
        "_longest",
        "_outcomes",
        "_run",
        "_run_end",
        "_seconds",
        "_slots",
        "_touched",
        "in_flight",
    )

    def __init__(self, slots: Sequence[tuple[str, Side]], generation: int = 0) -> None:
        self._generation = generation
        self._slots = tuple(slots)
        self._outcomes = [0] * (_WIDTH * len(self._slots))
        self._latency: list[list[int] | None] = [None] * len(self._slots)
        self._seconds = [0.0] * len(self._slots)
        self._touched: set[int] = set()
        self._failures = [0] * len(self._slots)
        self._run = [0] * len(self._slots)
        """The last failures to connect, one after the other."""
        self._run_end = [_NO_RUN] * len(self._slots)
        """How many exchanges were counted when the last of them came, so that others end a run without a look at it."""
        self._longest = [0] * len(self._slots)
        self._fallbacks: dict[int, int] = {}
        """By the index of the outcome's counter; few outcomes ever lead to one."""
        self.in_flight = 0
        """Exchanges that will still be counted here."""

    def count(self, slot: int, outcome: int, seconds: float) -> None:
        """Count one exchange's outcome (an index into OUTCOMES) and for how long its client has waited."""
        self._outcomes[slot * _WIDTH + outcome] += 1
        latency = self._latency[slot]
        if latency is None:
            latency = self._latency[slot] = [0] * BUCKETS
            self._touched.add(slot)
        latency[bucket(int(seconds * 1e6))] += 1
        self._seconds[slot] += seconds

    def count_failure(self, slot: int, *, is_connect: bool) -> None:
        """Count that the exchange that was just counted is the side's failure."""
        self._failures[slot] += 1
        if not is_connect:
            return
        counted = sum(self._outcomes[slot * _WIDTH : (slot + 1) * _WIDTH])
        self._run[slot] = self._run[slot] + 1 if counted == self._run_end[slot] + 1 else 1
        self._run_end[slot] = counted
        self._longest[slot] = max(self._longest[slot], self._run[slot])

    def count_fallback(self, slot: int, outcome: int) -> None:
        """Count that the other side is asked in place of this slot's; its outcome is counted on its own."""
        index = slot * _WIDTH + outcome
        self._fallbacks[index] = self._fallbacks.get(index, 0) + 1

    def take(self) -> tuple[Tally, ...]:
        """Return what was counted since the last call, and start again from zero."""
        if not self._touched:
            return ()
        touched, self._touched = sorted(self._touched), set()
        return tuple(self._take_slot(slot) for slot in touched)

    def _take_slot(self, slot: int) -> Tally:
        route, side = self._slots[slot]
        start = slot * _WIDTH
        outcomes = self._outcomes[start : start + _WIDTH]
        failures, self._failures[slot] = self._failures[slot], 0
        run = self._run[slot] if self._run_end[slot] == sum(outcomes) else 0
        longest, self._longest[slot] = self._longest[slot], run
        self._run[slot], self._run_end[slot] = run, 0 if run else _NO_RUN
        self._outcomes[start : start + _WIDTH] = [0] * _WIDTH
        latency, self._latency[slot] = self._latency[slot] or (), None
        seconds, self._seconds[slot] = self._seconds[slot], 0.0
        return Tally(
            route=route,
            side=side,
            generation=self._generation,
            outcomes=tuple((OUTCOMES[index], count) for index, count in enumerate(outcomes) if count),
            latency=tuple((index, count) for index, count in enumerate(latency) if count),
            seconds=seconds,
            failures=failures,
            connect_run=run,
            longest_connect_run=longest,
            fallbacks=tuple(
                (outcome, count)
                for index, outcome in enumerate(OUTCOMES)
                if self._fallbacks and (count := self._fallbacks.pop(start + index, 0))
            ),
        )
