"""From text to upstreams: who can answer, and which of them is the monolith."""

from dataclasses import replace
from pathlib import Path

from strangler.config import kinds
from strangler.config.addresses import Target
from strangler.config.keys_upstreams import EJECTION, HEALTH, UPSTREAM
from strangler.config.nodes import Scalar
from strangler.config.reading import At, show_key
from strangler.config.sections import Found
from strangler.config.upstream_tls import read_tls
from strangler.core.model import Ejection, HealthCheck, Upstream, UpstreamTls


def read_upstreams(at: At, folder: Path) -> tuple[tuple[Upstream, ...], str]:
    """Return the upstreams in the file's order and the name of the default one, empty if that is at fault."""
    before = at.report.count
    upstreams: list[Upstream] = []
    marks: list[tuple[str, At]] = []
    for entry, value in at.entries():
        if not kinds.is_name(entry.key):
            at.report.add(entry.place, value.where, f"{show_key(entry.key)} is not a name", kinds.NAME_REMEDY)
        found = Found(value, UPSTREAM)
        upstreams.append(_upstream(entry.key, found, folder))
        mark = found.get("default")
        if mark is not None and found.take("default", kinds.BOOLEAN, False):
            marks.append((entry.key, mark))
    for _, mark in marks[1:]:
        name, first = marks[0]
        message = f"a second upstream is marked as default; the first is `{name}` in line {first.node.place.line}"
        mark.fault(message, "Keep one: the monolith")
    if not marks and at.report.count == before:
        at.fault("no upstream is marked as default", "Add `default: true` to the monolith")
    return tuple(upstreams), marks[0][0] if marks else ""


def _upstream(name: str, found: Found, folder: Path) -> Upstream:
    targets = _targets(found)
    usual = Upstream(name=name, addresses=tuple(target.address for target in targets))
    upstream = replace(
        usual,
        max_connections=found.take("max_connections", kinds.COUNT, usual.max_connections),
        max_idle=found.take("max_idle", kinds.COUNT_OR_NONE, usual.max_idle),
        max_pending=found.take("max_pending", kinds.COUNT_OR_NONE, usual.max_pending),
        resolve_s=found.take("resolve", kinds.DURATION, usual.resolve_s),
        tls=_tls(found, targets, folder),
        health=_health(found.get("health")),
        ejection=_ejection(found.get("ejection")),
    )
    idle = found.get("max_idle")
    if idle is not None and upstream.max_idle > upstream.max_connections:
        message = f"{upstream.max_idle} is more than `max_connections`, {upstream.max_connections}"
        idle.fault(message, "Write at most as many")
    return upstream


def _targets(found: Found) -> tuple[Target, ...]:
    one, several = found.get("url"), found.get("urls")
    if one is not None and several is not None:
        several.fault("`url` and `urls` are both there", "Keep `urls`, with all addresses in it")
    elif one is None and several is None and found.is_mapping:
        found.at.fault("`url` is missing", "Add `url: http://HOST:PORT`")
    if several is not None:
        targets = found.take("urls", kinds.URLS, ())
        if len({target.is_tls for target in targets}) > 1:
            several.fault("some of the addresses are `http://` and some `https://`", "Write all of them alike")
        return targets
    target = found.take("url", kinds.URL, None)
    return () if target is None else (target,)


def _tls(found: Found, targets: tuple[Target, ...], folder: Path) -> UpstreamTls | None:
    at = found.get("tls")
    is_tls = any(target.is_tls for target in targets)
    if at is None:
        return UpstreamTls() if is_tls else None
    tls = read_tls(at, folder)
    if targets and not is_tls:
        at.fault("`tls` means nothing with an `http://` address", "Write `https://`, or remove it")
    return tls


def _health(at: At | None) -> HealthCheck | None:
    if at is None:
        return None
    found = Found(at, HEALTH)
    usual = HealthCheck(path=found.take("path", kinds.PATH, "/"))
    health = replace(
        usual,
        interval_s=found.take("interval", kinds.DURATION, usual.interval_s),
        timeout_s=found.take("timeout", kinds.DURATION, usual.timeout_s),
        healthy_after=found.take("healthy_after", kinds.TRIES, usual.healthy_after),
        unhealthy_after=found.take("unhealthy_after", kinds.TRIES, usual.unhealthy_after),
        expect=found.take("expect", kinds.STATUSES, usual.expect),
    )
    if health.timeout_s > health.interval_s:
        place = found.get("timeout") or found.get("interval") or at
        place.fault("a check may take longer than the time between two", "Let `timeout` be at most `interval`")
    return health


def _ejection(at: At | None) -> Ejection | None:
    if at is None:
        return Ejection()
    if isinstance(at.node, Scalar) and at.node.text in ("off", "false"):
        return None
    found = Found(at, EJECTION)
    usual = Ejection()
    ejection = Ejection(
        consecutive_failures=found.take("consecutive_failures", kinds.TRIES, usual.consecutive_failures),
        base_s=found.take("base", kinds.DURATION, usual.base_s),
        max_s=found.take("max", kinds.DURATION, usual.max_s),
        max_share=found.take("max_percent", kinds.SHARE, usual.max_share),
    )
    if ejection.base_s > ejection.max_s:
        place = found.get("base") or found.get("max") or at
        place.fault("the first ejection would last longer than the longest", "Let `base` be at most `max`")
    return ejection
