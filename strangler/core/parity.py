"""Parity: what the comparisons of a route prove, and how many more it takes to prove enough."""

from dataclasses import dataclass

from strangler.core.anytime import is_proven, lower_bound_ever
from strangler.core.binomial import lower_bound

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
    no_answer: int = 0
    """What the extracted side did not answer at all, and the monolith did."""

    @property
    def compared(self) -> int:
        """Return how many had a result that says something; no answer is another one than the client got."""
        return self.equal + self.ignored + self.different + self.no_answer

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
            no_answer=self.no_answer + other.no_answer,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """The statement of one route."""

    route: str
    outcomes: Outcomes
    lower: float
    """The share of matching answers is at least this, with 95 % confidence (Clopper and Pearson), for one look."""
    lower_ever: float
    """The same, however often it is looked at, and whenever looking ends (core.anytime); never more than `lower`."""
    wanted: float
    needed: int | None
    """How many more comparisons without a difference prove `wanted`, at any look; None if more than MAX_NEEDED."""

    @property
    def is_proven(self) -> bool:
        """Return whether `wanted` is proven, at any look."""
        return self.needed == 0


def is_out_of_sight(compared: int, left_alone: int, wanted: float) -> bool:
    """Return whether more was not asked, of a side that was left alone after failures, than `wanted` leaves room for.

    Because a side that fails rests, its failures would else be few beside the answers of the time when it was well.
    """
    return left_alone > (1 - wanted) * (compared + left_alone)


def state_parity(route: str, outcomes: Outcomes, wanted: float = 0.999) -> Parity:
    """Return what is proven of a route. What was not comparable proves nothing and is shown beside it."""
    matching, compared = outcomes.matching, outcomes.compared
    lower = lower_bound(matching, compared, RISK)
    return Parity(
        route=route,
        outcomes=outcomes,
        lower=lower,
        lower_ever=min(lower_bound_ever(matching, compared - matching, RISK), lower),
        wanted=wanted,
        needed=_needed(matching, compared - matching, wanted),
    )


def _needed(matching: int, different: int, wanted: float) -> int | None:
    def is_enough(more: int) -> bool:
        return is_proven(matching + more, different, wanted, RISK)

    if is_enough(0):
        return 0
    if not is_enough(MAX_NEEDED):
        return None
    low, high = 0, MAX_NEEDED
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
