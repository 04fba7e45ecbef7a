"""The keys of a route's protection: when its traffic is taken back, and what marks the repetition of a write."""

from strangler.config import kinds, rollback_kinds
from strangler.config.forms import Key, OrOff, Section

_DRY_RUN = Key(
    name="dry_run",
    takes=kinds.BOOLEAN,
    about="Judged and reported, never acted on.",
    default="false",
)

ERROR_RATE = Section(
    name="rollback.error_rate",
    about="The hard stop: the share of failures within a short window is surely above a limit.",
    keys=(
        Key(name="max", takes=kinds.SHARE, about="The limit.", default="25%"),
        Key(
            name="relative",
            takes=rollback_kinds.MULTIPLE,
            about="Also above so many times the monolith's own share.",
            default="none",
        ),
        Key(name="over", takes=kinds.DURATION, about="The window, `1s` to `1h`.", default="10s"),
        Key(name="min_requests", takes=kinds.COUNT, about="With fewer requests, hold.", default="20"),
        _DRY_RUN,
    ),
)

CONNECT_FAILURES = Section(
    name="rollback.connect_failures",
    about="The hard stop: connections that cannot be made, one after the other.",
    keys=(
        Key(name="consecutive", takes=kinds.TRIES, about="How many, over all workers.", default="5"),
        _DRY_RUN,
    ),
)

LATENCY = Section(
    name="rollback.latency",
    about="A quantile of the extracted side's latency is surely above its limit.",
    keys=(
        *(
            Key(
                name=name,
                takes=rollback_kinds.LATENCY_LIMIT,
                about=f"The limit of the {about}, such as `800ms`, or `1.5x` the monolith's; `[800ms, 1.5x]` is both.",
                default="none",
            )
            for name, about in (("p50", "median"), ("p95", "95th percentile"), ("p99", "99th percentile"))
        ),
        Key(name="over", takes=kinds.DURATION, about="The window, `1s` to `1h`.", default="60s"),
        Key(name="min_requests", takes=kinds.COUNT, about="With fewer requests, hold.", default="50"),
        _DRY_RUN,
    ),
)

SEQUENTIAL = Section(
    name="rollback.sequential",
    about="The failure rate is surely worse than the monolith's, over the whole life of the migration.",
    keys=(
        Key(
            name="ratio",
            takes=rollback_kinds.MULTIPLE,
            about="How many times the monolith's failure rate is tolerated.",
            default="1.25x",
        ),
        Key(
            name="alpha",
            takes=kinds.SHARE,
            about="The chance of a false alarm over the whole life, at most `10%`.",
            default="1%",
        ),
        _DRY_RUN,
    ),
)

MISMATCH_RATE = Section(
    name="rollback.mismatch_rate",
    about="Of a route with `shadow`: the share of compared answers that differ is surely above a limit.",
    keys=(
        Key(name="max", takes=kinds.SHARE, about="The limit.", default="1%"),
        Key(name="over", takes=kinds.DURATION, about="The window, `1s` to `1h`.", default="300s"),
        Key(name="min_compared", takes=kinds.COUNT, about="With fewer comparisons, hold.", default="100"),
        _DRY_RUN,
    ),
)

COOLDOWN = Section(
    name="rollback.cooldown",
    about="After a trip, traffic comes back by itself, a small share first.",
    keys=(
        Key(name="base", takes=kinds.DURATION, about="The first wait; times the number of trips.", default="30s"),
        Key(name="max", takes=kinds.DURATION, about="The longest wait; at least `base`.", default="300s"),
        Key(name="share", takes=kinds.SHARE, about="The share that probes.", default="1%"),
        Key(
            name="requests",
            takes=kinds.COUNT,
            about="Answers without a broken rule before all is as before.",
            default="50",
        ),
    ),
)

ROLLBACK = Section(
    name="rollback",
    about="When a route's traffic is taken back.",
    keys=(
        Key(name="error_rate", takes=OrOff(section=ERROR_RATE), about=ERROR_RATE.about),
        Key(name="connect_failures", takes=OrOff(section=CONNECT_FAILURES), about=CONNECT_FAILURES.about),
        Key(name="latency", takes=OrOff(section=LATENCY), about=LATENCY.about, default="off"),
        Key(name="sequential", takes=OrOff(section=SEQUENTIAL), about=SEQUENTIAL.about),
        Key(name="mismatch_rate", takes=OrOff(section=MISMATCH_RATE), about=MISMATCH_RATE.about, default="off"),
        Key(
            name="failures",
            takes=rollback_kinds.FAILURES,
            about="The statuses that are failures, such as `[5xx, 429]`.",
            default="[5xx]",
        ),
        Key(name="cooldown", takes=OrOff(section=COOLDOWN), about=COOLDOWN.about, default="off"),
        Key(
            name="trips_cohort",
            takes=kinds.BOOLEAN,
            about="Whether a trip takes the routes of the same cohort with it.",
            default="true",
        ),
        Key(
            name="hold_back",
            takes=kinds.SHARE,
            about="Keys that stay on the monolith when a flag gives everything away, to compare with; at most `50%`.",
            default="1%",
        ),
        Key(
            name="long_lived",
            takes=rollback_kinds.LONG_LIVED,
            about="What a trip does to tunnels and event streams: `close` or `stay`.",
            default="close",
        ),
        Key(name="grace", takes=kinds.DURATION, about="How long they may go on before they are closed.", default="30s"),
        Key(
            name="write_back",
            takes=kinds.BOOLEAN,
            about="Whether a trip also switches the flag off where it lives.",
            default="false",
        ),
    ),
)

IDEMPOTENCY = Section(
    name="routes[].idempotency",
    about="What marks the repetition of a write, so that it goes where its first try went.",
    keys=(
        Key(
            name="header", takes=rollback_kinds.HEADER_NAME, about="The header with the key.", default="Idempotency-Key"
        ),
        Key(
            name="lifetime",
            takes=rollback_kinds.LIFETIME,
            about="How long a key is remembered, `1m` to `7d`.",
            default="24h",
        ),
        Key(
            name="required",
            takes=kinds.BOOLEAN,
            about="Whether a write without a key is refused with 400.",
            default="false",
        ),
        Key(
            name="tenant",
            takes=kinds.IDENTITY,
            about="Whose key it is; the same key of another tenant is another key.",
            default="the route's identity",
        ),
        Key(
            name="tripped",
            takes=rollback_kinds.TRIPPED,
            about="What a repetition gets whose first try went to a side that has tripped: `refuse` (503) or `ask` it.",
            default="refuse",
        ),
    ),
)

WEBHOOK = Section(
    name="webhooks[]",
    about="Another system that is told of trips, as signed JSON.",
    keys=(
        Key(name="name", takes=kinds.NAMED, about="Unique; in logs.", required="name: pager"),
        Key(name="url", takes=kinds.SERVICE, about="Where to POST.", required="url: https://HOST/PATH"),
        Key(
            name="events",
            takes=rollback_kinds.EVENTS,
            about="What is told: `trip`, `cool`, `probe`, `close`, `reset`, `hold`, `kill`.",
            default="trip, cool, reset, hold, kill",
        ),
        Key(
            name="secret_env",
            takes=rollback_kinds.VARIABLE,
            about="The environment variable with the secret that messages are signed with.",
            default="none, not signed",
        ),
    ),
)
