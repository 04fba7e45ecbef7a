"""Snapshots: one generation of routes and flags, compiled for deciding.

Whatever does not depend on the request is done here, once: the table, each route's possible decisions, the counters'
slots. A snapshot never changes; a reload or a flag change makes another one.
"""

from dataclasses import dataclass, replace
from sys import maxsize

from strangler.core.decide import Decision, Flags, Reason
from strangler.core.identity import Reader, reader_of
from strangler.core.migration import Stage, compares, doubles, settings
from strangler.core.model import (
    FULL_SHARE,
    Config,
    Fallback,
    HostRule,
    ListenerLimits,
    Route,
    Side,
    Source,
    SourceKind,
    Timeouts,
)
from strangler.core.rules import Rollback
from strangler.core.shadowing import Shadow
from strangler.core.shares import NO_OVERRIDES, Overrides
from strangler.core.table import Table


class CompiledRoute:
    """One route with every decision that it can lead to.

    Because a lookup must not pay for a frozen value's hash, this is a plain slotted class.
    """

    __slots__ = (
        "_limits",
        "_settings",
        "_slots",
        "attributes",
        "cap",
        "closed",
        "decisions",
        "fixed",
        "hold_back",
        "is_closed",
        "key_header",
        "route",
        "rules",
        "sources",
        "tenant",
    )

    def __init__(
        self, route: Route, first_slot: int, config: Config, *, cap: int | None = None, is_killed: bool = False
    ) -> None:
        self.route = route
        self._settings = settings(route, config.shadow)
        self.rules = None if is_killed else self._settings
        """How its other side is asked; None where it never is. A kill switch leaves the extracted side alone."""
        self.cap = 0 if is_killed else cap
        """The most basis points that the extracted side may have; None for no limit."""
        self.closed = Reason.KILLED if is_killed else Reason.TRIPPED
        """Why that is none, where it is."""
        self.is_closed = is_killed or cap == 0
        """Whether nothing new may go to the extracted side."""
        self.key_header = b"" if route.idempotency is None else route.idempotency.header.encode("ascii")
        self.tenant = () if route.idempotency is None else _tenant(route.idempotency.tenant or route.identity)
        """Where it is read whose idempotency key it is."""
        self.hold_back = route.rollback.hold_back / FULL_SHARE if route.rollback is not None else 0.0
        """The part of the keys that stays on the monolith when a flag gives everything away."""
        self._limits = config.limits
        self._slots = {Side.LEGACY: first_slot, Side.EXTRACTED: first_slot + 1}
        self.sources = tuple((source, reader_of(source)) for source in route.identity)
        self.attributes = tuple((attribute.name, reader_of(attribute.source)) for attribute in route.attributes)
        self.decisions: dict[tuple[Side, Reason, Stage | None], Decision] = {}
        self.fixed = self._fixed()
        """The decision of a route that needs no key; None for one that is really split."""

    def decision(self, side: Side, reason: Reason, stage: Stage | None = None) -> Decision:
        """Return the one decision for a side, a reason and what a migration flag says."""
        found = self.decisions.get((side, reason, stage))
        if found is None:
            upstream = self.route.extracted if side is Side.EXTRACTED else self.route.legacy
            assert upstream is not None
            route, limits = self.route, self._limits
            may_fall_back = side is Side.EXTRACTED and route.fallback is not Fallback.OFF
            found = Decision(
                route=route,
                side=side,
                reason=reason,
                upstream=upstream,
                slot=self._slots[side],
                timeouts=route.timeouts,
                patience_s=patience_s(route.timeouts, limits),
                sets_host=route.host is not HostRule.PRESERVE,
                max_body_bytes=(limits.body_bytes if route.max_body_bytes is None else route.max_body_bytes) or maxsize,
                stage=stage,
                shadow=self.rules if self.rules is not None and compares(self.rules, side, stage) else None,
                writes=self._writes(side, stage),
                keyed=self if route.idempotency is not None else None,
                failing=_failing(route.rollback),
                instead=self.decision(Side.LEGACY, Reason.FALLBACK, stage) if may_fall_back else None,
            )
            self.decisions[(side, reason, stage)] = found
        return found

    def _writes(self, side: Side, stage: Stage | None) -> Shadow | None:
        """Return how a write goes to the other side too. What it must not be sent for all the same, such as a kill
        switch or a fallback, is noted by whoever notes it, because then it is not on both sides."""
        return self._settings if self._settings is not None and doubles(self._settings, side, stage) else None

    def _fixed(self) -> Decision | None:
        route = self.route
        if route.extracted is None:
            return self.decision(Side.LEGACY, Reason.NOT_SPLIT)
        asks = self.rules is not None or (self._settings is not None and self._settings.writes)
        if self.cap == 0 and (route.flag is None or not asks):
            return self.decision(Side.LEGACY, self.closed)
        if self.cap is not None or route.flag is not None or 0 < route.share < FULL_SHARE:
            return None
        return self.decision(Side.EXTRACTED if route.share else Side.LEGACY, Reason.SHARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one generation decides by."""

    generation: int
    config: Config
    flags: Flags
    table: Table
    routes: tuple[CompiledRoute, ...]
    unrouted: Decision
    slots: tuple[tuple[str, Side], ...]
    """(route name, side) of each counter slot; slot 0 is what no route names."""
    overrides: Overrides


def compile_snapshot(
    config: Config,
    *,
    generation: int,
    flags: Flags,
    overrides: Overrides = NO_OVERRIDES,
    before: Snapshot | None = None,
) -> Snapshot:
    """Return the snapshot of a checked config, one generation of flags, and what goes before them.

    Of a snapshot `before` with the same config, what the config alone decides is taken over.
    """
    caps = dict(overrides.caps)
    slots: list[tuple[str, Side]] = [("", Side.LEGACY)]
    routes: list[CompiledRoute] = []
    for route in config.routes:
        cap = caps.get(route.name)
        routes.append(CompiledRoute(route, len(slots), config, cap=cap, is_killed=overrides.is_killed))
        slots += [(route.name, Side.LEGACY), (route.name, Side.EXTRACTED)]
    return Snapshot(
        generation=generation,
        config=config,
        flags=flags,
        table=before.table if before is not None and before.config is config else Table(config.routes),
        routes=tuple(routes),
        unrouted=Decision(
            route=None,
            side=Side.LEGACY,
            reason=Reason.UNROUTED,
            upstream=config.default_upstream,
            slot=0,
            timeouts=config.timeouts,
            patience_s=patience_s(config.timeouts, config.limits),
            max_body_bytes=config.limits.body_bytes or maxsize,
        ),
        slots=tuple(slots),
        overrides=overrides,
    )


def with_flags(snapshot: Snapshot, *, generation: int, flags: Flags) -> Snapshot:
    """Return the same routes with another generation of flags.

    Because no flag is part of what is compiled, a flag change stops no worker for as long as ten thousand routes take.
    """
    return replace(snapshot, generation=generation, flags=flags)


def _tenant(sources: tuple[Source, ...]) -> tuple[tuple[Source, Reader], ...]:
    # Because a repetition may come without the cookie that the first try was assigned, that says nobody's name.
    return tuple((source, reader_of(source)) for source in sources if source.kind is not SourceKind.ASSIGNED)


def _failing(rollback: Rollback | None) -> frozenset[int] | None:
    if rollback is None or rollback.failures == Rollback().failures:
        return None
    return rollback.failing()


def patience_s(timeouts: Timeouts, limits: ListenerLimits) -> float:
    """Return the shortest time after which an exchange on which nothing moves may have to end."""
    return min(timeouts.response_s, timeouts.idle_s, limits.body_timeout_s, limits.write_timeout_s)
