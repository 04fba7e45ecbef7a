"""From text to the rules of a route's protection; a rule that contradicts itself or can never act is a fault."""

from dataclasses import replace

from strangler.config import kinds, rollback_kinds
from strangler.config.keys_rollback import (
    CONNECT_FAILURES,
    COOLDOWN,
    ERROR_RATE,
    IDEMPOTENCY,
    LATENCY,
    MISMATCH_RATE,
    ROLLBACK,
    SEQUENTIAL,
    WEBHOOK,
)
from strangler.config.nodes import Scalar
from strangler.config.reading import At, show
from strangler.config.sections import Found
from strangler.core.model import FULL_SHARE, Idempotency, Webhook
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

SHORTEST_WINDOW_S = 1.0
"""Four reports of the workers; a shorter window would judge between two of them."""
LONGEST_WINDOW_S = 3_600.0
MOST_PER_S = 100_000
"""Requests a second that no instance serves; a minimum that needs more can never be reached."""
LARGEST_ALPHA = 1_000
LARGEST_HOLD_BACK = 5_000

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def is_off(at: At) -> bool:
    """Return whether the word `off` stands there."""
    return isinstance(at.node, Scalar) and at.node.text in ("off", "false")


def read_rollback(at: At | None, otherwise: Rollback | None) -> Rollback | None:
    """Return the rules; a rule that the file leaves out is as in `otherwise`."""
    if at is None:
        return otherwise
    if is_off(at):
        return None
    found = Found(at, ROLLBACK)
    usual = otherwise or Rollback()
    rules = Rollback(
        error_rate=_error_rate(found.get("error_rate"), usual.error_rate),
        connect_failures=_connect_failures(found.get("connect_failures"), usual.connect_failures),
        latency=_latency(found.get("latency"), usual.latency),
        sequential=_sequential(found.get("sequential"), usual.sequential),
        mismatch_rate=_mismatch_rate(found.get("mismatch_rate"), usual.mismatch_rate),
        failures=found.take("failures", rollback_kinds.FAILURES, usual.failures),
        cooldown=_cooldown(found.get("cooldown"), usual.cooldown),
        trips_cohort=found.take("trips_cohort", kinds.BOOLEAN, usual.trips_cohort),
        hold_back=found.take("hold_back", kinds.SHARE, usual.hold_back),
        long_lived=LongLived(found.take("long_lived", rollback_kinds.LONG_LIVED, usual.long_lived)),
        grace_s=found.take("grace", kinds.DURATION, usual.grace_s),
        write_back=found.take("write_back", kinds.BOOLEAN, usual.write_back),
    )
    if rules.hold_back > LARGEST_HOLD_BACK:
        (found.get("hold_back") or at).fault("more would be held back than moved", "Write at most `50%`")
    if not any((rules.error_rate, rules.connect_failures, rules.latency, rules.sequential, rules.mismatch_rate)):
        at.fault("every rule is off, so nothing is guarded", "Write `rollback: off`, or leave a rule on")
    return rules


def read_idempotency(at: At | None) -> Idempotency | None:
    """Return what marks the repetition of a write."""
    if at is None:
        return None
    found = Found(at, IDEMPOTENCY)
    usual = Idempotency()
    return Idempotency(
        header=found.take("header", rollback_kinds.HEADER_NAME, usual.header),
        lifetime_s=found.take("lifetime", rollback_kinds.LIFETIME, usual.lifetime_s),
        is_required=found.take("required", kinds.BOOLEAN, usual.is_required),
        tenant=found.take("tenant", kinds.IDENTITY, usual.tenant),
        asks_tripped=found.take("tripped", rollback_kinds.TRIPPED, "refuse") == "ask",
    )


def read_webhooks(at: At | None) -> tuple[Webhook, ...]:
    """Return who is told of trips."""
    if at is None:
        return ()
    hooks: dict[str, Webhook] = {}
    for item in at.items(may_be_empty=True):
        found = Found(item, WEBHOOK)
        name = found.take("name", kinds.NAMED, "")
        hook = Webhook(
            name=name,
            url=found.take("url", kinds.SERVICE, ""),
            events=found.take("events", rollback_kinds.EVENTS, rollback_kinds.DEFAULT_EVENTS),
            secret_env=found.take("secret_env", rollback_kinds.VARIABLE, ""),
        )
        if name in hooks:
            (found.get("name") or item).fault(f"a second webhook is called {show(name)}", "Give each a name of its own")
        hooks[name] = hook
    return tuple(hooks.values())


def _error_rate(at: At | None, otherwise: ErrorRate | None) -> ErrorRate | None:
    if at is None or is_off(at):
        return otherwise if at is None else None
    found = Found(at, ERROR_RATE)
    usual = ErrorRate()
    rule = ErrorRate(
        max=found.take("max", kinds.SHARE, usual.max),
        relative=found.take("relative", rollback_kinds.MULTIPLE, usual.relative),
        over_s=found.take("over", kinds.DURATION, usual.over_s),
        min_requests=found.take("min_requests", kinds.COUNT, usual.min_requests),
        dry_run=found.take("dry_run", kinds.BOOLEAN, usual.dry_run),
    )
    _check_max(found, rule.max, "failure")
    _check_window(found, rule.over_s, rule.min_requests)
    return rule


