"""Ejection: when an address that fails is left out, and for how long (Envoy's outlier detection).

| phase | failure | success | time |
|---|---|---|---|
| serving | counts; ejected once there are enough in a row and one more may be left out | starts counting anew | \
forgives one ejection after as long as the last one took |
| ejected | nothing: it comes from a request of before | nothing | serving again once it is over |
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from strangler.core.model import FULL_SHARE, Ejection


class Event(StrEnum):
    """What can happen to an address."""

    FAILURE = "failure"
    SUCCESS = "success"
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one address stands."""

    failures: int = 0
    """In a row."""
    ejections: int = 0
    """So far, less those that were forgiven."""
    until: float = 0.0
    """When the ejection is over; 0 while serving."""
    wake_at: float = inf
    """When TIME has something to do."""

    @property
    def is_ejected(self) -> bool:
        """Whether the address is left out."""
        return self.until > 0


NEW = Standing()
"""An address of which nothing is known."""


def after(standing: Standing, event: Event, *, now: float, rules: Ejection, may_eject: bool) -> Standing:
    """Return where an address stands after an event; total over phase and event."""
    match event:
        case Event.FAILURE:
            return standing if standing.is_ejected else _failed(standing, now, rules, may_eject)
        case Event.SUCCESS:
            return standing if standing.is_ejected else replace(standing, failures=0)
        case Event.TIME:  # pragma: no branch - the type checker sees that there is no other
            return standing if now < standing.wake_at else _waited(standing, now, rules)


def may_eject(rules: Ejection, *, ejected: int, total: int) -> bool:
    """Return whether one more of `total` addresses may be left out: the first always, the last never."""
    if ejected + 1 >= total:
        return False
    return ejected == 0 or (ejected + 1) * FULL_SHARE <= rules.max_share * total


def lasts_s(rules: Ejection, ejections: int) -> float:
    """Return how long the ejection of that number lasts."""
    return min(rules.base_s * ejections, rules.max_s)


def _failed(standing: Standing, now: float, rules: Ejection, may_eject: bool) -> Standing:
    # Because nobody needs to know how many more there were, the count has a bound.
    failures = min(standing.failures + 1, rules.consecutive_failures)
    if failures < rules.consecutive_failures or not may_eject:
        return replace(standing, failures=failures)
    ejections = standing.ejections + 1
    until = now + lasts_s(rules, ejections)
    return Standing(ejections=ejections, until=until, wake_at=until)


def _waited(standing: Standing, now: float, rules: Ejection) -> Standing:
    """Bring an ejected address back, or forgive a serving one."""
    ejections = standing.ejections if standing.is_ejected else max(standing.ejections - 1, 0)
    return Standing(
        failures=standing.failures,
        ejections=ejections,
        wake_at=now + lasts_s(rules, ejections) if ejections else inf,
    )
