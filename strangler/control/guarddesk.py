"""The guard desk: what the admin API shows of guards and of the audit log, and what it lets people do."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from strangler.config.changes import Change
from strangler.control import filechange
from strangler.control.dryrun import Foreseen, Prepared, Served, changed
from strangler.control.guards import Guards
from strangler.control.journal import Headline, Journal
from strangler.control.metrics import GuardReading
from strangler.control.status import GuardStatus
from strangler.core.audit import Action, Kind, Row, movers
from strangler.core.guard import Event, Guard, Phase
from strangler.core.model import Config

MOST_ROWS = 1_000
_TRIPS = (Action.TRIP, Action.COOL)
"""What a person calls a trip, whether or not the route comes back by itself."""


class GuardDesk:
    """Shows guards, and trips, resets and kills."""

    def __init__(
        self,
        guards: Guards,
        journal: Journal,
        config: Callable[[], Config],
        *,
        prerequisites: Callable[[str], Sequence[str]],
    ) -> None:
        """`prerequisites` tells which flags a route's flag asks first. Raises StoreError."""
        self._guards = guards
        self._journal = journal
        self._config = config
        self._prerequisites = prerequisites
        self._trips = Counter(journal.counts(_TRIPS))
        journal.watch(self._follow)

    def catalogue(self) -> Mapping[str, Any]:
        """Return the kill switch and every guarded route's guard."""
        return {
            "is_killed": self._guards.is_killed,
            "store_fault": self._guards.fault,
            "guards": [found for route in self._config().routes if (found := self.show(route.name)) is not None],
        }

    def show(self, name: str) -> Mapping[str, Any] | None:
        """Return one route's guard with its evidence; None if the route is not guarded."""
        found = self._guards.of(name)
        if found is None:
            return None
        kept, findings, is_alone = found
        evidence = kept.evidence
        return {
            "route": name,
            "phase": kept.guard.phase.value,
            "since": kept.guard.since,
            "wake_at": kept.guard.wake_at,
            "trips": self._trips[name],
            "probed": kept.guard.probed,
            "cause": kept.cause,
            "findings": msgspec.to_builtins(findings),
            "is_alone": is_alone,
            "sequential": {
                "log_e": evidence.log_e,
                "peak": evidence.peak,
                "legacy_failures": evidence.legacy_failures,
                "extracted_failures": evidence.extracted_failures,
            },
        }

    def status(self, name: str) -> GuardStatus | None:
        """Return one route's guard in short; None if the route is not guarded."""
        found = self._guards.of(name)
        if found is None:
            return None
        kept, _, is_alone = found
        guard = kept.guard
        why = "" if guard.phase is Phase.CLOSED else str((kept.cause or {}).get("why", ""))
        return GuardStatus(phase=guard.phase.value, since=guard.since, why=why, is_alone=is_alone)

    def readings(self) -> Iterator[GuardReading | None]:
        """Yield what metrics say of each route of the routes file as it is when this begins; None of one without a
        guard."""
        for route in self._config().routes:
            one = self._guards.of(route.name)
            yield (
                None
                if one is None
                else GuardReading(
                    route=route.name, phase=one[0].guard.phase.value, evidence=one[0].evidence.log_e, is_alone=one[2]
                )
            )

    def names(self) -> tuple[str, ...]:
        """Return every guarded route."""
        return tuple(route.name for route in self._config().routes if self.has(route.name))

    def has(self, name: str) -> bool:
        """Return whether the route is guarded."""
        return self._guards.of(name) is not None

    def reset(self, name: str, why: str, *, who: str) -> Prepared:
        """Prepare to give a route back to its flag; raises UsageError."""
        moved = self._guards.given_back(name)

        def foresee() -> Foreseen:
            return Foreseen(
                answer={"reset": list(moved), "changed": bool(moved)},
                changes=self._changes(moved),
                notes=() if moved else (f"{name} has not tripped, so there is nothing to give back",),
                served=Served(overrides=self._guards.overrides(moved=moved)),
            )

        def carry_out() -> Mapping[str, Any]:
            done = self._guards.reset(name, who=who, why=why.strip())
            return {"reset": done, "changed": bool(done)}

        return Prepared(carry_out=carry_out, foresee=foresee)

    def trip(self, name: str, why: str, *, who: str) -> Prepared:
        """Prepare to take a route's traffic back by hand; raises UsageError."""
        moved = self._guards.taken_back(name, Event.LATCH)

        def foresee() -> Foreseen:
            return Foreseen(
                answer={"tripped": list(moved), "changed": bool(moved)},
                changes=self._changes(moved),
                notes=tuple(self._written_back(moved)),
                served=Served(overrides=self._guards.overrides(moved=moved)),
            )

        def carry_out() -> Mapping[str, Any]:
            done = self._guards.trip(name, who=who, why=why.strip())
            return {"tripped": done, "changed": bool(done)}

        return Prepared(carry_out=carry_out, foresee=foresee)

    def kill(self, is_on: bool, why: str, *, who: str) -> Prepared:
        """Prepare to pull or release the kill switch."""

        def carry_out() -> Mapping[str, Any]:
            has_changed = self._guards.kill(is_on=is_on, who=who, why=why.strip())
            return {"is_killed": is_on, "changed": has_changed}

        def foresee() -> Foreseen:
            return Foreseen(
                answer={"is_killed": is_on, "changed": is_on is not self._guards.is_killed},
                changes=changed("kill switch", "*", is_on=(self._guards.is_killed, is_on)),
                served=Served(overrides=self._guards.overrides(is_killed=is_on)),
            )

        return Prepared(carry_out=carry_out, foresee=foresee)

    def _changes(self, moved: Mapping[str, Guard]) -> tuple[Change, ...]:
        found = ((name, self._guards.of(name), guard) for name, guard in moved.items())
        return tuple(
            change
            for name, now, guard in found
            if now is not None
            for change in changed("guard", name, phase=(now[0].guard.phase.value, guard.phase.value))
        )

    def _written_back(self, moved: Mapping[str, Guard]) -> Iterator[str]:
        """Yield which flags would be switched off as well."""
        for route in self._config().routes:
            rules = route.rollback
            if route.name in moved and route.flag is not None and rules is not None and rules.write_back:
                yield f"its `write_back` would switch the flag `{route.flag}` of {route.name} off as well"

    async def audit(
        self,
        *,
        limit: int,
        before: int | None = None,
        what: Action | None = None,
        subject: str | None = None,
        who: str | None = None,
        kind: Kind | None = None,
        route: str | None = None,
        is_whole: bool,
    ) -> Mapping[str, Any]:
        """Return rows of the audit log, newest first; of a route, what could have moved its traffic. Unless they are
        to be as they are kept, secrets are masked that were not when a row was written. Raises StoreError."""
        among = () if route is None else self._movers(route)
        page = self._journal.page(
            limit=limit, before=before, what=what, subject=subject, who=who, kind=kind, among=among
        )
        rows = page.rows
        if not is_whole and any(map(filechange.is_open, rows)):
            # Because there may be a megabyte of them, they are masked beside the loop.
            rows = await asyncio.to_thread(_masked, rows)
        return {"rows": [row_as_shown(row) for row in rows], "next": page.next}

    def _movers(self, name: str) -> Sequence[tuple[Action, str]]:
        route = next((one for one in self._config().routes if one.name == name), None)
        # Because the log outlives the routes file, a route that is gone still has what was done to it.
        flags = () if route is None or route.flag is None else (route.flag, *self._prerequisites(name))
        return movers(name, flags)

    def _follow(self, one: Headline) -> None:
        if one.what in _TRIPS:
            self._trips[one.subject] += 1


def _masked(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(filechange.masked(row) if filechange.is_open(row) else row for row in rows)


def row_as_shown(row: Row) -> Mapping[str, Any]:
    """Return a row of the audit log in the form that people and machines are given."""
    return {**asdict(row.entry), "what": row.entry.what.value, "prev": row.prev, "hash": row.hash}
