"""Rollback rules and idempotency without faults."""

from hypothesis import strategies as st

from strangler.core.model import FULL_SHARE, Idempotency
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
from tests.config.values import durations, sources, tokens, tries

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
