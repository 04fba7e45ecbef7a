"""Happenings: what a guard tells of, to people and to other systems."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strangler.core.audit import Action
from strangler.core.judge import Finding
from strangler.core.rules import Metric
from strangler.core.sequential import Evidence

_SAMPLED = ("request_id", "method", "path", "upstream", "outcome", "status", "ms", "detail")
"""What is kept of a failed exchange: nothing that a client wrote but method and path."""

LOG = logging.getLogger(__name__)


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

    def log(self) -> None:
        """Write it to the log, with the evidence."""
        fields = {"action": self.action.value, "route": self.route, "who": self.who, "why": self.why}
        if self.action in (Action.TRIP, Action.COOL):
            LOG.critical("guard_tripped", extra={"fields": {**fields, "cause": self.cause}})
        else:
            LOG.warning("guard_moved", extra={"fields": {**fields, "cause": self.cause}})


def sample(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is kept of a failed exchange as evidence."""
    return {name: fields.get(name) for name in _SAMPLED}


def own_cause(cause: Mapping[str, Any], route: str) -> Mapping[str, Any]:
    """Return the cause as one route tells it: one that went with another of its cohort says with which."""
    first = cause.get("route")
    return cause if first == route else {**cause, "with": first, "why": f"with {first}: {cause.get('why')}"}


def sentence(found: Finding, evidence: Evidence) -> str:
    """Return why a rule is broken, for a person on call."""
    match found.metric:
        case Metric.SEQUENTIAL:
            part = evidence.extracted_requests / ((evidence.legacy_requests + evidence.extracted_requests) or 1)
            return (
                f"it fails more often than the monolith: {evidence.extracted_failures} of {found.requests} failures "
                f"are its own, with {part:.1%} of the requests (evidence {found.measured:.1f}, limit {found.limit:.1f})"
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
            what = f"{found.requests} compared answers differ or are missing"
            return f"{found.measured:.1%} of {what} (limit {found.limit:.1%})"
