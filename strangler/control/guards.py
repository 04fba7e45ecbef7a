"""Guards: judges what all workers counted, takes traffic back, and keeps that over restarts.

A trip is served first and stored in the same breath, before the loop does anything else. If it cannot be stored it
holds in memory, the fault is loud, and it is stored as soon as the store can be written again.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Any

from strangler.config.reading import nearest
from strangler.control.guardtable import Kept
from strangler.control.happening import Happening, own_cause, sentence
from strangler.control.journal import Deed, as_text
from strangler.control.keeper import Keeper, Table
from strangler.control.settling import Guarded, caps, settle
from strangler.core import guard as guards
from strangler.core.audit import Action
from strangler.core.guard import Event, Guard, Phase
from strangler.core.judge import Finding, decisive
from strangler.core.model import Config, Side
from strangler.core.shares import Overrides
from strangler.core.tally import Tally
from strangler.core.watch import NOTHING, Count, count_of
from strangler.errors import UsageError

SAVE_EVERY_S = 5.0
"""How much of a sequential test a kill -9 may cost; a trip itself is stored at once."""
GUARD = "guard"
"""Who trips, in the audit log."""

_NEW = Kept(migration="")

LOG = logging.getLogger(__name__)


class Guards:
    """The guards of all routes. Every call is short and synchronous."""

    def __init__(
        self,
        table: Table,
        *,
        on_overrides: Callable[[Overrides], int],
        on_happening: Callable[[Happening], None],
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_overrides` serves by them, and returns the generation from which on that is so."""
        self._table = table
        self._keeper = Keeper(table)
        self._on_overrides = on_overrides
        self._on_happening = on_happening
        self._wall = wall
        self._clock = clock
        self._guarded: dict[str, Guarded] = {}
        self._stored: dict[str, Kept] = {}
        """What the store holds of routes, also of those that the file does not have now."""
        self._digest = ""
        self._lost = ""
        self.is_killed = False
        """Whether the kill switch is on."""
        self._dirty: set[str] = set()
        self._saved_at = clock()
        self._wakes: dict[str, float] = {}
        """When (of the clock that never goes back) each cool-down is over."""
        self._shares: dict[str, int | None] = {}
        self._changed: set[str] = set()
        """Routes that the file that was just taken changed."""
        self._served = Overrides()

    # --- what the composition asks for

    def start(self, config: Config, lost: str = "") -> Overrides:
        """Read what is kept, and return what goes before every flag. Raises StoreError.

        `lost` says why nothing that was kept can be read; then every route is tripped, for any may have been.
        """
        self._stored = self._table.guards()
        self.is_killed = self._table.is_killed()
        self._lost = lost
        self._take(config)
        for guarded in self._guarded.values() if lost else ():
            latched = guards.step(guarded.kept.guard, Event.LATCH, now=self._wall(), cooldown=None)
            guarded.kept = replace(guarded.kept, guard=latched, cause={"why": lost})
        self._served = self._follow_phases()
        return self._served

    def apply(self, config: Config) -> None:
        """Follow another routes file; a route whose migration is another one begins anew."""
        before = {name: guarded.route for name, guarded in self._guarded.items()}
        self._take(config)
        self._changed = {name for name, guarded in self._guarded.items() if before.get(name) != guarded.route}
        self._serve()

    def follow_shares(self, shares: Mapping[str, int | None], generation: int) -> None:
        """Note how far each route has come from this generation on; where that changed, the old mix says nothing."""
        for name, share in shares.items():
            guarded = self._guarded.get(name)
            if guarded is not None and (name in self._changed or self._shares.get(name, share) != share):
                guarded.compare_from(generation)
        self._shares, self._changed = dict(shares), set()

    def overrides(
        self, *, is_killed: bool | None = None, moved: Mapping[str, Guard] = MappingProxyType({})
    ) -> Overrides:
        """Return what goes before every flag, or would with another kill switch or other guards."""
        found = self.is_killed if is_killed is None else is_killed
        return Overrides(is_killed=found, caps=caps(self._guarded, moved))

    def count(self, tallies: Sequence[Tally]) -> None:
        """Take what one worker counted, judge the routes that it is about, and act."""
        now = self._clock()
        sides: dict[tuple[str, int], dict[Side, Count]] = {}
        for tally in tallies:
            guarded = self._guarded.get(tally.route)
            if guarded is not None and tally.generation >= guarded.counts_from:
                # Because exchanges that began before a change end after it, a worker may tell of a side twice.
                sides.setdefault((tally.route, tally.generation), {})[tally.side] = count_of(tally)
        asked: dict[str, int] = {}
        for (name, generation), counts in sides.items():
            guarded = self._guarded[name]
            extracted = counts.get(Side.EXTRACTED, NOTHING)
            is_comparable = generation >= guarded.compares_from
            guarded.watch.count(counts.get(Side.LEGACY, NOTHING), extracted, now, is_comparable=is_comparable)
            self._dirty.add(name)
            if extracted is not NOTHING:
                asked[name] = asked.get(name, 0) + extracted.requests
        for name, requests in asked.items():
            self._judge(name, self._guarded[name], requests, now)

    def compare(self, name: str, compared: int, different: int) -> None:
        """Take what was compared of a route since the last time, judge it, and act."""
        guarded = self._guarded.get(name)
        if guarded is not None and guarded.watch.rules.mismatch_rate is not None:
            now = self._clock()
            guarded.watch.compare(compared, different, now)
            self._judge(name, guarded, 0, now)

    def remember(self, fields: Mapping[str, Any]) -> None:
        """Keep a failed exchange of the extracted side as a sample of evidence."""
        guarded = self._guarded.get(str(fields.get("route")))
        if guarded is not None and fields.get("side") == Side.EXTRACTED.value:
            guarded.remember(fields)

    def tick(self) -> None:
        """Do what time brings: cool-downs end, and what was learnt is stored now and then."""
        now = self._clock()
        for name in [name for name, due in self._wakes.items() if now >= due]:
            guarded = self._guarded[name]
            guarded.watch.clear()
            cooldown = guarded.watch.rules.cooldown
            moved = guards.step(guarded.kept.guard, Event.COOLED, now=self._wall(), cooldown=cooldown)
            self._move({name: moved}, Action.PROBE, who=GUARD, why="the cool-down is over")
        if (self._dirty or self._keeper.is_behind) and now - self._saved_at >= SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Store what was learnt since the last time."""
        self._write({name: self._guarded[name].learnt for name in self._dirty if name in self._guarded})
        self._dirty.clear()

    # --- what people ask for

    def reset(self, name: str, *, who: str, why: str) -> tuple[str, ...]:
        """Give a tripped route, and its cohort's that tripped with it, back to its flag; return the routes.

        What has not tripped stays as it is, with all that was counted: a reset that comes late must not hide anything.
        """
        moved = self.given_back(name)
        for each in moved:
            self._guarded[each].forget()
        self._move(moved, Action.RESET, who=who, why=why)
        return tuple(moved)

    def given_back(self, name: str) -> Mapping[str, Guard]:
        """Return the guards that a reset would give the routes. Raises UsageError."""
        return {
            each: self._step(each, Event.RESET)
            for each in self._together(self._named(name))
            if self._guarded[each].kept.guard.phase is not Phase.CLOSED
        }

    def trip(self, name: str, *, who: str, why: str) -> tuple[str, ...]:
        """Take a route's traffic back by hand, its cohort's with it; return the routes."""
        return self._trip(name, Event.LATCH, who=who, why=why, cause={})

    def taken_back(self, name: str, event: Event) -> Mapping[str, Guard]:
        """Return the guards that a trip would give those routes that it changes. Raises UsageError."""
        moved = {each: self._step(each, event) for each in self._together(self._named(name))}
        return {each: guard for each, guard in moved.items() if guard is not self._guarded[each].kept.guard}

    def kill(self, *, is_on: bool, who: str, why: str) -> bool:
        """Pull or release the kill switch; return whether that changed anything."""
        if is_on is self.is_killed:
            return False
        wall = self._wall()
        before, self.is_killed = self.is_killed, is_on
        self._serve()
        deed = Deed(
            at=wall, who=who, what=Action.KILL, subject="*", why=why, before=as_text(before), after=as_text(is_on)
        )
        self._keeper.kill(is_on=is_on, at=wall, deed=deed)
        self._on_happening(Happening(action=Action.KILL, route="", who=who, why=why, at=wall, cause={"is_on": is_on}))
        return True

    def of(self, name: str) -> tuple[Kept, tuple[Finding, ...], bool] | None:
        """Return a route's guard, what its rules last found, and whether it has nothing to compare with."""
        guarded = self._guarded.get(name)
        if guarded is None:
            return None
        return guarded.learnt, guarded.findings, guarded.watch.is_alone

    @property
    def fault(self) -> str:
        """Why the store cannot be written; empty while it can."""
        return self._lost or self._keeper.fault

    # --- inside

    def _take(self, config: Config) -> None:
        self._digest = config.digest
        wall = self._wall()
        settled = settle(config, self._guarded, self._stored, now=wall)
        latched = {
            name: one.kept
            for name, one in settled.guarded.items()
            if (self._guarded[name].kept if name in self._guarded else self._stored.get(name, _NEW)).guard.phase
            is not one.kept.guard.phase
        }
        self._guarded = settled.guarded
        deeds = [
            Deed(
                at=wall,
                who=GUARD,
                what=Action.MIGRATION,
                subject=name,
                why="its upstreams or its flag are others, so its guard begins anew",
                before=as_text(migration),
                after=as_text(self._guarded[name].kept.migration),
            )
            for name, migration in settled.renewed.items()
        ]
        renewed = {name: self._guarded[name].kept for name in settled.renewed}
        if settled.gone or renewed or latched:
            self._write({**settled.gone, **renewed, **latched}, tuple(deeds))

    def _judge(self, name: str, guarded: Guarded, requests: int, now: float) -> None:
        guarded.findings = guarded.watch.findings(now)
        self._tell_once(name, guarded)
        if guarded.kept.guard.phase in (Phase.TRIPPED, Phase.COOLING):
            # Because what is still under way when a route trips says nothing new.
            return
        found = decisive(guarded.findings)
        if found is not None:
            event = Event.COOL if guarded.watch.rules.cooldown is not None else Event.LATCH
            why = sentence(found, guarded.watch.evidence)
            self._trip(name, event, who=GUARD, why=why, cause=guarded.cause(found))
            return
        wall = self._wall()
        moved = guards.probe(guarded.kept.guard, requests, now=wall, cooldown=guarded.watch.rules.cooldown)
        if moved.phase is not guarded.kept.guard.phase:
            self._move({name: moved}, Action.CLOSE, who=GUARD, why="the probe held")
        else:
            guarded.kept = replace(guarded.kept, guard=moved)

    def _trip(self, name: str, event: Event, *, who: str, why: str, cause: Mapping[str, Any]) -> tuple[str, ...]:
        changed = self.taken_back(name, event)
        action = Action.TRIP if event is Event.LATCH else Action.COOL
        self._move(changed, action, who=who, why=why, cause=self._whole(name, who, why, cause))
        return tuple(changed)

    def _whole(self, name: str, who: str, why: str, cause: Mapping[str, Any]) -> Mapping[str, Any]:
        known = {"share_bp": self._shares.get(name), "config": self._digest} if cause else {}
        return {"route": name, "who": who, "why": why, **cause, **known}

    def _step(self, name: str, event: Event) -> Guard:
        one = self._guarded[name]
        return guards.step(one.kept.guard, event, now=self._wall(), cooldown=one.watch.rules.cooldown)

    def _together(self, guarded: Guarded) -> Iterable[str]:
        cohort = guarded.route.cohort
        if not cohort or not guarded.watch.rules.trips_cohort:
            return [guarded.route.name]
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
                    before=as_text(asdict(before)),
                    after=as_text(asdict(guard)),
                    evidence=None if own is None else as_text(own),
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
        generation = self._serve()
        for name in moved if action in (Action.RESET, Action.PROBE) else ():
            # Because what began before says nothing of what was mended since.
            self._guarded[name].counts_from = generation
            self._guarded[name].compare_from(generation)
        self._write(kept, tuple(deeds))
        for happening in happenings:
            happening.log()
            self._on_happening(happening)

    def _serve(self) -> int:
        before, self._served = self._served, self._follow_phases()
        generation = self._on_overrides(self._served)
        moved = {name for name, _ in set(before.caps) ^ set(self._served.caps)}
        for name in self._guarded if before.is_killed != self._served.is_killed else moved:
            if name in self._guarded:
                # Because another part of the requests goes to each side from now on.
                self._guarded[name].compare_from(generation)
        return generation

    def _follow_phases(self) -> Overrides:
        """Return what goes before every flag, and note when which cool-down is over."""
        wall, now = self._wall(), self._clock()
        wakes = {}
        for name, guarded in self._guarded.items():
            guard, cooldown = guarded.kept.guard, guarded.watch.rules.cooldown
            if guard.wake_at is not None and cooldown is not None:
                # Because the wall clock may be set, it is asked once, and believed up to the longest cool-down.
                left_s = min(max(guard.wake_at - wall, 0.0), cooldown.max_s)
                wakes[name] = self._wakes.get(name, now + left_s)
        self._wakes = wakes
        return self.overrides()

    def _write(self, kept: Mapping[str, Kept], deeds: tuple[Deed, ...] = ()) -> None:
        self._stored.update(kept)
        self._saved_at = self._clock()
        self._keeper.keep(kept, at=self._wall(), deeds=deeds)
        self._dirty.difference_update(kept)

    def _tell_once(self, name: str, guarded: Guarded) -> None:
        """Log a broken rule in dry run, and a route that has nothing to compare with, once until it is over."""
        told = guarded.to_tell
        for what, metric in sorted(told - guarded.told):
            if what == "dry_run":
                LOG.warning("guard_dry_run", extra={"fields": {"route": name, "metric": metric}})
                continue
            why = "no requests reach the monolith, so only absolute limits guard this route"
            LOG.warning("guard_hold", extra={"fields": {"route": name, "why": why}})
            self._on_happening(Happening(action=Action.HOLD, route=name, who=GUARD, why=why, at=self._wall()))
        guarded.told = told

    def _named(self, name: str) -> Guarded:
        guarded = self._guarded.get(name)
        if guarded is None:
            raise UsageError(f"no route `{name}` is guarded. {nearest(name, tuple(self._guarded))}")
        return guarded
