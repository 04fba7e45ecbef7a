"""Rollback rules: what a route says of when its traffic is taken back, as frozen values."""

from dataclasses import dataclass, field
from enum import StrEnum


class Metric(StrEnum):
    """What a rule looks at. Log field, metric label, key in the routes file."""

    ERROR_RATE = "error_rate"
    """The hard stop: the share of failures within a short window."""
    CONNECT_FAILURES = "connect_failures"
    """The hard stop: failures to connect, one after the other."""
    LATENCY = "latency"
    SEQUENTIAL = "sequential"
    """The failure rate beside the monolith's, over the whole life of the migration."""
    MISMATCH_RATE = "mismatch_rate"
    """The share of compared answers that differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRate:
    """Failures of the extracted side within a window."""

    max: int = 2_500
    """Basis points. Precedent: the example in Traefik's circuit breaker, `ResponseCodeRatio(...) > 0.25`."""
    relative: float | None = None
    """Times the monolith's own share of failures; both limits must be passed where both are given."""
    over_s: float = 10.0
    """Precedent: Envoy's outlier detection looks every 10 s."""
    min_requests: int = 20
    """Precedent: Polly's and Traefik's circuit breakers want 20 requests."""
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectFailures:
    """Failures to connect, one after the other, on any worker."""

    consecutive: int = 5
    """Precedent: Envoy's `consecutive_gateway_failure` 5."""
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """A quantile of the extracted side's latency; at least one of the limits is given."""

    quantile: float
    """0.5, 0.95 or 0.99."""
    max_s: float | None = None
    relative: float | None = None
    """Times the monolith's own quantile; both limits must be passed where both are given."""
    over_s: float = 60.0
    """Precedent: Flagger's metric window, 1 min."""
    min_requests: int = 50
    """Precedent: Envoy's `failure_percentage_request_volume` 50."""
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequential:
    """The test of core.sequential."""

    ratio: float = 1.25
    """How many times the monolith's failure rate is tolerated. Precedent: Kayenta's tolerance 0.25."""
    alpha: float = 0.01
    """The chance of a false alarm over the whole life of the migration."""
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MismatchRate:
    """Compared answers that differ, whoever answered. Opted in to: noise is different until a rule ignores it."""

    max: int = 100
    """Basis points. Precedent: Flagger's example of a success rate of 99 %."""
    over_s: float = 300.0
    """Longer than the error rate's, because only what is shadowed is compared."""
    min_compared: int = 100
    """Precedent: Envoy's `success_rate_request_volume` 100."""
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooldown:
    """Opted in to: after a trip, traffic comes back by itself, a small share first."""

    base_s: float = 30.0
    """Times the number of trips. Precedent: Envoy's `base_ejection_time` 30 s."""
    max_s: float = 300.0
    """Precedent: Envoy's `max_ejection_time` 300 s."""
    share: int = 100
    """Basis points that probe."""
    requests: int = 50
    """Requests that must have been answered while probing, with no rule broken, before all is as before."""


class LongLived(StrEnum):
    """What happens to tunnels and event streams on the extracted side when the route trips."""

    CLOSE = "close"
    """Closed after a grace (default), so that their clients come back and get the monolith."""
    STAY = "stay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """How one route is guarded. A rule that is None is switched off."""

    error_rate: ErrorRate | None = field(default_factory=ErrorRate)
    connect_failures: ConnectFailures | None = field(default_factory=ConnectFailures)
    latency: tuple[Latency, ...] = ()
    sequential: Sequential | None = field(default_factory=Sequential)
    mismatch_rate: MismatchRate | None = None
    failures: tuple[tuple[int, int], ...] = ((500, 599),)
    """Ranges of statuses that are failures, both ends included."""
    cooldown: Cooldown | None = None
    """None: tripped until a person resets it."""
    trips_cohort: bool = True
    """Because half a migrated user is worse than none."""
    hold_back: int = 100
    """Basis points of keys that stay on the monolith when a flag's percentage is beyond what is left of 100 %."""
    long_lived: LongLived = LongLived.CLOSE
    grace_s: float = 30.0
    """For long-lived exchanges. Precedent: Kubernetes' `terminationGracePeriodSeconds` 30."""
    write_back: bool = False
    """Whether a trip also switches the flag off where it lives."""

    def failing(self) -> frozenset[int]:
        """Return the statuses with which an answer is a failure of the side."""
        return frozenset(status for low, high in self.failures for status in range(low, high + 1))
