"""Discovery: what control learns of the paths of live traffic, for the last hour, by endpoint, and over the days."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from strangler.control.discoverytable import DAYS_KEPT
from strangler.control.metrics import DiscoveryReading
from strangler.control.share import Share, Shares
from strangler.control.store import Store
from strangler.control.truth import Truth
from strangler.core.endpoints import Endpoint, Endpoints
from strangler.core.hour import Hour
from strangler.core.model import Config, Side
from strangler.core.progress import UNSEEN_DAYS, Day, Left, Standing, Stood, left_of, stand
from strangler.core.shapes import Shape, words_of
from strangler.core.shares import Overrides
from strangler.core.table import Table
from strangler.core.tally import Tally
from strangler.core.traffic import DAY_S
from strangler.errors import StoreError
from strangler.flags.data import FlagData

TELLING_PART = 20.0
"""What was told holds for so many times as long as it took to tell: a twentieth of a processor goes there at most."""

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What routes and flags give for how far endpoints have come; it does not change, because threads look at it."""

    config: Config
    flags: FlagData
    table: Table
    shares: Mapping[str, Share]


class Discovery:
    """Learns from what workers tell. Nothing in it is needed to serve a request."""

    def __init__(
        self,
        store: Store,
        truth: Truth,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = store.discovery
        self._truth = truth
        self.now = now
        self._clock = clock
        self._told: tuple[Stood, ...] = ()
        self._told_by = 0
        self._told_until = 0.0
        self._config: Config | None = None
        self._flags: FlagData | None = None
        self._known: _Known | None = None
        self._looking = asyncio.Lock()
        self._known_since = 0
        """The generation from which on sides are by the flags as they are now."""
        self._saved: dict[tuple[str, str], Endpoint] = {}
        self._saved_days: tuple[Day, ...] = ()
        self._days: dict[int, Day] = {}
        self.endpoints = Endpoints()
        self.hour = Hour()
        self.seen = 0
        """Requests since the start, of which `sampled` were looked at."""
        self.sampled = 0
        self._passed = 0
        """Of those, the ones since the last that was looked at."""
        self.fault = ""
        """Why it cannot be read or stored; empty while it can."""

    def start(self) -> None:
        """Take up what was kept; what cannot be read is logged and begins anew."""
        self.follow()
        try:
            endpoints, days = self._table.endpoints(), self._table.days()
        except StoreError as error:
            self._fail(error)
            return
        for endpoint in endpoints:
            self.endpoints.restore(endpoint)
        self._saved = {(endpoint.method, endpoint.template): endpoint for endpoint in endpoints}
        self._days = {day.day: day for day in days}
        self._saved_days = days[-2:]

    def follow(self) -> None:
        """Look anew at the truth."""
        truth = self._truth
        if truth.config is self._config and truth.flags is self._flags:
            return
        if truth.config is not self._config:
            self.endpoints.names = words_of(truth.config)
        self._config, self._flags = truth.config, truth.flags
        self._known_since = truth.generation
        self.hour.forget_sides()

    def count(self, tallies: Sequence[Tally]) -> None:
        """Add what one worker counted to the day."""
        if not tallies:
            return
        number = int(self.now() // DAY_S)
        day = self._days.get(number, Day(day=number))
        for tally in tallies:
            requests = sum(count for _, count in tally.outcomes)
            if tally.side is Side.EXTRACTED:
                day = replace(day, extracted=day.extracted + requests)
            else:
                unrouted = requests if not tally.route else 0
                day = replace(day, legacy=day.legacy + requests, unrouted=day.unrouted + unrouted)
        self._days[number] = day
        while len(self._days) > DAYS_KEPT:
            del self._days[min(self._days)]

    def record(self, seen: int, shapes: Sequence[Shape]) -> None:
        """Learn from the shapes that one worker took of so many requests."""
        self.seen += seen
        self.sampled += len(shapes)
        # Because a few requests may pass between two that are looked at, those stand for them as well.
        self._passed += seen
        if not shapes:
            return
        now, weight = self.now(), max(self._passed / len(shapes), 1.0)
        self._passed = 0
        for shape in shapes:
            path = shape.paths[0]
            self.endpoints.add(shape.method, path, shape.side, now=now, weight=weight, is_proof=shape.is_proof)
            self.hour.add(
                shape,
                self.endpoints.place(path),
                now=now,
                weight=weight,
                is_current=shape.generation >= self._known_since,
            )

    async def look(self) -> None:
        """Have `stood` ready; with thousands of routes the loop does not wait for it."""
        async with self._looking:
            if self._is_told():
                return
            truth, started = self._truth, self._clock()
            config, generation, endpoints = truth.config, truth.generation, self.endpoints.tell()
            given = (config, truth.flags, truth.overrides)
            telling_s = self._clock() - started

            def work() -> tuple[_Known, tuple[Stood, ...], float]:
                # Because waiting for a turn is no work, only what is done here counts.
                began = self._clock()
                return *_told(endpoints, self._known, *given), telling_s + self._clock() - began

            self._known, told, took_s = await asyncio.to_thread(work)
            self._keep(told, generation, took_s)

    def stood(self) -> tuple[Stood, ...]:
        """Return every endpoint and how far it has come."""
        if not self._is_told():
            started = self._clock()
            told = self._stood(self.endpoints.tell())
            self._keep(told, self._truth.generation, self._clock() - started)
        return self._told

    def left(self) -> Left:
        """Return what is left of the monolith now."""
        return left_of(self.stood(), self.now())

    def days(self) -> tuple[Day, ...]:
        """Return the burn-down, the oldest day first, with today as it stands."""
        return self._days_with(self.left())

    def reading(self) -> DiscoveryReading:
        """Return what metrics say of it."""
        now = self.now()
        month = UNSEEN_DAYS * DAY_S
        count = Counter(one.standing for one in self.stood() if now - one.endpoint.traffic.last <= month)
        today = self._days.get(int(now // DAY_S))
        return DiscoveryReading(
            standings=tuple((standing.value, count[standing]) for standing in Standing),
            monolith_share=None if today is None else today.share,
            sampled=self.sampled,
            forgotten=self.endpoints.forgotten,
        )

    def save(self) -> None:
        """Store what changed, in one transaction; what cannot be stored is tried again the next time."""
        told = self.endpoints.tell()
        known = {(endpoint.method, endpoint.template): endpoint for endpoint in told}
        fresh = [endpoint for key, endpoint in known.items() if self._saved.get(key) != endpoint]
        gone = self._saved.keys() - known.keys()
        days = self._days_with(left_of(self._stood(told), self.now()))
        if not fresh and not gone and days[-2:] == self._saved_days:
            return
        try:
            # Because the day before may have grown since it was stored last.
            self._table.write(fresh, gone, days[-2:])
        except StoreError as error:
            self._fail(error)
            return
        self._saved, self._saved_days = known, days[-2:]
        self._days = {day.day: day for day in days}
        if self.fault:
            LOG.warning("discovery_stored_again")
            self.fault = ""

    # --- inside

    def _is_told(self) -> bool:
        return self._clock() < self._told_until and self._told_by == self._truth.generation

    def _keep(self, told: tuple[Stood, ...], generation: int, took_s: float) -> None:
        self._told, self._told_by = told, generation
        # Because whoever asks may do so without end, and paths may be a stranger's, telling takes a bounded part.
        self._told_until = self._clock() + TELLING_PART * took_s

    def _days_with(self, left: Left) -> tuple[Day, ...]:
        """Return the days, with what is left on the last of them; a day without a request has no row."""
        days = [self._days[number] for number in sorted(self._days)]
        if days and days[-1].day == int(self.now() // DAY_S):
            days[-1] = replace(days[-1], endpoints=left.endpoints, left=left.left)
        return tuple(days)

    def _stood(self, endpoints: Sequence[Endpoint]) -> tuple[Stood, ...]:
        truth = self._truth
        self._known, told = _told(endpoints, self._known, truth.config, truth.flags, truth.overrides)
        return told

    def _fail(self, error: StoreError) -> None:
        if str(error) != self.fault:
            LOG.error("discovery_not_stored", extra={"fields": {"why": str(error)}})
        self.fault = str(error)


def _told(
    endpoints: Sequence[Endpoint], known: _Known | None, config: Config, flags: FlagData, overrides: Overrides
) -> tuple[_Known, tuple[Stood, ...]]:
    """Return how far endpoints have come, and what routes and flags give for it, worked out anew if it is not known."""
    is_same = known is not None and known.config is config
    if known is None or not is_same or known.flags is not flags:
        table = known.table if known is not None and is_same else Table(config.routes)
        known = _Known(config=config, flags=flags, table=table, shares=Shares().of(config, flags))
    caps = dict(overrides.caps)
    shares = {
        name: (0, 0) if overrides.is_killed else _served(share, caps.get(name)) for name, share in known.shares.items()
    }
    return known, stand(endpoints, config, known.table, shares)


def _served(share: Share, cap: int | None) -> tuple[int, int]:
    """Return what is served of a share, and what is held back of it; a guard's limit leaves nothing to hold back."""
    served = (share.basis_points or 0) - share.held_bp
    return (served, share.held_bp) if cap is None or cap >= served else (cap, 0)
