"""Written rules: rollback, shadow and idempotency of a route as a person writes them."""

import json
from typing import Any

from strangler.config import units
from strangler.core.model import FULL_SHARE, Idempotency
from strangler.core.rules import Cooldown, ErrorRate, Latency, MismatchRate, Rollback, Sequential
from strangler.core.shadowing import PathRule, Record, RuleKind, Shadow, ShadowMode
from strangler.core.shapes import label

Document = dict[str, Any]

_DAY_S = 86_400


def rollback(rules: Rollback | None) -> Document | str:
    """Return what `rollback` says."""
    if rules is None:
        return "off"
    connect = rules.connect_failures
    return {
        "error_rate": _error_rate(rules.error_rate),
        "connect_failures": "off"
        if connect is None
        else {"consecutive": connect.consecutive, "dry_run": connect.dry_run},
        "latency": _latency(rules.latency),
        "sequential": _sequential(rules.sequential),
        "mismatch_rate": _mismatch_rate(rules.mismatch_rate),
        "failures": [_statuses(low, high) for low, high in rules.failures],
        "cooldown": _cooldown(rules.cooldown),
        "trips_cohort": rules.trips_cohort,
        "hold_back": units.percent(rules.hold_back),
        "long_lived": rules.long_lived.value,
        "grace": units.seconds(rules.grace_s),
        "write_back": rules.write_back,
    }


def shadow(rules: Shadow) -> Document | str:
    """Return what `shadow` says."""
    if rules.mode is ShadowMode.OFF:
        return "off"
    document: Document = {
        "mode": rules.mode.value,
        "writes": rules.writes,
        "redirects": rules.redirects.value,
        "sample": units.percent(rules.sample),
        "noise": units.percent(rules.noise),
        "max_body": units.octets(rules.max_body_bytes),
        "timeout": units.seconds(rules.timeout_s),
        "credentials": _credentials(rules),
        "headers": list(rules.headers),
        "record": _record(rules.record),
    }
    return document | {
        name: value
        for name, value in (("redact", list(rules.redact)), ("rules", [_rule(rule) for rule in rules.rules]))
        if value
    }


def idempotency(keys: Idempotency) -> Document:
    """Return what `idempotency` says."""
    tenant = [label(source) for source in keys.tenant]
    return {
        "header": keys.header,
        "lifetime": _age(keys.lifetime_s),
        "required": keys.is_required,
        "tripped": "ask" if keys.asks_tripped else "refuse",
        **({"tenant": tenant} if tenant else {}),
    }


def _error_rate(rule: ErrorRate | None) -> Document | str:
    if rule is None:
        return "off"
    return {
        "max": units.percent(rule.max),
        **({} if rule.relative is None else {"relative": _times(rule.relative)}),
        "over": units.seconds(rule.over_s),
        "min_requests": rule.min_requests,
        "dry_run": rule.dry_run,
    }


def _latency(rules: tuple[Latency, ...]) -> Document | str:
    """Return what `latency` says; the rules of one route have window, minimum and dry run in common."""
    if not rules:
        return "off"
    return {
        **{f"p{rule.quantile * 100:g}": _latency_limit(rule) for rule in rules},
        "over": units.seconds(rules[0].over_s),
        "min_requests": rules[0].min_requests,
        "dry_run": rules[0].dry_run,
    }


def _latency_limit(rule: Latency) -> object:
    limits = [
        *([] if rule.max_s is None else [units.seconds(rule.max_s)]),
        *([] if rule.relative is None else [_times(rule.relative)]),
    ]
    return limits[0] if len(limits) == 1 else limits


def _sequential(rule: Sequential | None) -> Document | str:
    if rule is None:
        return "off"
    alpha = units.percent(round(rule.alpha * FULL_SHARE))
    return {"ratio": _times(rule.ratio), "alpha": alpha, "dry_run": rule.dry_run}


def _mismatch_rate(rule: MismatchRate | None) -> Document | str:
    if rule is None:
        return "off"
    return {
        "max": units.percent(rule.max),
        "over": units.seconds(rule.over_s),
        "min_compared": rule.min_compared,
        "dry_run": rule.dry_run,
    }


def _cooldown(rule: Cooldown | None) -> Document | str:
    if rule is None:
        return "off"
    return {
        "base": units.seconds(rule.base_s),
        "max": units.seconds(rule.max_s),
        "share": units.percent(rule.share),
        "requests": rule.requests,
    }


def _credentials(rules: Shadow) -> Document | str:
    if rules.replacement is None:
        return rules.credentials.value
    return {"header": rules.replacement.header, "env": rules.replacement.variable}


def _record(record: Record | None) -> Document | str:
    if record is None:
        return "off"
    return {"keep": record.keep, "bytes": units.octets(record.most_bytes), "for": _age(record.for_s)}


def _rule(rule: PathRule) -> Document:
    document: Document = {rule.kind.value: rule.path}
    match rule.kind:
        case RuleKind.UNORDERED:
            return document | ({"by": rule.by} if rule.by else {})
        case RuleKind.ROUND:
            return document | {"decimals": rule.digits}
        case RuleKind.WITHIN:
            return document | {"tolerance": units.seconds(rule.seconds)}
        case RuleKind.MAP:
            return document | {"values": [[json.loads(text) for text in pair] for pair in rule.pairs]}
        case RuleKind.IGNORE | RuleKind.NUMERIC | RuleKind.UUID | RuleKind.LOWER:
            return document


def _statuses(low: int, high: int) -> str:
    if low == high:
        return f"{low}"
    return f"{low // 100}xx" if (low % 100, high) == (0, low + 99) else f"{low}-{high}"


def _times(amount: float) -> str:
    return f"{amount:.3f}".rstrip("0").rstrip(".") + "x"


def _age(amount: float) -> str:
    """Return seconds of a time that may be days."""
    whole = round(amount)
    for unit, size in (("d", _DAY_S), ("h", 3_600), ("m", 60)):
        # Because 24h is what one day is called here.
        if whole % size == 0 and (whole > size or size < _DAY_S):
            return f"{whole // size}{unit}"
    return f"{whole}s"
