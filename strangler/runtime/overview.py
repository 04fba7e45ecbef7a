"""Overview: what control knows, put together for people: status, metrics, and why a request would go where it goes."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from strangler import __version__
from strangler.control import explain, status
from strangler.control.discovery import Discovery
from strangler.control.effective import Effective, effective
from strangler.control.health import HealthChecks
from strangler.control.metrics import Reading
from strangler.control.pace import paced
from strangler.control.routesapi import RouteList, RouteShown
from strangler.control.share import Share, Shares
from strangler.control.status import (
    FlagsStatus,
    Readiness,
    RestartStatus,
    RouteStanding,
    Status,
    TlsStatus,
    WorkerStatus,
    with_sides,
)
from strangler.control.statusapi import Question
from strangler.control.totals import Totals
from strangler.control.truth import Truth
from strangler.core.model import Route, Side
from strangler.core.snapshot import Snapshot, compile_snapshot
from strangler.flags.evaluator import Evaluator
from strangler.flags.source import FlagSource, SourceState
from strangler.runtime.admindoor import Door
from strangler.runtime.certificates import NOT_AFTER, REJECTED
from strangler.runtime.member import Phase
from strangler.runtime.protection import Protection
from strangler.runtime.reload import RoutesFile
from strangler.runtime.rollout import Rollout
from strangler.runtime.shadowing import Shadowing
from strangler.runtime.supervisor import Supervisor


class Overview:
    """Reads everything and changes nothing."""

    def __init__(
        self,
        truth: Truth,
        *,
        health: HealthChecks,
        totals: Totals,
        routes: RoutesFile,
        source: FlagSource,
        supervisor: Supervisor,
        rollout: Rollout,
        protection: Protection,
        shadowing: Shadowing,
        discovery: Discovery,
        door: Door,
        unready: Callable[[], tuple[str, ...]],
    ) -> None:
        self._truth = truth
        self._health = health
        self._totals = totals
        self._routes = routes
        self._source = source
        self._supervisor = supervisor
        self._rollout = rollout
        self._protection = protection
        self._shadowing = shadowing
        self._discovery = discovery
        self._door = door
        self._unready = unready
        self._started = time.monotonic()
        self._shares = Shares()
        # Because the workers tell of missing flags; an explanation says so in its own answer.
        self._evaluator = Evaluator(on_problem=lambda _flag, _reason: None)
        self._snapshot: Snapshot | None = None
        self._explaining = asyncio.Lock()

    async def status(self) -> Status:
        """Return the whole proxy as it is now."""
        routes = [with_sides(standing, self._totals) async for standing in paced(self.standings())]
        return msgspec.structs.replace(self.head(), routes=tuple(routes))

    def head(self) -> Status:
        """Return the proxy without its routes, in constant time however many there are."""
        truth = self._truth
        standing = self._source.status()
        unready = self._unready()
        return Status(
            version=__version__,
            generation=truth.generation,
            uptime_s=round(time.monotonic() - self._started, 3),
            is_ready=not unready,
            unready=unready,
            lacks=self._supervisor.lacks(),
            restart=self.restart(),
            config=self._routes.status(),
            flags=FlagsStatus(
                source=truth.config.flags.source.value,
                state=standing.state.value,
                detail=standing.detail,
                version=truth.flags.version,
            ),
            tls=self._tls(),
            workers=self._workers(),
            upstreams=status.of_upstreams(truth.config.upstreams, self._health.verdicts),
            routes=(),
            unrouted=status.of_side(self._totals.of("", Side.LEGACY)),
            comparer=self._shadowing.status(),
            is_killed=self._protection.guards.is_killed,
            store_fault=self._protection.guards.fault,
            divergences=self._shadowing.divergences.status(),
        )

    def standings(self) -> Iterator[RouteStanding]:
        """Yield how far each route has come, one by one, of the routes file as it is when this begins."""
        truth = self._truth
        routes, shares = truth.config.routes, self._shares.of(truth.config, truth.flags)
        caps = dict(truth.overrides.caps)
        for route in routes:
            yield status.standing_of(
                route,
                share=shares[route.name],
                served_bp=self._effective(route, shares[route.name], caps).share_bp,
                guard=self._protection.desk.status(route.name),
                shadow=self._shadowing.desk.status(route),
            )

    async def routes(self) -> RouteList:
        """Return every route as it is served, and what decides its share."""
        truth = self._truth
        routes, shares = truth.config.routes, self._shares.of(truth.config, truth.flags)
        caps = dict(truth.overrides.caps)
        shown = [self._route(route, shares[route.name], caps) async for route in paced(routes)]
        return RouteList(routes=tuple(shown), unrouted=status.of_side(self._totals.of("", Side.LEGACY)))

    def route(self, name: str) -> RouteShown | None:
        """Return one route as `routes` does; None if there is none of this name."""
        truth = self._truth
        found = next((route for route in truth.config.routes if route.name == name), None)
        if found is None:
            return None
        return self._route(found, self._shares.of(truth.config, truth.flags)[name], dict(truth.overrides.caps))

    def names(self) -> tuple[str, ...]:
        """Return every route's name, in the order of the file."""
        return tuple(route.name for route in self._truth.config.routes)

    def _effective(self, route: Route, share: Share, caps: Mapping[str, int], guard_why: str = "") -> Effective:
        is_killed = self._truth.overrides.is_killed
        return effective(route, share, cap=caps.get(route.name), is_killed=is_killed, guard_why=guard_why)

    def _route(self, route: Route, share: Share, caps: Mapping[str, int]) -> RouteShown:
        guard = self._protection.desk.status(route.name)
        found = self._effective(route, share, caps, guard.why if guard is not None else "")
        return RouteShown(
            name=route.name,
            methods=route.match.methods,
            path=route.match.path,
            hosts=route.match.hosts,
            legacy=route.legacy,
            extracted=route.extracted,
            flag=route.flag,
            cohort=route.cohort,
            line=route.line,
            share_bp=found.share_bp,
            wanted_bp=found.wanted_bp,
            source=found.source,
            why=found.why,
            note=share.note,
            sides={side.value: status.of_side(self._totals.of(route.name, side)) for side in Side},
            guard=guard,
            shadow=self._shadowing.desk.status(route),
        )

    def readiness(self) -> Readiness:
        """Return whether traffic should be sent here, in constant time however many routes there are."""
        unready = self._unready()
        return Readiness(
            status="not ready" if unready else "ready",
            unready=unready,
            lacks=self._supervisor.lacks(),
            generation=self._truth.generation,
            workers=self._workers(),
            config=self._routes.status().state,
            flags=self._source.status().state.value,
            restart=self._rollout.progress.stage.value,
            store=self._protection.guards.fault,
        )

    def restart(self) -> RestartStatus:
        """Return the latest rolling restart as it stands."""
        progress = self._rollout.progress
        return RestartStatus(
            number=progress.number,
            state=progress.stage.value,
            replaced=progress.replaced,
            workers=progress.workers,
            detail=progress.detail,
        )

    async def reading(self) -> Reading:
        """Return what metrics need besides the totals."""
        truth = self._truth
        # Because others have their turn in between, what is of one moment is read after it.
        guards = tuple([one async for one in paced(self._protection.desk.readings()) if one is not None])
        shadow = tuple([one async for one in paced(self._shadowing.desk.readings())])
        await self._discovery.look()
        members = self._supervisor.members
        return Reading(
            generation=truth.generation,
            workers=sum(member.phase is Phase.SERVING for member in members),
            restarts=self._supervisor.restarts,
            is_rejected=self._routes.status().state == "rejected",
            flags_state=self._source.status().state.value,
            flags_states=tuple(state.value for state in SourceState),
            shares=tuple(
                (name, share.basis_points)
                for name, share in self._shares.of(truth.config, truth.flags).items()
                if share.basis_points is not None
            ),
            gauges=tuple(sorted(self._gauges().items())),
            guards=guards,
            shadow=shadow,
            recordings=self._shadowing.recordings.desk.readings(),
            writes=self._shadowing.divergences.reading(),
            door=self._door.reading(),
            comparers=self._shadowing.restarts,
            discovery=self._discovery.reading(),
            is_killed=self._protection.guards.is_killed,
            is_store_failing=bool(self._protection.guards.fault),
            undelivered=self._protection.undelivered,
            healthy=tuple((one.upstream, one.address, one.is_healthy) for one in self._health.verdicts),
        )

    def _gauges(self) -> dict[str, int]:
        """Return the workers' gauges as one, the earliest expiry and the sum of all else; and the comparer's."""
        gauges = dict(self._shadowing.gauges)
        for member in self._supervisor.members:
            for name, value in member.gauges.items():
                known = gauges.get(name)
                if known is None:
                    gauges[name] = value
                else:
                    gauges[name] = min(known, value) if name == NOT_AFTER else known + value
        return gauges

    def _tls(self) -> TlsStatus | None:
        if self._truth.config.tls is None:
            return None
        gauges = self._gauges()
        return TlsStatus(state="rejected" if gauges.get(REJECTED) else "current", not_after=gauges.get(NOT_AFTER))

    async def explain(self, question: Question) -> Mapping[str, Any]:
        """Return where a request would go and why, by the truth as it is now."""
        truth = self._truth
        async with self._explaining:
            snapshot = self._snapshot
            if snapshot is None or snapshot.generation != truth.generation:
                flags = self._evaluator.apply(truth.flags)
                # Because thousands of routes take long to compile, and this loop has guards to judge by.
                snapshot = self._snapshot = await asyncio.to_thread(
                    compile_snapshot,
                    truth.config,
                    generation=truth.generation,
                    flags=flags,
                    overrides=truth.overrides,
                )
        return explain.answer(snapshot, question)

    def _workers(self) -> tuple[WorkerStatus, ...]:
        return tuple(
            WorkerStatus(index=member.index, pid=member.pid, generation=member.generation, state=member.phase.value)
            for member in self._supervisor.members
        )
