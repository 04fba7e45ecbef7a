"""The history desk: what each side of each route did over the last hour and day, and what was done to them meanwhile.

The rings live in memory and begin anew with control, because a chart is worth less than a write every ten seconds; what
was done is read from the audit log, and so is there again after a restart.
"""

import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from math import floor
from typing import Any

import msgspec

from strangler.control.journal import Headline, Journal
from strangler.control.pace import paced
from strangler.core.history import DAY, HOUR, SPANS, Point, Ring
from strangler.core.model import Config, Side
from strangler.core.tally import Tally
from strangler.core.watch import count_of

MOST_SIDES = 10_000
"""Sides of routes that have rings, 6.5 kB each: 65 MB for five thousand routes that all have traffic on both sides, as
many as are measured. More are counted, and have no chart."""
RATE_S = 300
"""How far back the rate of a dry run looks: five minutes, so that a route that is seldom asked has one."""
LEAST_S = 5.0
"""The least that a count is divided by, so that the first request of a start is not a thousand a minute."""
MOST_MARKS = 500
"""Marks in one answer, the latest: more than a chart can show."""
PIECE_BYTES = 65_536
"""As large as a piece of an answer is at least, but for the last: two routes' hour. That of 5,000 has 100 MB."""


class SideHistory(msgspec.Struct, frozen=True, kw_only=True):
    """The slots of one side in which something was counted, as columns of equal length, oldest first."""

    at: tuple[int, ...] = ()
    """When each slot began, in seconds since the epoch."""
    requests: tuple[int, ...] = ()
    failures: tuple[int, ...] = ()
    """By the route's own rules."""
    p50_ms: tuple[float | None, ...] = ()
    p95_ms: tuple[float | None, ...] = ()


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done: a trip, a reset, a change of a flag, of the routes file, of the kill switch."""

    seq: int
    """The number of the audit log's entry, which has the rest."""
    at: float
    what: str
    subject: str
    """The route or flag that it was done to; `*` or `routes` for all."""
    who: str
    why: str
    is_release: bool = False
    """Whether it is the kill switch's release."""


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of the last hour over all routes, by who answered them; also those of routes that have no ring."""

    extracted: int
    legacy: int
    """The monolith, for routes."""
    unrouted: int
    """The monolith, for what no route names."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What happened over one span."""

    span: str
    step_s: int
    slots: int
    now: float
    refused: int
    """Counts that had no ring, because there are too many routes."""
    sums: Sums
    routes: dict[str, dict[str, SideHistory]]
    """By route and side; the name of the requests that no route names is empty."""
    marks: tuple[Mark, ...]


