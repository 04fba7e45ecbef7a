"""A breaker: a side that fails again and again is left alone for a while, then tried with one request."""

from dataclasses import dataclass, replace
from math import inf

FAILURES = 5
"""In a row. Precedent: Envoy's `consecutive_gateway_failure` 5."""
OPEN_S = 10.0
"""Precedent: Traefik's circuit breaker, `fallbackDuration` 10 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """What is remembered of one side."""

    failures: int = 0
    open_until: float = -inf
    """Until when nothing is asked; a trial is under way from then on until it is known how it went."""
    has_trial: bool = False


def may_ask(breaker: Breaker, now: float) -> bool:
    """Return whether a request may be sent: always while it is closed, one at a time when it was open."""
    if breaker.failures < FAILURES:
        return True
    return now >= breaker.open_until and not breaker.has_trial


def asked(breaker: Breaker) -> Breaker:
    """Return the breaker after a request was sent."""
    return replace(breaker, has_trial=True) if breaker.failures >= FAILURES else breaker


def succeeded(_: Breaker) -> Breaker:
    """Return the breaker after an answer came."""
    return Breaker()


def failed(breaker: Breaker, now: float) -> Breaker:
    """Return the breaker after a request failed; each failure of a trial opens it anew."""
    failures = breaker.failures + 1
    return Breaker(failures=failures, open_until=now + OPEN_S if failures >= FAILURES else -inf)
