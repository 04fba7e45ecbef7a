"""The discovery desk: what operators are shown of live paths, and how a route for one gets into the routes file."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from strangler.config import load
from strangler.config.replacing import check_replaceable
from strangler.config.stub import Stub, add_stub, suggest
from strangler.control.discovery import Discovery
from strangler.control.dryrun import Foreseen, Prepared, added
from strangler.control.filechange import change, difference
from strangler.control.journal import Journal
from strangler.control.pace import paced
from strangler.core.model import Config
from strangler.core.progress import Day, Left, Standing, Stood
from strangler.core.traffic import DAY_S
from strangler.errors import ConfigError, EditError, UsageError


class EndpointShown(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint; its requests are estimated from a sample."""

    method: str
    """HEAD is counted with GET, and rare methods together as OTHER."""
    template: str
    is_read: bool
    standing: Standing
    route: str
    """Empty if no route names it."""
    share_bp: int
    """The extracted side's part of it as it is served, by routes, flags and guards as they stand now."""
    held_bp: int
    """What is held back on the monolith though the flag gives it away, to compare with."""
    first_seen: float
    last_seen: float
    recent_legacy: float
    """Requests that the monolith answered on the day it was last seen and the one before (UTC)."""
    recent_extracted: float
    total: float
    """Requests since it was first seen."""