class HistoryDesk:
    """Keeps the rings, and shows them. What takes long gives way to others."""

    def __init__(self, journal: Journal, *, now: Callable[[], float] = time.time) -> None:
        self._journal = journal
        self._now = now
        self._began = now()
        self._rings: dict[tuple[str, Side], tuple[Ring, Ring]] = {}
        self.refused = 0
        """Tallies that had no ring."""
        self._whole = {part: Ring(HOUR) for part in Sums.__struct_fields__}

    def count(self, tallies: Sequence[Tally]) -> None:
        """Add what one worker counted since its last report."""
        now = self._now()
        for tally in tallies:
            count = count_of(tally)
            part = tally.side.value if tally.route else "unrouted"
            self._whole[part].add(now, requests=count.requests, failures=count.failures)
            key = (tally.route, tally.side)
            rings = self._rings.get(key)
            if rings is None:
                if len(self._rings) >= MOST_SIDES:
                    self.refused += 1
                    continue
                rings = self._rings[key] = (Ring(HOUR), Ring(DAY))
            for ring in rings:
                ring.add(now, requests=count.requests, failures=count.failures, latency=count.latency)

    def follow(self, config: Config) -> None:
        """Forget the routes that the file does not have any more."""
        kept = {"", *(route.name for route in config.routes)}
        for key in [key for key in self._rings if key[0] not in kept]:
            del self._rings[key]

    def per_minute(self, route: str) -> tuple[float, float] | None:
        """Return the requests a minute that each side of a route had over the last five minutes, the monolith first.

        None while none was counted.
        """
        now, step = self._now(), HOUR.step_s
        since = max(self._began, floor((now - RATE_S) / step) * step)
        span_s = max(LEAST_S, now - since)
        counted = []
        for side in (Side.LEGACY, Side.EXTRACTED):
            rings = self._rings.get((route, side))
            points = () if rings is None else rings[0].points(now, since)
            counted.append(sum(point.requests for point in points))
        return (counted[0] * 60 / span_s, counted[1] * 60 / span_s) if any(counted) else None

    async def show(self, span: str, *, routes: Collection[str] = (), since: float = 0.0) -> AsyncIterator[bytes]:
        """Yield what happened over a span of SPANS, of some routes or of all, as the JSON of a History in pieces.

        Raises StoreError before the first of them.
        """
        found, ring = SPANS[span], list(SPANS).index(span)
        now = self._now()
        head = History(
            span=span,
            step_s=found.step_s,
            slots=found.slots,
            now=now,
            refused=self.refused,
            sums=self._sums(now),
            routes={},
            marks=self.marks(since=max(since, now - found.step_s * found.slots)),
        )
        wanted = dict.fromkeys(name for name, _ in self._rings if not routes or name in routes)
        async for piece in self._pieces(msgspec.to_builtins(head), wanted, ring, now, since):
            yield piece

    async def grown(self, since: float) -> bytes:
        """Return what was counted in the slots of the hour that end after `since`, without marks, as JSON."""
        now = self._now()
        head = {"now": now, "step_s": HOUR.step_s, "sums": self._sums(now)}
        wanted = dict.fromkeys(name for name, _ in self._rings)
        return b"".join([piece async for piece in self._pieces(head, wanted, 0, now, since)])

    def marks(self, *, since: float = 0.0, after: int = 0) -> tuple[Mark, ...]:
        """Return what was done since a moment and after an entry of the audit log, oldest first. Raises StoreError."""
        found = self._journal.headlines(since=since, after=after, limit=MOST_MARKS)
        return tuple(as_mark(one) for one in reversed(found))

    def _sums(self, now: float) -> Sums:
        return Sums(**{part: sum(one.requests for one in ring.points(now)) for part, ring in self._whole.items()})

    async def _pieces(
        self, head: Mapping[str, Any], routes: Iterable[str], ring: int, now: float, since: float
    ) -> AsyncIterator[bytes]:
        """Yield the JSON of an object that has what is in `head`, and routes."""
        # Because of all of its names this one stands last, one route after the other is written out behind it.
        rest = {name: value for name, value in head.items() if name != "routes"}
        piece = bytearray(msgspec.json.encode(rest)[:-1] + b',"routes":{')
        between = b""
        async for route in paced(routes):
            sides = {
                side.value: _side(points) for side in Side if (points := self._points(route, side, ring, now, since))
            }
            if not sides:
                continue
            piece += between + msgspec.json.encode(route) + b":" + msgspec.json.encode(sides)
            between = b","
            if len(piece) >= PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
        yield bytes(piece + b"}}")

    def _points(self, route: str, side: Side, ring: int, now: float, since: float) -> Sequence[Point]:
        rings = self._rings.get((route, side))
        return () if rings is None else rings[ring].points(now, since)


def as_mark(one: Headline) -> Mark:
    """Return an entry of the audit log as a mark."""
    return Mark(
        seq=one.seq, at=one.at, what=one.what, subject=one.subject, who=one.who, why=one.why, is_release=one.is_release
    )


def _side(points: Sequence[Point]) -> SideHistory:
    return SideHistory(
        at=tuple(point.at for point in points),
        requests=tuple(point.requests for point in points),
        failures=tuple(point.failures for point in points),
        p50_ms=tuple(_milliseconds(point.p50_s) for point in points),
        p95_ms=tuple(_milliseconds(point.p95_s) for point in points),
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
