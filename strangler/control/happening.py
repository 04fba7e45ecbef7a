"""Happenings: what a guard tells of, to people and to other systems."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strangler.core.audit import Action
from strangler.core.judge import Finding
from strangler.core.rules import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that was done to one route's traffic, or to all."""

    action: Action
    route: str
    """Empty for the kill switch."""
    who: str
    why: str
    at: float
    """Seconds since the epoch."""
    flag: str | None = None
    write_back: bool = False
    """Whether the flag is to be switched off as well."""
    cause: Mapping[str, Any] | None = None


def sentence(found: Finding) -> str:
    """Return why a rule is broken, for a person on call."""
    match found.metric:
        case Metric.SEQUENTIAL:
            return (
                f"it fails more often than the monolith: evidence {found.measured:.1f} of {found.limit:.1f} nats, "
                f"{found.requests} failures of both sides"
            )
        case Metric.CONNECT_FAILURES:
            return f"{found.requests} connections in a row could not be made (limit {found.limit:.0f})"
        case Metric.ERROR_RATE:
            return f"{found.measured:.1%} of {found.requests} requests failed (limit {found.limit:.1%})"
        case Metric.LATENCY:
            quantile = f"p{(found.quantile or 0.0) * 100:g}"
            return (
                f"{quantile} is surely above {found.measured * 1e3:.0f} ms in {found.requests} requests "
                f"(limit {found.limit * 1e3:.0f} ms)"
            )
        case Metric.MISMATCH_RATE:
            return f"{found.measured:.1%} of {found.requests} compared answers differ (limit {found.limit:.1%})"
