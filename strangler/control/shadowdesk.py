"""The shadow desk: what operators are shown of comparisons, and how they have them forgotten."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import msgspec

from strangler.control.dryrun import Foreseen, Prepared, changed
from strangler.control.journal import Deed
from strangler.control.metrics import ShadowReading
from strangler.control.shadowbook import ShadowBook
from strangler.control.status import ShadowStatus
from strangler.core.audit import Action
from strangler.core.comparison import Result
from strangler.core.findings import Findings
from strangler.core.migration import settings
from strangler.core.model import Config, Route
from strangler.core.noise import Nature
from strangler.core.offer import READS
from strangler.core.parity import RISK, Outcomes, Parity, state_parity
from strangler.core.shadowing import Shadow, ShadowMode

WANTED = (0.99, 0.999)
"""The parities of which it is told how many comparisons they still take."""


class ShadowDesk:
    """Shows every route that is shadowed, or of which something was found; and resets."""

    def __init__(
        self,
        book: ShadowBook,
        config: Callable[[], Config],
        *,
        migrations: Callable[[], Collection[str]] = lambda: (),
        on_reset: Callable[[str], None] = lambda _route: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._book = book
        self._config = config
        self._migrations = migrations
        """The keys of the migration flags that there are."""
        self._now = now
        self.on_reset = on_reset
        """Told the route once its findings are forgotten, so that whoever compares begins anew."""

    def catalogue(self) -> Mapping[str, Any]:
        """Return every route in short, by name."""
        return {"store_fault": self._book.fault, "routes": [_short(one) for one in self._routes()]}

    def show(self, name: str) -> Mapping[str, Any] | None:
        """Return one route with its groups and examples; None if it is not shadowed and nothing was found."""
        one = self._find(name)
        if one is None:
            return None
        return whole(one.findings, one.rules, is_in_file=one.is_in_file, has_reads=one.has_reads)

    def reset(self, name: str, why: str, *, who: str) -> Prepared | None:
        """Prepare to forget what was found of a route; None as in `show`. It raises StoreError."""
        one = self._find(name)
        if one is None:
            return None
        findings, answer = one.findings, {"reset": [name]}
        before = msgspec.json.encode({"since": findings.since, **_counts(findings)}).decode()

        def carry_out() -> Mapping[str, Any]:
            deed = Deed(at=self._now(), who=who, what=Action.FORGET, subject=name, why=why.strip(), before=before)
            self._book.reset(name, deed)
            self.on_reset(name)
            return answer

        def foresee() -> Foreseen:
            gone = {"compared": (findings.compared, 0), "differences": (len(findings.groups), 0)}
            return Foreseen(answer=answer, changes=changed("findings", name, **gone))

        return Prepared(carry_out=carry_out, foresee=foresee)

    def find(self, name: str) -> Findings | None:
        """Return what was found of a route; None if nothing was."""
        return self._book.of(name)

    def names(self) -> tuple[str, ...]:
        """Return every route that is shown."""
        return tuple(one.findings.route for one in self._routes())

    def status(self, route: Route) -> ShadowStatus | None:
        """Return one route in short; None if it is not shadowed."""
        rules = self._rules(route)
        if rules is None:
            return None
        found = self._of(route.name)
        return ShadowStatus(
            mode=rules.mode.value,
            compared=found.compared,
            different=found.different,
            dropped=sum(found.dropped.values()),
            no_answer=found.unanswered,
            has_reads=_has_reads(route) or found.compared > 0,
        )

    def readings(self) -> Iterator[ShadowReading]:
        """Yield what metrics say of each route that is shadowed when this begins, or of which something was found."""
        return (_reading(one.findings) for one in self._routes())

    def _routes(self) -> list["_Shown"]:
        """Return all that are shadowed, or of which something was found, by name."""
        rules = {route.name: self._rules(route) for route in self._config().routes}
        reads = {route.name for route in self._config().routes if _has_reads(route)}
        shown = {
            name: _Shown(is_in_file=True, rules=rules[name], findings=self._of(name), has_reads=name in reads)
            for name in rules
            if rules[name] is not None or self._book.of(name) is not None
        }
        for findings in self._book.all():
            shown.setdefault(findings.route, _Shown(is_in_file=False, rules=None, findings=findings))
        return [shown[name] for name in sorted(shown)]

    def _rules(self, route: Route) -> Shadow | None:
        """Return how a route's other side is asked; None where it is not, whatever its flag may say."""
        rules = settings(route, self._config().shadow)
        if rules is not None and route.flag in self._migrations():
            return replace(rules, mode=ShadowMode.STAGE)
        return rules if route.shadow is not None else None

    def _find(self, name: str) -> "_Shown | None":
        return next((one for one in self._routes() if one.findings.route == name), None)

    def _of(self, name: str) -> Findings:
        return self._book.of(name) or Findings(route=name, since=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    is_in_file: bool
    rules: Shadow | None
    findings: Findings
    has_reads: bool = True


def _has_reads(route: Route) -> bool:
    methods = route.match.methods
    return not methods or any(method.encode("ascii") in READS for method in methods)


def whole(
    findings: Findings, rules: Shadow | None, *, is_in_file: bool = True, has_reads: bool = True
) -> Mapping[str, Any]:
    """Return what was found of one route, with its groups and examples, as the API and the command line show it."""
    groups = msgspec.to_builtins(_by_frequency(findings))
    shown = _short(_Shown(is_in_file=is_in_file, rules=rules, findings=findings, has_reads=has_reads))
    return {**shown, "uncounted": findings.uncounted, "groups": groups}


def _short(one: _Shown) -> Mapping[str, Any]:
    found, rules = one.findings, one.rules
    has_reads = one.has_reads or found.compared > 0
    return {
        "route": found.route,
        "is_in_file": one.is_in_file,
        "mode": None if rules is None else rules.mode.value,
        "has_reads": has_reads,
        "sample_bp": None if rules is None else rules.sample,
        "since": found.since,
        "last": found.last,
        "counts": _counts(found),
        "unanswered": found.no_answer,
        "dropped": found.dropped,
        "obstacles": found.obstacles,
        "natures": _natures(found),
        "parity": _parity(found, WANTED if has_reads else ()),
    }


def _counts(found: Findings) -> Mapping[str, int]:
    return {
        "compared": found.compared,
        "equal": found.equal,
        "ignored": found.ignored,
        "different": found.different,
        "not_comparable": found.not_comparable,
        "no_answer": found.unanswered,
        "asked_twice": found.asked_twice,
    }


def _natures(found: Findings) -> dict[str, int]:
    """Return how many groups are held to be what."""
    count = Counter(group.nature for group in found.groups)
    return {nature.value: count[nature] for nature in Nature}


def _parity(found: Findings, wanted: Sequence[float]) -> Mapping[str, Any]:
    stated = [_stated(found.equal, found.ignored, found.different, found.unanswered, one) for one in wanted]
    return {
        "lower_bound": stated[0].lower if stated else 0.0,
        "anytime_bound": stated[0].lower_ever if stated else 0.0,
        "confidence": 1 - RISK,
        "left_alone": found.left_alone,
        "needed": [{"parity": one.wanted, "equal_more": one.needed} for one in stated],
    }


@lru_cache(maxsize=4_096)
def _stated(equal: int, ignored: int, different: int, no_answer: int, wanted: float) -> Parity:
    """Return the statement; kept, because metrics and people ask for it far more often than it changes."""
    outcomes = Outcomes(equal=equal, ignored=ignored, different=different, no_answer=no_answer)
    return state_parity("", outcomes, wanted)


def _by_frequency(found: Findings) -> list[Any]:
    return sorted(found.groups, key=lambda group: (-group.count, group.place, group.kind))


def _reading(found: Findings) -> ShadowReading:
    results = {
        Result.EQUAL: found.equal,
        Result.IGNORED: found.ignored,
        Result.DIFFERENT: found.different,
        Result.NOT_COMPARABLE: found.not_comparable,
    }
    return ShadowReading(
        route=found.route,
        results=tuple((result.value, count) for result, count in results.items()),
        no_answer=tuple(
            (side, why, count) for side, whys in sorted(found.no_answer.items()) for why, count in sorted(whys.items())
        ),
        dropped=tuple(sorted(found.dropped.items())),
        groups=tuple(_natures(found).items()),
        lower_bound=_stated(found.equal, found.ignored, found.different, found.unanswered, WANTED[0]).lower,
    )
