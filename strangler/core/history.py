"""History: what one side of a route did over the last hour and the last day, in rings that never grow.

A ring has one slot for each step of time. A slot that is over keeps four numbers; only the one that is being filled has
a histogram. Time is an argument, in seconds since the epoch, so that slots of all routes and restarts fall together.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

from strangler.core import histogram

_MOST = 2**32 - 1
"""What a slot's count goes up to: 14 million requests a second for five minutes."""
_NO_BUCKET = 255
"""Stands for the quantile of nothing; buckets are fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How far a ring reaches back, and how finely."""

    step_s: int
    slots: int


HOUR = Span(step_s=10, slots=360)
"""Ten seconds show a trip, which takes about one, as a step and not as a slope. 3.6 kB a side."""
DAY = Span(step_s=300, slots=288)
"""Five minutes, as the RRD-based monitors (MRTG, Munin) have drawn a day since 1995. 2.9 kB a side."""
SPANS = {"hour": HOUR, "day": DAY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one side did in one slot."""

    at: int
    """When the slot began, in seconds since the epoch."""
    requests: int
    """Those that were the side's to answer."""
    failures: int
    """By the route's own rules."""
    p50_s: float | None
    """None where nothing was answered."""
    p95_s: float | None


class Ring:
    """The slots of one side over one span."""

    __slots__ = ("_failures", "_filling", "_newest", "_p50", "_p95", "_requests", "span")

    def __init__(self, span: Span) -> None:
        self.span = span
        self._begin(0)

    def _begin(self, number: int) -> None:
        slots = self.span.slots
        self._newest = number
        """The number of the slot that is being filled: its time by the step."""
        self._requests = array("I", [0]) * slots
        self._failures = array("I", [0]) * slots
        self._p50 = array("B", [_NO_BUCKET]) * slots
        self._p95 = array("B", [_NO_BUCKET]) * slots
        self._filling: dict[int, int] = {}

    def add(self, now: float, *, requests: int, failures: int, latency: Sequence[tuple[int, int]] = ()) -> None:
        """Count what happened at `now`; a clock that went back a little counts as one that stood still."""
        self._advance(now)
        place = self._newest % self.span.slots
        self._requests[place] = min(_MOST, self._requests[place] + requests)
        self._failures[place] = min(_MOST, self._failures[place] + failures)
        for bucket, count in latency:
            self._filling[bucket] = self._filling.get(bucket, 0) + count

    def points(self, now: float, since: float = 0.0) -> tuple[Point, ...]:
        """Return the slots of the span before `now` that end after `since`, oldest first, without the empty ones."""
        step, slots = self.span.step_s, self.span.slots
        last = max(floor(now / step), self._newest)
        first = max(last - slots + 1, floor(since / step))
        return tuple(self._point(number) for number in range(first, self._newest + 1) if not self._is_empty(number))

    def _advance(self, now: float) -> None:
        number, slots = floor(now / self.span.step_s), self.span.slots
        if not 0 <= number - self._newest + slots < 2 * slots:
            # Because nothing that is kept is within the span any more, or the clock was set back by all of it.
            self._begin(number)
        while self._newest < number:
            self._p50[self._newest % slots], self._p95[self._newest % slots] = self._quantiles()
            self._filling = {}
            self._newest += 1
            place = self._newest % slots
            self._requests[place] = self._failures[place] = 0
            self._p50[place] = self._p95[place] = _NO_BUCKET

    def _is_empty(self, number: int) -> bool:
        place = number % self.span.slots
        has_latency = bool(self._filling) if number == self._newest else self._p95[place] != _NO_BUCKET
        return not self._requests[place] and not has_latency

    def _point(self, number: int) -> Point:
        place = number % self.span.slots
        p50, p95 = self._quantiles() if number == self._newest else (self._p50[place], self._p95[place])
        return Point(
            at=number * self.span.step_s,
            requests=self._requests[place],
            failures=self._failures[place],
            p50_s=_seconds(p50),
            p95_s=_seconds(p95),
        )

    def _quantiles(self) -> tuple[int, int]:
        """Return the buckets of both quantiles of the slot that is being filled."""
        if not self._filling:
            return _NO_BUCKET, _NO_BUCKET
        counts = [self._filling.get(bucket, 0) for bucket in range(histogram.BUCKETS)]
        p50, p95 = (histogram.quantile_bucket(counts, q) for q in (0.50, 0.95))
        return _NO_BUCKET if p50 is None else p50, _NO_BUCKET if p95 is None else p95


def _seconds(bucket: int) -> float | None:
    return None if bucket == _NO_BUCKET else histogram.bound_s(bucket)
