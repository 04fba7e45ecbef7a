"""Settling: which routes a routes file has guarded, and what each carries over from before."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import msgspec

from strangler.control.guardtable import Kept
from strangler.control.happening import sample
from strangler.core import guard as guards
from strangler.core.guard import Guard, Phase
from strangler.core.judge import Finding, Verdict
from strangler.core.model import Config, Route
from strangler.core.watch import Watch

SAMPLES = 10
"""Failed requests that are kept as evidence, the latest of each route."""


@dataclass(slots=True)
class Guarded:
    """One route with its guard."""

    route: Route
    watch: Watch
    kept: Kept
    samples: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    told: set[tuple[str, str]] = field(default_factory=set)
    """Dry-run breaches and lonely routes that were told of already."""
    findings: tuple[Finding, ...] = ()
    counts_from: int = 0
    """The generation from which on exchanges say something: what began before a reset or a probe does not."""
    compares_from: int = 0
    """The generation from which on exchanges are of the share that there is now."""

    def compare_from(self, generation: int) -> None:
        """Compare the sides anew from this generation on: their parts of the requests are others."""
        self.watch.rebase()
        self.compares_from = generation

    def remember(self, fields: Mapping[str, Any]) -> None:
        """Keep a failed exchange of the extracted side as a sample of evidence."""
        self.samples.append(sample(fields))

    def forget(self) -> None:
        """Begin anew: what was counted, told and sampled up to now says nothing any more."""
        self.watch.clear()
        self.told.clear()
        self.samples.clear()

    def cause(self, found: Finding) -> dict[str, Any]:
        """Return why a rule takes the traffic back, as it is recorded."""
        evidence = self.watch.evidence
        return {
            "rule": msgspec.to_builtins(found),
            "findings": msgspec.to_builtins(self.findings),
            "sequential": {
                "log_e": evidence.log_e,
                "legacy_failures": evidence.legacy_failures,
                "extracted_failures": evidence.extracted_failures,
            },
            "samples": list(self.samples),
        }

    @property
    def to_tell(self) -> set[tuple[str, str]]:
        """What is worth a line of the log as long as it is so: dry-run breaches, and nothing to compare with."""
        breaches = {
            ("dry_run", finding.metric.value)
            for finding in self.findings
            if finding.dry_run and finding.verdict is Verdict.BREACH
        }
        return breaches | {("alone", "")} if self.watch.is_alone else breaches

    @property
    def learnt(self) -> Kept:
        """What is kept, with what was learnt up to now."""
        return replace(self.kept, evidence=self.watch.evidence)


class Settled(NamedTuple):
    """What a routes file comes to."""

    guarded: dict[str, Guarded]
    gone: dict[str, Kept]
    """Routes that are not guarded any more; their guards are kept for the day that they come back."""
    renewed: dict[str, str]
    """Routes of another migration than the one that was kept, with that."""


def migration_of(route: Route) -> str:
    """Return what makes it the same migration: the route's two upstreams and its flag."""
    return f"{route.legacy}>{route.extracted}:{route.flag or ''}"


def match_of(route: Route) -> str:
    """Return which requests a route is for, as text; no other route of a file is for the same."""
    return msgspec.json.encode(route.match).decode()


def settle(config: Config, before: Mapping[str, Guarded], stored: Mapping[str, Kept], *, now: float) -> Settled:
    """Return every guarded route of a routes file; `now` is the time of the wall clock."""
    guarded: dict[str, Guarded] = {}
    renewed: dict[str, str] = {}
    moved = _moved(config, before, stored)
    gone = {name: one.learnt for name, one in before.items()}
    for route in config.routes:
        if route.rollback is None or route.extracted is None:
            continue
        migration = migration_of(route)
        known = before.get(route.name)
        kept = known.learnt if known is not None else stored.get(route.name, Kept(migration=migration))
        if known is None and kept.guard.phase is Phase.CLOSED and (former := moved.get(match_of(route))) is not None:
            name, kept = former
            # Because it goes on under the other name, a reset there is one of this one too.
            gone[name] = Kept(migration=kept.migration)
        if not kept.migration:
            kept = replace(kept, migration=migration)
        if kept.migration != migration:
            renewed[route.name] = kept.migration
            kept, known = Kept(migration=migration), None
        settled = guards.settle(kept.guard, now=now, cooldown=route.rollback.cooldown)
        kept = replace(kept, guard=settled, match=match_of(route))
        if known is None or known.watch.rules != route.rollback:
            since = (known.counts_from, known.compares_from) if known is not None else (0, 0)
            known = Guarded(
                route, Watch(route.rollback, kept.evidence), kept, counts_from=since[0], compares_from=since[1]
            )
        known.route, known.kept = route, kept
        guarded[route.name] = known
    for name in guarded:
        gone.pop(name, None)
    return Settled(guarded, gone, renewed)


def caps(guarded: Mapping[str, Guarded], moved: Mapping[str, Guard]) -> tuple[tuple[str, int], ...]:
    """Return the most basis points of each route whose guard sets a limit; `moved` are guards that would be others."""
    found = (
        (name, guards.most(moved.get(name, one.kept.guard), one.watch.rules.cooldown)) for name, one in guarded.items()
    )
    return tuple((name, most) for name, most in found if most is not None)


def _moved(config: Config, before: Mapping[str, Guarded], stored: Mapping[str, Kept]) -> dict[str, tuple[str, Kept]]:
    """Return by match the guards that are not closed, with the name that each had: it may only be called otherwise."""
    names = {route.name for route in config.routes}
    kept = {name: one for name, one in stored.items() if one.match and name not in names and name not in before}
    held = {name: replace(one.learnt, match=match_of(one.route)) for name, one in before.items()}
    return {one.match: (name, one) for name, one in {**kept, **held}.items() if one.guard.phase is not Phase.CLOSED}
