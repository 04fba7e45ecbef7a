"""Windows: what one side did within the last seconds, for rules that look at the recent past only.

Time is an argument. A window is kept in slots, so that it forgets a twentieth at a time and costs the same however much
is counted; it covers its span or up to a twentieth less, never more.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor, inf

from strangler.core.histogram import BUCKETS

SLOTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one side did: requests that it answered or should have answered, and how many of them failed."""

    requests: int = 0
    failures: int = 0
    latency: Sequence[int] = ()
    """Counts of core.histogram's buckets; empty where no rule looks at latency."""


@dataclass(slots=True)
class _Slot:
    number: int
    requests: int = 0
    failures: int = 0
    latency: dict[int, int] = field(default_factory=dict)


class Window:
    """A sliding sum over `span_s` seconds."""

    __slots__ = ("_failures", "_latency", "_now", "_requests", "_slot_s", "_slots")

    def __init__(self, span_s: float) -> None:
        self._slot_s = span_s / SLOTS
        self._slots: deque[_Slot] = deque()
        self._requests = 0
        self._failures = 0
        self._latency = [0] * BUCKETS
        self._now = -inf

    def add(self, now: float, *, requests: int, failures: int, latency: Sequence[tuple[int, int]] = ()) -> None:
        """Count what happened at `now`; a clock that went back counts as one that stood still."""
        number = self._forget(now)
        if not self._slots or self._slots[-1].number != number:
            self._slots.append(_Slot(number))
        slot = self._slots[-1]
        slot.requests += requests
        slot.failures += failures
        self._requests += requests
        self._failures += failures
        for bucket, count in latency:
            slot.latency[bucket] = slot.latency.get(bucket, 0) + count
            self._latency[bucket] += count

    def sums(self, now: float) -> Counts:
        """Return what is within the span before `now`."""
        self._forget(now)
        return Counts(requests=self._requests, failures=self._failures, latency=tuple(self._latency))

    def _forget(self, now: float) -> int:
        """Drop the slots that are too old, and return the number of the slot that `now` is in."""
        self._now = max(self._now, now)
        number = floor(self._now / self._slot_s)
        while self._slots and self._slots[0].number <= number - SLOTS:
            slot = self._slots.popleft()
            self._requests -= slot.requests
            self._failures -= slot.failures
            for bucket, count in slot.latency.items():
                self._latency[bucket] -= count
        return number
