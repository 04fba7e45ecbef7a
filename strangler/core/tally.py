"""Tallies: what one worker counted for one route and side since it last told, and the names of its other counts."""

from dataclasses import dataclass

from strangler.core.model import Side
from strangler.core.outcome import Outcome

CONNECTIONS_REFUSED = "connections_refused"
IDEMPOTENCY_KEYS_EVICTED = "idempotency_keys_evicted"
WRITES_UNLISTED = "writes_unlisted"
FLAG_EVALUATIONS_GIVEN_UP = "flag_evaluations_given_up"
COUNTERS = {
    CONNECTIONS_REFUSED: "Connections that were closed at once, because of a limit.",
    IDEMPOTENCY_KEYS_EVICTED: "Idempotency keys that made room for others before their lifetime was over.",
    WRITES_UNLISTED: "Writes for both sides that could not be noted, and so are neither sent on nor listed.",
    FLAG_EVALUATIONS_GIVEN_UP: "Evaluations of flags whose patterns took too long; the monolith answered.",
}
"""What a worker counts beside its exchanges, and what each count means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts to be added to what was there before; sparse, so that a quiet route costs nothing to send."""

    route: str
    """The route's name; empty for requests that no route names."""
    side: Side
    generation: int = 0
    """The generation in which the exchanges began, however late they ended."""
    outcomes: tuple[tuple[Outcome, int], ...]
    latency: tuple[tuple[int, int], ...]
    """(bucket of core.histogram, count), for exchanges that had an answer or an upstream's failure."""
    seconds: float
    """Sum of the latencies in `latency`."""
    failures: int = 0
    """Exchanges that failed by the route's own rules; the side's, whoever answered the client in the end."""
    connect_run: int = 0
    """Failures to connect, one after the other, up to the moment of telling."""
    longest_connect_run: int = 0
    """The most of them one after the other since the worker last told, those before that joined on."""
    fallbacks: tuple[tuple[Outcome, int], ...] = ()
    """How often the other side answered in place of this one, by what this one failed with."""
