"""Judging: what each rule of a route says about what was counted, with the numbers that it rests on."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import log

from strangler.core import bounds
from strangler.core.model import FULL_SHARE
from strangler.core.rules import ConnectFailures, ErrorRate, Latency, Metric, MismatchRate, Rollback, Sequential
from strangler.core.sequential import Evidence, is_proven
from strangler.core.window import Counts

RISK_NATS = log(1e7)
"""A look at a window is wrong once in ten million: rules look four times a second, and windows overlap."""


class Verdict(StrEnum):
    """What a rule says. Too little data is its own verdict: it neither trips nor lets a share go up."""

    HOLD = "hold"
    FINE = "fine"
    BREACH = "breach"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule found."""

    metric: Metric
    verdict: Verdict
    dry_run: bool
    measured: float
    """A share 0..1, seconds, a count, or ln E; `metric` says which."""
    limit: float
    requests: int
    """Of the extracted side, that it rests on."""
    baseline: float | None = None
    """The same measured on the monolith."""
    quantile: float | None = None

    @property
    def acts(self) -> bool:
        """Return whether this takes the traffic back."""
        return self.verdict is Verdict.BREACH and not self.dry_run


_NOTHING = Counts()
Look = Callable[[float], tuple[Counts, Counts]]
"""Returns what the legacy and the extracted side did within that many seconds."""


def judge(
    rules: Rollback, look: Look, *, connect_run: int, evidence: Evidence, compared: Counts = _NOTHING
) -> tuple[Finding, ...]:
    """Return what every rule that is switched on says.

    `connect_run` are the failures to connect up to now; `compared` counts comparisons, those that differ as failures.
    """
    found: list[Finding] = []
    if rules.error_rate is not None:
        found.append(_error_rate(rules.error_rate, *look(rules.error_rate.over_s)))
    if rules.connect_failures is not None:
        found.append(_connect(rules.connect_failures, connect_run))
    found += [_latency(rule, *look(rule.over_s)) for rule in rules.latency]
    if rules.sequential is not None:
        found.append(_sequential(rules.sequential, evidence))
    if rules.mismatch_rate is not None:
        found.append(_mismatch(rules.mismatch_rate, compared))
    return tuple(found)


def decisive(findings: tuple[Finding, ...]) -> Finding | None:
    """Return the first finding that takes the traffic back, None if none does."""
    return next((finding for finding in findings if finding.acts), None)


def _error_rate(rule: ErrorRate, legacy: Counts, extracted: Counts) -> Finding:
    limit = rule.max / FULL_SHARE
    baseline = _share(legacy)
    if rule.relative is not None:
        # Because the monolith's share is not known exactly, the most that it may be is what is compared with; where so
        # few requests say nothing of it, what was measured, so that an outage beside a small hold-back is still one.
        times = rule.relative * bounds.upper_share(legacy.failures, legacy.requests, RISK_NATS)
        limit = max(limit, times if times < 1.0 else min(rule.relative * (baseline or 0.0), 1.0))
    breached = bounds.is_above(extracted.failures, extracted.requests, limit, RISK_NATS)
    return Finding(
        metric=Metric.ERROR_RATE,
        verdict=_verdict(extracted.requests < rule.min_requests, breached=breached),
        dry_run=rule.dry_run,
        measured=_share(extracted) or 0.0,
        limit=limit,
        requests=extracted.requests,
        baseline=baseline,
    )


def _connect(rule: ConnectFailures, run: int) -> Finding:
    return Finding(
        metric=Metric.CONNECT_FAILURES,
        verdict=_verdict(False, breached=run >= rule.consecutive),
        dry_run=rule.dry_run,
        measured=float(run),
        limit=float(rule.consecutive),
        requests=run,
    )


def _latency(rule: Latency, legacy: Counts, extracted: Counts) -> Finding:
    proven_s = bounds.lower_quantile_s(extracted.latency, rule.quantile, RISK_NATS)
    baseline_s = bounds.upper_quantile_s(legacy.latency, rule.quantile, RISK_NATS)
    limits = [rule.max_s] if rule.max_s is not None else []
    if rule.relative is not None and (baseline_s < float("inf") or not limits):
        # Because a monolith that is hardly asked proves nothing, the absolute limit guards alone then.
        limits.append(rule.relative * baseline_s)
    limit = max(limits)
    seen = sum(extracted.latency)
    return Finding(
        metric=Metric.LATENCY,
        verdict=_verdict(seen < rule.min_requests or limit == float("inf"), breached=proven_s > limit),
        dry_run=rule.dry_run,
        measured=proven_s,
        limit=limit,
        requests=seen,
        baseline=None if baseline_s == float("inf") else baseline_s,
        quantile=rule.quantile,
    )


def _sequential(rule: Sequential, evidence: Evidence) -> Finding:
    return Finding(
        metric=Metric.SEQUENTIAL,
        verdict=_verdict(evidence.legacy_requests == 0, breached=is_proven(evidence, rule.alpha)),
        dry_run=rule.dry_run,
        measured=evidence.log_e,
        limit=log(1.0 / rule.alpha),
        requests=evidence.extracted_failures + evidence.legacy_failures,
    )


def _mismatch(rule: MismatchRate, compared: Counts) -> Finding:
    limit = rule.max / FULL_SHARE
    breached = bounds.is_above(compared.failures, compared.requests, limit, RISK_NATS)
    return Finding(
        metric=Metric.MISMATCH_RATE,
        verdict=_verdict(compared.requests < rule.min_compared, breached=breached),
        dry_run=rule.dry_run,
        measured=_share(compared) or 0.0,
        limit=limit,
        requests=compared.requests,
    )


def _share(counts: Counts) -> float | None:
    return counts.failures / counts.requests if counts.requests else None


def _verdict(too_few: bool, *, breached: bool) -> Verdict:
    if too_few:
        return Verdict.HOLD
    return Verdict.BREACH if breached else Verdict.FINE
