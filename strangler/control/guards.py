"""Guards: judges what all workers counted, takes traffic back, and keeps that over restarts.

A trip is served first and stored in the same breath, before the loop does anything else. If it cannot be stored it
holds in memory, the fault is loud, and it is stored as soon as the store can be written again.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import msgspec

from strangler.config.reading import nearest
from strangler.control.guardtable import Kept
from strangler.control.happening import Happening, own_cause, sample, sentence
from strangler.control.journal import Deed
from strangler.control.keeper import Keeper, Table
from strangler.core import guard as guards
from strangler.core.audit import Action
from strangler.core.guard import Event, Guard, Phase
from strangler.core.judge import Finding, Verdict, decisive
from strangler.core.model import Config, Route, Side
from strangler.core.sequential import Evidence
from strangler.core.shares import Overrides
from strangler.core.tally import Tally
from strangler.core.watch import NOTHING, Count, Watch, count_of
from strangler.errors import UsageError

SAMPLES = 10
"""Failed requests that are kept as evidence, the latest of each route."""
SAVE_EVERY_S = 5.0
"""How much of a sequential test a kill -9 may cost; a trip itself is stored at once."""
GUARD = "guard"
"""Who trips, in the audit log."""

LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _Guarded:
    route: Route
    watch: Watch
    kept: Kept
    samples: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    told: set[tuple[str, str]] = field(default_factory=set)
    """Dry-run breaches and lonely routes that were told of already."""
    findings: tuple[Finding, ...] = ()


class Guards:
    """The guards of all routes. Every call is short and synchronous."""

    def __init__(
        self,
        table: Table,
        *,
        on_overrides: Callable[[Overrides], None],
        on_happening: Callable[[Happening], None],
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._keeper = Keeper(table)
        self._on_overrides = on_overrides
        self._on_happening = on_happening
        self._wall = wall
        self._clock = clock
        self._guarded: dict[str, _Guarded] = {}
        self._stored: dict[str, Kept] = {}
        """What the store holds of routes, also of those that the file does not have now."""
        self._digest = ""
        self._lost = ""
        self._is_killed = False
        self._dirty: set[str] = set()
        self._saved_at = 0.0
        self._shares: dict[str, int | None] = {}

    # --- what the composition asks for

    def start(self, config: Config, lost: str = "") -> Overrides:
        """Read what is kept, and return what goes before every flag. Raises StoreError.

        `lost` says why nothing that was kept can be read; then every route is tripped, for any may have been.
        """
        self._stored = self._table.guards()
        self._is_killed = self._table.is_killed()
        self._lost = lost
        self._take(config)
        for guarded in self._guarded.values() if lost else ():
            latched = guards.step(guarded.kept.guard, Event.LATCH, now=self._wall(), cooldown=None)
            guarded.kept = replace(guarded.kept, guard=latched, cause={"why": lost})
        return self.overrides()

    def apply(self, config: Config) -> None:
        """Follow another routes file; a route whose migration is another one begins anew."""
        self._take(config)
        self._serve()

    def follow_shares(self, shares: Mapping[str, int | None]) -> None:
        """Note how far each route has come; where that changed, the old mix of requests says nothing any more."""
        for name, share in shares.items():
            guarded = self._guarded.get(name)
            if guarded is not None and self._shares.get(name, share) != share:
                guarded.watch.rebase()
        self._shares = dict(shares)

    def overrides(self) -> Overrides:
        """Return what goes before every flag."""
        caps = (
            (name, most)
            for name, guarded in self._guarded.items()
            if (most := guards.most(guarded.kept.guard, guarded.watch.rules.cooldown)) is not None
        )
        return Overrides(is_killed=self._is_killed, caps=tuple(caps))

    def count(self, tallies: Sequence[Tally]) -> None:
        """Take what one worker counted, judge the routes that it is about, and act."""
        now = self._clock()
        sides: dict[str, dict[Side, Count]] = {}
        for tally in tallies:
            if tally.route in self._guarded:
                sides.setdefault(tally.route, {})[tally.side] = count_of(tally)
        for name, counts in sides.items():
            guarded = self._guarded[name]
            extracted = counts.get(Side.EXTRACTED, NOTHING)
            guarded.watch.count(counts.get(Side.LEGACY, NOTHING), extracted, now)
            self._dirty.add(name)
            if extracted is not NOTHING:
                self._judge(name, guarded, extracted.requests, now)

    def remember(self, fields: Mapping[str, Any]) -> None:
        """Keep a failed exchange of the extracted side as a sample of evidence."""
        guarded = self._guarded.get(str(fields.get("route")))
        if guarded is not None and fields.get("side") == Side.EXTRACTED.value:
            guarded.samples.append(sample(fields))

    def tick(self) -> None:
        """Do what time brings: cool-downs end, and what was learnt is stored now and then."""
        wall = self._wall()
        woken = [
            name
            for name, guarded in self._guarded.items()
            if guarded.kept.guard.wake_at is not None and wall >= guarded.kept.guard.wake_at
        ]
        for name in woken:
            guarded = self._guarded[name]
            guarded.watch.clear()
            moved = guards.wake(guarded.kept.guard, now=wall, cooldown=guarded.watch.rules.cooldown)
            self._move({name: moved}, Action.PROBE, who=GUARD, why="the cool-down is over")
        if (self._dirty or self._keeper.is_behind) and wall - self._saved_at >= SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Store what was learnt since the last time."""
        names = [name for name in self._dirty if name in self._guarded]
        kept = {name: replace(self._guarded[name].kept, evidence=self._guarded[name].watch.evidence) for name in names}
        self._write(kept)

    # --- what people ask for

    def reset(self, name: str, *, who: str, why: str) -> tuple[str, ...]:
        """Give a route, and its cohort's that tripped with it, back to its flag; return the routes."""
        guarded = self._named(name)
        names = [
            each
            for each in self._together(name, guarded)
            if each == name or self._guarded[each].kept.guard.phase is not Phase.CLOSED
        ]
        wall = self._wall()
        moved = {}
        for each in names:
            one = self._guarded[each]
            one.watch.clear()
            one.told.clear()
            one.samples.clear()
            moved[each] = guards.step(one.kept.guard, Event.RESET, now=wall, cooldown=one.watch.rules.cooldown)
        self._move(moved, Action.RESET, who=who, why=why)
        return tuple(names)

    def trip(self, name: str, *, who: str, why: str) -> tuple[str, ...]:
        """Take a route's traffic back by hand, its cohort's with it; return the routes."""
        guarded = self._named(name)
        return self._trip(name, guarded, Event.LATCH, who=who, why=why, cause={})

    def kill(self, *, is_on: bool, who: str, why: str) -> None:
        """Pull or release the kill switch."""
        wall = self._wall()
        before, self._is_killed = self._is_killed, is_on
        self._serve()
        deed = Deed(at=wall, who=who, what=Action.KILL, subject="*", why=why, before=_json(before), after=_json(is_on))
        self._keeper.kill(is_on=is_on, at=wall, deed=deed)
        self._on_happening(Happening(action=Action.KILL, route="", who=who, why=why, at=wall, cause={"is_on": is_on}))

    def of(self, name: str) -> tuple[Kept, tuple[Finding, ...], bool] | None:
        """Return a route's guard, what its rules last found, and whether it has nothing to compare with."""
        guarded = self._guarded.get(name)
        if guarded is None:
            return None
        kept = replace(guarded.kept, evidence=guarded.watch.evidence)
        return kept, guarded.findings, guarded.watch.is_alone

    @property
    def fault(self) -> str:
        """Why the store cannot be written; empty while it can."""
        return self._lost or self._keeper.fault

    @property
    def is_killed(self) -> bool:
        """Whether the kill switch is on."""
        return self._is_killed

    # --- inside

    def _take(self, config: Config) -> None:
        self._digest = config.digest
        before, self._guarded = self._guarded, {}
        for route in config.routes:
            if route.rollback is None or route.extracted is None:
                continue
            migration = f"{route.legacy}>{route.extracted}:{route.flag or ''}"
            known = before.get(route.name)
            kept = known.kept if known is not None else self._stored.get(route.name, Kept(migration=migration))
            evidence = known.watch.evidence if known is not None else kept.evidence
            if kept.migration != migration:
                self._renew(route, kept, migration)
                kept, evidence, known = Kept(migration=migration), Evidence(), None
            if known is not None and known.watch.rules == route.rollback:
                known.route = route
                self._guarded[route.name] = known
                continue
            self._guarded[route.name] = _Guarded(route=route, watch=Watch(route.rollback, evidence), kept=kept)
        gone = {name: guarded.kept for name, guarded in before.items() if name not in self._guarded}
        self._stored.update(gone)

    def _renew(self, route: Route, kept: Kept, migration: str) -> None:
        deed = Deed(
            at=self._wall(),
            who=GUARD,
            what=Action.MIGRATION,
            subject=route.name,
            why="its upstreams or its flag are others, so its guard begins anew",
            before=_json(kept.migration),
            after=_json(migration),
        )
        self._write({route.name: Kept(migration=migration)}, (deed,))

    def _judge(self, name: str, guarded: _Guarded, requests: int, now: float) -> None:
        guarded.findings = guarded.watch.findings(now)
        self._tell_once(name, guarded)
        if guarded.kept.guard.phase in (Phase.TRIPPED, Phase.COOLING):
            # Because what is still under way when a route trips says nothing new.
            return
        found = decisive(guarded.findings)
        if found is not None:
            event = Event.COOL if guarded.watch.rules.cooldown is not None else Event.LATCH
            self._trip(
                name,
                guarded,
                event,
                who=GUARD,
                why=sentence(found, guarded.watch.evidence),
                cause=self._cause(guarded, found),
            )
            return
        wall = self._wall()
        moved = guards.probe(guarded.kept.guard, requests, now=wall, cooldown=guarded.watch.rules.cooldown)
        if moved.phase is not guarded.kept.guard.phase:
            self._move({name: moved}, Action.CLOSE, who=GUARD, why="the probe held")
        else:
            guarded.kept = replace(guarded.kept, guard=moved)

    def _trip(
        self, name: str, guarded: _Guarded, event: Event, *, who: str, why: str, cause: Mapping[str, Any]
    ) -> tuple[str, ...]:
        wall = self._wall()
        moved = {}
        for each in self._together(name, guarded):
            one = self._guarded[each]
            moved[each] = guards.step(one.kept.guard, event, now=wall, cooldown=one.watch.rules.cooldown)
        changed = {each: guard for each, guard in moved.items() if guard is not self._guarded[each].kept.guard}
        action = Action.TRIP if event is Event.LATCH else Action.COOL
        self._move(changed, action, who=who, why=why, cause={"route": name, "who": who, "why": why, **cause})
        return tuple(changed)

    def _together(self, name: str, guarded: _Guarded) -> Iterable[str]:
        cohort = guarded.route.cohort
        if not cohort or not guarded.watch.rules.trips_cohort:
            return [name]
        return [each for each, one in self._guarded.items() if one.route.cohort == cohort]

    def _move(
        self,
        moved: Mapping[str, Guard],
        action: Action,
        *,
        who: str,
        why: str,
        cause: Mapping[str, Any] | None = None,
    ) -> None:
        """Serve by other guards, store them, and tell of them, in this order and without a wait in between."""
        wall = self._wall()
        deeds, happenings, kept = [], [], {}
        for name, guard in moved.items():
            guarded = self._guarded[name]
            before = guarded.kept.guard
            own = None if cause is None else own_cause(cause, name)
            told = why if own is None else str(own["why"])
            is_open = guard.phase is Phase.CLOSED
            guarded.kept = kept[name] = replace(
                guarded.kept,
                guard=guard,
                evidence=guarded.watch.evidence,
                cause=None if is_open else own or guarded.kept.cause,
            )
            deeds.append(
                Deed(
                    at=wall,
                    who=who,
                    what=action,
                    subject=name,
                    why=told,
                    before=_json(asdict(before)),
                    after=_json(asdict(guard)),
                    evidence=None if own is None else _json(own),
                )
            )
            happenings.append(
                Happening(
                    action=action,
                    route=name,
                    who=who,
                    why=told,
                    at=wall,
                    flag=guarded.route.flag,
                    write_back=guarded.watch.rules.write_back,
                    cause=own,
                )
            )
        self._serve()
        self._write(kept, tuple(deeds))
        for happening in happenings:
            happening.log()
            self._on_happening(happening)

    def _serve(self) -> None:
        self._on_overrides(self.overrides())

    def _write(self, kept: Mapping[str, Kept], deeds: tuple[Deed, ...] = ()) -> None:
        self._stored.update(kept)
        self._saved_at = self._wall()
        self._keeper.keep(kept, at=self._saved_at, deeds=deeds)
        self._dirty.difference_update(kept)

    def _cause(self, guarded: _Guarded, found: Finding) -> Mapping[str, Any]:
        evidence = guarded.watch.evidence
        return {
            "rule": msgspec.to_builtins(found),
            "findings": msgspec.to_builtins(guarded.findings),
            "share_bp": self._shares.get(guarded.route.name),
            "sequential": {
                "log_e": evidence.log_e,
                "legacy_failures": evidence.legacy_failures,
                "extracted_failures": evidence.extracted_failures,
            },
            "samples": list(guarded.samples),
            "config": self._digest,
        }

    def _tell_once(self, name: str, guarded: _Guarded) -> None:
        """Log a broken rule in dry run, and a route that has nothing to compare with, once until it is over."""
        told = {
            ("dry_run", finding.metric.value)
            for finding in guarded.findings
            if finding.dry_run and finding.verdict is Verdict.BREACH
        }
        if guarded.watch.is_alone:
            told.add(("alone", ""))
        for what, metric in sorted(told - guarded.told):
            if what == "dry_run":
                LOG.warning("guard_dry_run", extra={"fields": {"route": name, "metric": metric}})
                continue
            why = "no requests reach the monolith, so only absolute limits guard this route"
            LOG.warning("guard_hold", extra={"fields": {"route": name, "why": why}})
            self._on_happening(Happening(action=Action.HOLD, route=name, who=GUARD, why=why, at=self._wall()))
        guarded.told = told

    def _named(self, name: str) -> _Guarded:
        guarded = self._guarded.get(name)
        if guarded is None:
            raise UsageError(f"no route `{name}` is guarded. {nearest(name, tuple(self._guarded))}")
        return guarded


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