class LeftShown(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of the monolith."""

    endpoints: int
    """Seen within the last month."""
    left: int
    """Of them, those of which the monolith answers more than what is held back."""
    unrouted: int
    """Of those, the ones that no route names."""
    unseen: int
    """Endpoints with no request for a month."""
    held: int
    """Of those that are not left, the ones of which the monolith answers what `rollback.hold_back` keeps."""


class EndpointList(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoints of live traffic, those with the most of it first."""

    left: LeftShown
    seen: int
    """Requests since the start, of which `sampled` were looked at."""
    sampled: int
    unknown: float
    """Requests since the start for paths that no answer has shown to exist."""
    forgotten: int
    """Endpoints that made room for others since the start."""
    fault: str
    """Why what was learnt cannot be read or stored; empty while it can."""
    endpoints: tuple[EndpointShown, ...]


class DayShown(msgspec.Struct, frozen=True, kw_only=True):
    """One day of the burn-down; its requests are counted, not estimated."""

    day: str
    """As in 2026-11-24 (UTC)."""
    legacy: int
    """Requests that the monolith answered; those that no route names are among them."""
    extracted: int
    unrouted: int
    monolith_share: float | None
    """The monolith's part of the requests, 0 to 1; None without any."""
    endpoints: int
    left: int
    """The endpoints of which the monolith answered more than what is held back, at the day's end or as it stands."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the monolith is left, and how it became less."""

    left: LeftShown
    today: DayShown | None
    """None while nothing was asked for today."""
    days: tuple[DayShown, ...]
    """The oldest first; a day without a request has no row."""


class StubShown(msgspec.Struct, frozen=True, kw_only=True):
    """A route for an endpoint, as it would be, or was, added to the routes file."""

    route: str
    """The new route's name."""
    file: str
    diff: str
    is_written: bool


class DiscoveryDesk:
    """Shows what was learnt, and adds stubs."""

    def __init__(self, discovery: Discovery, journal: Journal, file: Path) -> None:
        self._discovery = discovery
        self._journal = journal
        self._file = file
        self._busy: set[str] = set()

    async def endpoints(self) -> EndpointList:
        """Return every endpoint."""
        found = self._discovery
        await found.look()
        stood = sorted(found.stood(), key=lambda one: (-sum(one.endpoint.traffic.recent()), one.endpoint.template))
        return EndpointList(
            left=_left(found.left()),
            seen=found.seen,
            sampled=found.sampled,
            unknown=round(found.endpoints.unknown, 1),
            forgotten=found.endpoints.forgotten,
            fault=found.fault,
            endpoints=tuple([_endpoint(one) async for one in paced(stood)]),
        )

    async def progress(self) -> Progress:
        """Return the burn-down."""
        await self._discovery.look()
        days = tuple(_day(day) for day in self._discovery.days())
        today = _date(int(self._discovery.now() // DAY_S))
        return Progress(
            left=_left(self._discovery.left()),
            today=days[-1] if days and days[-1].day == today else None,
            days=days,
        )

    async def propose(self, method: str, template: str, *, is_whole: bool) -> StubShown:
        """Return what a stub for an endpoint would change, with secrets masked unless it `is_whole`. Raises UsageError
        if there can be none."""
        with self._alone("propose"):
            stub, before, after = await self._edited(method, template)
            diff = await asyncio.to_thread(difference, before, after, self._file, is_whole=is_whole)
        return self._shown(stub, diff, is_written=False)

    async def add(self, method: str, template: str, *, who: str, why: str) -> Prepared:
        """Prepare to write a stub for an endpoint into the routes file. Raises UsageError.

        It raises UsageError, and StoreError if it cannot be recorded; then the file is as it was.
        """
        # Because proposals are for viewers too, and may follow each other closely, this has a turn of its own.
        with self._alone("add"):
            stub, before, after = await self._edited(method, template)
            diff, masked = [
                await asyncio.to_thread(difference, before, after, self._file, is_whole=is_whole)
                for is_whole in (True, False)
            ]
        shown = self._shown(stub, diff, is_written=True)
        with _refused():
            check_replaceable(self._file)

        def foresee() -> Foreseen:
            matched = f"{method} {template}"
            return Foreseen(answer=shown, changes=(added("route", stub.name, match=matched),), diff=diff)

        def carry_out() -> StubShown:
            at = self._discovery.now()
            with _refused():
                change(self._journal, self._file, before=before, after=after, masked=masked, at=at, who=who, why=why)
            return shown

        return Prepared(carry_out=carry_out, foresee=foresee)

    async def _edited(self, method: str, template: str) -> tuple[Stub, bytes, bytes]:
        await self._discovery.look()
        known = {(one.endpoint.method, one.endpoint.template): one for one in self._discovery.stood()}
        one = known.get((method, template))
        if one is None:
            raise UsageError(f"no endpoint {method} {template} was seen; `strangler discover` lists those that were.")
        if one.standing is not Standing.UNROUTED:
            raise UsageError(f"route {one.route!r} names {method} {template} already.")
        # Because a large file takes long to parse, and this loop has guards to judge by.
        return await asyncio.to_thread(self._edit, method, template)

    def _edit(self, method: str, template: str) -> tuple[Stub, bytes, bytes]:
        try:
            before = load.read_file(self._file)
            config: Config = load.parse(before, path=self._file)
            stub = suggest(config, method, template)
            return stub, before, add_stub(before, config, stub, file=self._file)
        except ConfigError as error:
            raise UsageError(f"the routes file has faults, mend them first: {error.faults[0]}") from error
        except EditError as error:
            raise UsageError(str(error)) from error

    def _shown(self, stub: Stub, diff: Sequence[str], *, is_written: bool) -> StubShown:
        return StubShown(route=stub.name, file=str(self._file), diff="\n".join(diff), is_written=is_written)

    @contextmanager
    def _alone(self, what: str) -> Iterator[None]:
        if what in self._busy:
            raise UsageError("another route is being added; ask again in a moment.")
        self._busy.add(what)
        try:
            yield
        finally:
            self._busy.discard(what)


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except EditError as error:
        raise UsageError(str(error)) from error


def _endpoint(one: Stood) -> EndpointShown:
    endpoint, traffic = one.endpoint, one.endpoint.traffic
    legacy, extracted = traffic.recent()
    return EndpointShown(
        method=endpoint.method,
        template=endpoint.template,
        is_read=endpoint.is_read,
        standing=one.standing,
        route=one.route,
        share_bp=one.share,
        held_bp=one.held,
        first_seen=traffic.first,
        last_seen=traffic.last,
        recent_legacy=round(legacy, 1),
        recent_extracted=round(extracted, 1),
        total=round(traffic.total, 1),
    )


def _left(left: Left) -> LeftShown:
    return LeftShown(
        endpoints=left.endpoints, left=left.left, unrouted=left.unrouted, unseen=left.unseen, held=left.held
    )


def _day(day: Day) -> DayShown:
    return DayShown(
        day=_date(day.day),
        legacy=day.legacy,
        extracted=day.extracted,
        unrouted=day.unrouted,
        monolith_share=None if day.share is None else round(day.share, 6),
        endpoints=day.endpoints,
        left=day.left,
    )


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()
