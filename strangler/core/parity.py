"""Parity: what the comparisons of a route prove, and how many more it takes to prove enough."""

from dataclasses import dataclass

from strangler.core import bounds
from strangler.core.binomial import lower_bound, upper_tail
from strangler.core.comparison import Result
from strangler.core.judge import RISK_NATS, Finding, Verdict
from strangler.core.model import FULL_SHARE
from strangler.core.rules import Metric

RISK = 0.05
"""A statement holds with 95 % confidence."""
MAX_NEEDED = 10_000_000
"""More comparisons than that are not counted out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """How the comparisons of one route ended."""

    equal: int = 0
    ignored: int = 0
    different: int = 0
    not_comparable: int = 0

    @property
    def compared(self) -> int:
        """Return how many had a result that says something."""
        return self.equal + self.ignored + self.different

    @property
    def matching(self) -> int:
        """Return how many were equal, or differed only where it does not matter."""
        return self.equal + self.ignored

    def __add__(self, other: "Outcomes") -> "Outcomes":
        return Outcomes(
            equal=self.equal + other.equal,
            ignored=self.ignored + other.ignored,
            different=self.different + other.different,
            not_comparable=self.not_comparable + other.not_comparable,
        )


def outcome(result: Result) -> Outcomes:
    """Return one comparison's result as counts."""
    return Outcomes(**{result.value: 1})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """The statement of one route."""

    route: str
    outcomes: Outcomes
    lower: float
    """The share of matching answers is at least this, with 95 % confidence (Clopper and Pearson), for one look."""
    wanted: float
    needed: int | None
    """How many more comparisons without a difference prove `wanted`; None if it is more than MAX_NEEDED."""


def state_parity(route: str, outcomes: Outcomes, wanted: float = 0.999) -> Parity:
    """Return what is proven of a route. What was not comparable proves nothing and is shown beside it."""
    matching, compared = outcomes.matching, outcomes.compared
    lower = lower_bound(matching, compared, RISK)
    return Parity(
        route=route, outcomes=outcomes, lower=lower, wanted=wanted, needed=_needed(matching, compared, wanted)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MismatchRate:
    """Rule: compared answers that differ, within a window."""

    max: int = 100
    """Basis points. Precedent: the guard of the design's example, 1 %."""
    over_s: float = 300.0
    """Longer than the error rate's window, because only a sample is compared. Precedent: Flagger's examples, 5 min."""
    min_compared: int = 100
    """Precedent: Envoy's `success_rate_request_volume` 100."""
    dry_run: bool = False


def judge_mismatch(rule: MismatchRate, outcomes: Outcomes) -> Finding:
    """Return what the rule says of the comparisons within its window; it holds while there are too few."""
    breached = bounds.is_above(outcomes.different, outcomes.compared, rule.max / FULL_SHARE, RISK_NATS)
    verdict = Verdict.BREACH if breached else Verdict.FINE
    return Finding(
        metric=Metric.MISMATCH_RATE,
        verdict=Verdict.HOLD if outcomes.compared < rule.min_compared else verdict,
        dry_run=rule.dry_run,
        measured=outcomes.different / outcomes.compared if outcomes.compared else 0.0,
        limit=rule.max / FULL_SHARE,
        requests=outcomes.compared,
    )


def _needed(matching: int, compared: int, wanted: float) -> int | None:
    def is_proven(more: int) -> bool:
        # Because the bound is at least `wanted` just where so many matches would be too many for less.
        return upper_tail(matching + more, compared + more, wanted) <= RISK

    if is_proven(0):
        return 0
    if not is_proven(MAX_NEEDED):
        return None
    low, high = 0, MAX_NEEDED
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_proven(middle) else (middle, high)
    return high
