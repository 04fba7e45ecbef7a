"""Rollback rules and idempotency without faults, and the documents that say them."""

from hypothesis import strategies as st

from strangler.config.units import percent
from strangler.core.model import FULL_SHARE, Idempotency, Route
from strangler.core.rules import (
    ConnectFailures,
    Cooldown,
    ErrorRate,
    Latency,
    LongLived,
    MismatchRate,
    Rollback,
    Sequential,
)
from tests.config.values import Document, duration, durations, given, source, sources, tokens, tries

spans = st.integers(1_000, 3_600_000).map(lambda milliseconds: milliseconds / 1000)
multiples = st.integers(1_000, 1_000_000).map(lambda thousandths: thousandths / 1000)
ranges = st.tuples(st.integers(100, 350), st.integers(350, 599))
latencies = st.builds(
    lambda limits, over_s, min_requests, dry_run: tuple(
        Latency(
            quantile=q, max_s=limit[0], relative=limit[1], over_s=over_s, min_requests=min_requests, dry_run=dry_run
        )
        for q, limit in sorted(limits.items())
    ),
    st.dictionaries(
        st.sampled_from([0.5, 0.95, 0.99]),
        st.tuples(st.none() | durations, st.none() | multiples).filter(any),
        min_size=1,
        max_size=3,
    ),
    spans,
    st.integers(1, 100_000),
    st.booleans(),
)
rollbacks = st.builds(
    Rollback,
    error_rate=st.none()
    | st.builds(
        ErrorRate,
        max=st.integers(1, FULL_SHARE - 1),
        relative=st.none() | multiples,
        over_s=spans,
        min_requests=st.integers(1, 100_000),
        dry_run=st.booleans(),
    ),
    connect_failures=st.builds(ConnectFailures, consecutive=tries, dry_run=st.booleans()),
    latency=st.just(()) | latencies,
    sequential=st.none()
    | st.builds(Sequential, ratio=multiples, alpha=st.integers(1, 1_000).map(lambda p: p / FULL_SHARE)),
    mismatch_rate=st.none()
    | st.builds(
        MismatchRate,
        max=st.integers(1, FULL_SHARE - 1),
        over_s=spans,
        min_compared=st.integers(1, 100_000),
        dry_run=st.booleans(),
    ),
    failures=st.lists(ranges, min_size=1, max_size=3, unique=True).map(tuple),
    cooldown=st.none()
    | st.builds(
        Cooldown,
        base_s=st.integers(1, 1_000).map(lambda milliseconds: milliseconds / 1000),
        max_s=spans,
        share=st.integers(1, FULL_SHARE),
        requests=tries,
    ),
    trips_cohort=st.booleans(),
    hold_back=st.integers(0, 5_000),
    long_lived=st.sampled_from(LongLived),
    grace_s=durations,
)
idempotencies = st.builds(
    Idempotency,
    header=tokens,
    lifetime_s=st.integers(60, 604_800),
    is_required=st.booleans(),
    tenant=st.lists(sources, max_size=2, unique=True).map(tuple),
    asks_tripped=st.booleans(),
)


def rollback_document(route: Route) -> Document | str | None:
    """Return what a route's `rollback` says."""
    rules = route.rollback
    if rules is None:
        return "off" if route.extracted else None
    rate, connect, sequential, cooldown = rules.error_rate, rules.connect_failures, rules.sequential, rules.cooldown
    mismatch = rules.mismatch_rate
    assert connect is not None
    return {
        "error_rate": "off"
        if rate is None
        else {
            "max": percent(rate.max),
            "over": duration(rate.over_s),
            "min_requests": rate.min_requests,
            "dry_run": rate.dry_run,
        }
        | given(relative=rate.relative and _multiple(rate.relative)),
        "connect_failures": {"consecutive": connect.consecutive, "dry_run": connect.dry_run},
        "latency": _latency(rules.latency),
        "sequential": "off"
        if sequential is None
        else {"ratio": _multiple(sequential.ratio), "alpha": percent(round(sequential.alpha * FULL_SHARE))},
        "mismatch_rate": "off"
        if mismatch is None
        else {
            "max": percent(mismatch.max),
            "over": duration(mismatch.over_s),
            "min_compared": mismatch.min_compared,
            "dry_run": mismatch.dry_run,
        },
        "failures": [f"{low}-{high}" for low, high in rules.failures],
        "cooldown": "off"
        if cooldown is None
        else {
            "base": duration(cooldown.base_s),
            "max": duration(cooldown.max_s),
            "share": percent(cooldown.share),
            "requests": cooldown.requests,
        },
        "trips_cohort": rules.trips_cohort,
        "hold_back": percent(rules.hold_back),
        "long_lived": rules.long_lived.value,
        "grace": duration(rules.grace_s),
        "write_back": rules.write_back,
    }


def _latency(rules: tuple[Latency, ...]) -> Document | str:
    if not rules:
        return "off"
    limits: Document = {
        f"p{rule.quantile * 100:g}": [
            *([] if rule.max_s is None else [duration(rule.max_s)]),
            *([] if rule.relative is None else [_multiple(rule.relative)]),
        ]
        for rule in rules
    }
    first = rules[0]
    return limits | {
        "over": duration(first.over_s),
        "min_requests": first.min_requests,
        "dry_run": first.dry_run,
    }


def idempotency_document(keys: Idempotency | None) -> Document | None:
    """Return what a route's `idempotency` says."""
    if keys is None:
        return None
    return {
        "header": keys.header,
        "lifetime": f"{keys.lifetime_s}s",
        "required": keys.is_required,
        "tripped": "ask" if keys.asks_tripped else "refuse",
    } | given(tenant=[source(each) for each in keys.tenant])


def _multiple(times: float) -> str:
    return f"{times:.3f}x"
