"""From a document to a Config: the file as a whole."""

from pathlib import Path

from strangler.config import addresses, kinds
from strangler.config.admin import read_access
from strangler.config.agreement import check_routes
from strangler.config.keys import FLAGS, ROOT
from strangler.config.listener import check_proxy_protocol, read_limits, read_tls
from strangler.config.reading import At
from strangler.config.rollback import read_webhooks
from strangler.config.routes import read_defaults, read_routes, read_timeouts
from strangler.config.sections import Found
from strangler.config.shadow import left_to_stage
from strangler.config.upstreams import read_upstreams
from strangler.core.model import (
    Address,
    Config,
    FlagSettings,
    FlagSourceKind,
    Timeouts,
    Upstream,
)

STATE_DIR = ".strangler"
"""Beside the file, so that two files on one machine do not share their state."""


def read_config(at: At, *, folder: Path, processors: int, digest: str) -> Config:
    """Return the meaning of a document; it may be used only if the report has no fault."""
    found = Found(at, ROOT)
    found.take("version", kinds.VERSION, 1)
    timeouts = read_timeouts(found.get("timeouts"), Timeouts())
    place = found.get("upstreams")
    upstreams, default = ((), "") if place is None else read_upstreams(place, folder)
    defaults = read_defaults(found.get("defaults"), timeouts)
    drafts = read_routes(
        found.get("routes"),
        upstreams=tuple(upstream.name for upstream in upstreams),
        default=default,
        defaults=defaults,
    )
    check_routes(drafts)
    usual = Config(upstreams=(), default_upstream="")
    workers = found.take("workers", kinds.WORKERS, usual.workers)
    access, admin_tls = read_access(found.get("admin_access"), folder)
    config = Config(
        upstreams=upstreams,
        default_upstream=default,
        routes=tuple(draft.route for draft in drafts),
        listen=found.take("listen", kinds.LISTENER, usual.listen),
        admin=found.take("admin", kinds.LISTENER, usual.admin),
        admin_access=access,
        admin_tls=admin_tls,
        workers=workers if isinstance(workers, int) else processors,
        state_dir=str(folder / found.take("state_dir", kinds.TEXT, STATE_DIR)),
        drain_s=found.take("drain_timeout", kinds.DURATION, usual.drain_s),
        drain_delay_s=found.take("drain_delay", kinds.DURATION, usual.drain_delay_s),
        flags=_flags(found.get("flags"), folder),
        webhooks=read_webhooks(found.get("webhooks")),
        shadow=left_to_stage(defaults.shadow),
        idempotency_keys=found.take("idempotency_keys", kinds.COUNT, usual.idempotency_keys),
        trusted_proxies=found.take("trusted_proxies", kinds.NETWORKS, ()),
        tls=read_tls(found.get("tls"), folder),
        proxy_protocol=found.take("proxy_protocol", kinds.BOOLEAN, usual.proxy_protocol),
        timeouts=timeouts,
        limits=read_limits(found.get("limits")),
        access_log=found.take("access_log", kinds.ACCESS_LOG, usual.access_log),
        decision_header=found.take("decision_header", kinds.BOOLEAN, usual.decision_header),
        strict_paths=found.take("strict_paths", kinds.BOOLEAN, usual.strict_paths),
        digest=digest,
    )
    check_proxy_protocol(found, config)
    _check_addresses(found, config)
    _check_write_back(found, config)
    return config


def _flags(at: At | None, folder: Path) -> FlagSettings:
    if at is None:
        return FlagSettings()
    before = at.report.count
    found = Found(at, FLAGS)
    source = found.take("source", kinds.FLAG_SOURCE, FlagSourceKind.EMBEDDED)
    file = found.take("file", kinds.TEXT, "")
    settings = FlagSettings(
        source=source,
        file=str(folder / file) if file else "",
        base_uri=found.take("base_uri", kinds.SERVICE, ""),
        stream_uri=found.take("stream_uri", kinds.SERVICE, ""),
        project=found.take("project", kinds.FLAG, ""),
        environment=found.take("environment", kinds.FLAG, ""),
        api_uri=found.take("api_uri", kinds.SERVICE, FlagSettings().api_uri),
    )
    if at.report.count > before:
        return settings
    owners = {
        "file": FlagSourceKind.FILE,
        "base_uri": FlagSourceKind.LAUNCHDARKLY,
        "stream_uri": FlagSourceKind.LAUNCHDARKLY,
        "project": FlagSourceKind.LAUNCHDARKLY,
        "environment": FlagSourceKind.LAUNCHDARKLY,
        "api_uri": FlagSourceKind.LAUNCHDARKLY,
    }
    for key, owner in owners.items():
        if (value := found.get(key)) is not None and source is not owner:
            value.fault(f"`{key}` means nothing with `source: {source}`", f"Write `source: {owner}`, or remove it")
    if source is FlagSourceKind.FILE and not file:
        at.fault("`source: file` names no file", "Add `file: flags.json`")
    return settings


def _check_write_back(found: Found, config: Config) -> None:
    """A flag can be switched off only where this proxy may write."""
    wishing = next((route for route in config.routes if route.rollback and route.rollback.write_back), None)
    if wishing is None:
        return
    place = found.get("flags") or found.at
    flags = config.flags
    if flags.source is FlagSourceKind.FILE:
        message = f"route `{wishing.name}` writes back, and flags come from a file"
        place.fault(message, "Remove `write_back`; a trip holds without it")
    elif flags.source is FlagSourceKind.LAUNCHDARKLY and not (flags.project and flags.environment):
        message = f"route `{wishing.name}` writes back, and it is not said to which project and environment"
        place.fault(message, "Add `project` and `environment`; the token comes from LAUNCHDARKLY_API_TOKEN")


def _check_addresses(found: Found, config: Config) -> None:
    if addresses.clash(config.listen, config.admin):
        place = found.get("admin") or found.get("listen") or found.at
        message = f"clients and operators would share {config.listen}"
        place.fault(message, "Give `admin` a port of its own, such as `127.0.0.1:9900`")
    place = found.get("upstreams") or found.at
    for upstream in config.upstreams:
        if _is_own(upstream, config.listen):
            message = f"the upstream `{upstream.name}` is the proxy's own listener, {config.listen}"
            place.fault(message, "Requests would go round forever; name the application's address")


def _is_own(upstream: Upstream, listen: Address) -> bool:
    return any(addresses.leads_to(address, listen) for address in upstream.addresses)