def _connect_failures(at: At | None, otherwise: ConnectFailures | None) -> ConnectFailures | None:
    if at is None or is_off(at):
        return otherwise if at is None else None
    found = Found(at, CONNECT_FAILURES)
    usual = ConnectFailures()
    return ConnectFailures(
        consecutive=found.take("consecutive", kinds.TRIES, usual.consecutive),
        dry_run=found.take("dry_run", kinds.BOOLEAN, usual.dry_run),
    )


def _latency(at: At | None, otherwise: tuple[Latency, ...]) -> tuple[Latency, ...]:
    if at is None or is_off(at):
        return otherwise if at is None else ()
    before = at.report.count
    found = Found(at, LATENCY)
    usual = Latency(quantile=0.5)
    usual = replace(
        usual,
        over_s=found.take("over", kinds.DURATION, usual.over_s),
        min_requests=found.take("min_requests", kinds.COUNT, usual.min_requests),
        dry_run=found.take("dry_run", kinds.BOOLEAN, usual.dry_run),
    )
    rules = []
    for name, quantile in QUANTILES.items():
        limit = found.take(name, rollback_kinds.LATENCY_LIMIT, None)
        if limit is not None:
            rules.append(replace(usual, quantile=quantile, max_s=limit[0], relative=limit[1]))
    if not rules and at.report.count == before:
        at.fault("no quantile has a limit", "Write one, such as `p95: 1.5x` or `p99: 800ms`")
    _check_window(found, usual.over_s, usual.min_requests)
    return tuple(rules)


def _sequential(at: At | None, otherwise: Sequential | None) -> Sequential | None:
    if at is None or is_off(at):
        return otherwise if at is None else None
    found = Found(at, SEQUENTIAL)
    usual = Sequential()
    alpha = found.take("alpha", kinds.SHARE, round(usual.alpha * FULL_SHARE))
    if not 0 < alpha <= LARGEST_ALPHA:
        (found.get("alpha") or at).fault("this is no chance to live with", "Write more than `0%` and at most `10%`")
    return Sequential(
        ratio=found.take("ratio", rollback_kinds.MULTIPLE, usual.ratio),
        alpha=max(alpha, 1) / FULL_SHARE,
        dry_run=found.take("dry_run", kinds.BOOLEAN, usual.dry_run),
    )


def _mismatch_rate(at: At | None, otherwise: MismatchRate | None) -> MismatchRate | None:
    if at is None or is_off(at):
        return otherwise if at is None else None
    found = Found(at, MISMATCH_RATE)
    usual = MismatchRate()
    rule = MismatchRate(
        max=found.take("max", kinds.SHARE, usual.max),
        over_s=found.take("over", kinds.DURATION, usual.over_s),
        min_compared=found.take("min_compared", kinds.COUNT, usual.min_compared),
        dry_run=found.take("dry_run", kinds.BOOLEAN, usual.dry_run),
    )
    _check_max(found, rule.max, "difference")
    _check_window(found, rule.over_s, rule.min_compared, "min_compared")
    return rule


def _cooldown(at: At | None, otherwise: Cooldown | None) -> Cooldown | None:
    if at is None or is_off(at):
        return otherwise if at is None else None
    found = Found(at, COOLDOWN)
    usual = Cooldown()
    rule = Cooldown(
        base_s=found.take("base", kinds.DURATION, usual.base_s),
        max_s=found.take("max", kinds.DURATION, usual.max_s),
        share=found.take("share", kinds.SHARE, usual.share),
        requests=found.take("requests", kinds.COUNT, usual.requests),
    )
    if rule.base_s > rule.max_s:
        place = found.get("base") or found.get("max") or at
        place.fault("the first wait would be longer than the longest", "Let `base` be at most `max`")
    if rule.share == 0:
        (found.get("share") or at).fault("nothing would probe", "Write more than `0%`")
    return rule


def _check_max(found: Found, most: int, what: str) -> None:
    if not 0 < most < FULL_SHARE:
        message = f"every {what}" if most == 0 else f"no share of {what}s"
        place = found.get("max") or found.at
        place.fault(f"{message} would be above this limit", "Write more than `0%`, less than `100%`")


def _check_window(found: Found, over_s: float, min_requests: int, key: str = "min_requests") -> None:
    if not SHORTEST_WINDOW_S <= over_s <= LONGEST_WINDOW_S:
        message = "the window is shorter than four reports of the workers" if over_s < 1 else "the window is too long"
        (found.get("over") or found.at).fault(message, "Write `1s` to `1h`")
    elif min_requests > over_s * MOST_PER_S:
        message = f"no window of {over_s:g} s can hold {min_requests} requests, so the rule would never act"
        (found.get(key) or found.at).fault(message, f"Write at most {int(over_s * MOST_PER_S)}")
