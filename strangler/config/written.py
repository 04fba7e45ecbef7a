"""Written: the meaning of a routes file as a person writes it, key by key, with every default filled in.

What is read of it is the same meaning, but for what stands in files of its own: of a certificate or a key there is a
digest alone. `defaults` are written out in each route.
"""

from hashlib import sha256

from strangler.config import units
from strangler.config.written_rules import Document, idempotency, rollback, shadow
from strangler.core.model import (
    FULL_SHARE,
    Config,
    Ejection,
    FlagSettings,
    FlagSourceKind,
    HealthCheck,
    ListenerLimits,
    ListenerTls,
    Route,
    Timeouts,
    Upstream,
    UpstreamTls,
)
from strangler.core.shadowing import ShadowMode
from strangler.core.shapes import label

_SHOWN_DIGITS = 12
"""Of a digest: enough to see that a file is another one."""


def written(config: Config) -> Document:
    """Return a document with the keys of a routes file; what is not there has no key."""
    document: Document = {
        "version": 1,
        "listen": str(config.listen),
        "admin": str(config.admin),
        "admin_access": _admin_access(config),
        "workers": config.workers,
        "state_dir": config.state_dir,
        "drain_timeout": units.seconds(config.drain_s),
        "upstreams": {one.name: _upstream(one, one.name == config.default_upstream) for one in config.upstreams},
        "defaults": {"shadow": _stage(config)},
        "routes": [_route(route) for route in config.routes],
        "flags": _flags(config.flags),
        "idempotency_keys": config.idempotency_keys,
        "proxy_protocol": config.proxy_protocol,
        "timeouts": _timeouts(config.timeouts),
        "limits": _limits(config.limits),
        "access_log": {0: "off", FULL_SHARE: "on"}.get(config.access_log, units.percent(config.access_log)),
        "decision_header": config.decision_header,
        "strict_paths": config.strict_paths,
    }
    return document | _given(
        drain_delay=config.drain_delay_s and units.seconds(config.drain_delay_s),
        trusted_proxies=list(config.trusted_proxies),
        tls=_listener_tls(config.tls),
        webhooks=[
            {"name": one.name, "url": one.url, "events": list(one.events)} | _given(secret_env=one.secret_env)
            for one in config.webhooks
        ],
    )


def _admin_access(config: Config) -> Document:
    access = config.admin_access
    identity = _given(
        header=access.identity_header,
        trusted=list(access.trusted),
        operators=list(access.operators),
        viewers=list(access.viewers),
    )
    tls = _listener_tls(config.admin_tls)
    return {"allow_plain": access.allow_plain} | _given(hosts=list(access.hosts), identity=identity, tls=tls)


def _upstream(upstream: Upstream, is_default: bool) -> Document:
    scheme = "http" if upstream.tls is None else "https"
    urls = [f"{scheme}://{address}" for address in upstream.addresses]
    document: Document = {
        **({"url": urls[0]} if len(urls) == 1 else {"urls": urls}),
        "max_connections": upstream.max_connections,
        "max_idle": upstream.max_idle,
        "max_pending": upstream.max_pending,
        "resolve": units.seconds(upstream.resolve_s),
        "ejection": "off" if upstream.ejection is None else _ejection(upstream.ejection),
    }
    return document | _given(
        default=is_default,
        health=upstream.health and _health(upstream.health),
        tls=upstream.tls and _upstream_tls(upstream.tls),
    )


def _health(check: HealthCheck) -> Document:
    low, high = check.expect
    return {
        "path": check.path,
        "interval": units.seconds(check.interval_s),
        "timeout": units.seconds(check.timeout_s),
        "healthy_after": check.healthy_after,
        "unhealthy_after": check.unhealthy_after,
        "expect": f"{low}" if low == high else f"{low}-{high}",
    }


def _ejection(ejection: Ejection) -> Document:
    return {
        "consecutive_failures": ejection.consecutive_failures,
        "base": units.seconds(ejection.base_s),
        "max": units.seconds(ejection.max_s),
        "max_percent": units.percent(ejection.max_share),
    }


def _upstream_tls(tls: UpstreamTls) -> Document:
    return {"verify": tls.verify} | _given(
        server_name=tls.server_name, ca=_content(tls.ca), cert=_content(tls.chain), key=_content(tls.key)
    )


def _content(data: bytes) -> str:
    """Return what may be said of a file that was read; never a part of it, because some are private keys."""
    return f"a file with sha256 {sha256(data).hexdigest()[:_SHOWN_DIGITS]}..." if data else ""


def _route(route: Route) -> Document:
    match = {"path": route.match.path} | _given(
        methods=list(route.match.methods),
        hosts=list(route.match.hosts),
        headers={header.name: True if header.value is None else header.value for header in route.match.headers},
    )
    document: Document = {"name": route.name, "match": match, "legacy": route.legacy}
    if route.extracted is not None:
        document["extracted"] = route.extracted
        document |= {"share": units.percent(route.share)} if route.flag is None else {"flag": route.flag}
    document |= {
        "identity": [label(source) for source in route.identity],
        "host": route.host_value or route.host.value,
        "timeouts": _timeouts(route.timeouts),
        "fallback": route.fallback.value,
    }
    if route.max_body_bytes is not None:
        document["max_body"] = _limit(route.max_body_bytes)
    return document | _given(
        cohort=route.cohort,
        attributes={one.name: label(one.source) for one in route.attributes},
        rollback=route.extracted and rollback(route.rollback),
        shadow=route.shadow and shadow(route.shadow),
        idempotency=route.idempotency and idempotency(route.idempotency),
    )


def _stage(config: Config) -> Document:
    """Return what `defaults` say that holds for the stages of migration flags."""
    if config.shadow.mode is ShadowMode.OFF:
        return {"mode": ShadowMode.OFF.value}
    left = shadow(config.shadow)
    assert isinstance(left, dict)
    return {key: value for key, value in left.items() if key not in ("mode", "writes", "redirects", "record")}


def _timeouts(timeouts: Timeouts) -> Document:
    return {
        "connect": units.seconds(timeouts.connect_s),
        "response": units.seconds(timeouts.response_s),
        "idle": units.seconds(timeouts.idle_s),
        "total": units.seconds(timeouts.total_s) if timeouts.total_s else "off",
    }


def _flags(flags: FlagSettings) -> Document:
    return {"source": flags.source.value} | _given(
        file=flags.file,
        base_uri=flags.base_uri,
        stream_uri=flags.stream_uri,
        project=flags.project,
        environment=flags.environment,
        api_uri=flags.api_uri if flags.source is FlagSourceKind.LAUNCHDARKLY else "",
    )


def _limits(limits: ListenerLimits) -> Document:
    document: Document = {
        "header_bytes": units.octets(limits.header_bytes),
        "header_count": limits.header_count,
        "target_bytes": units.octets(limits.target_bytes),
        "header_timeout": units.seconds(limits.header_timeout_s),
        "idle_timeout": units.seconds(limits.idle_timeout_s),
        "body_timeout": units.seconds(limits.body_timeout_s),
        "write_timeout": units.seconds(limits.write_timeout_s),
        "body_bytes": _limit(limits.body_bytes),
        "handshake_timeout": units.seconds(limits.handshake_timeout_s),
        "connections": limits.connections,
    }
    return document | _given(connections_per_address=limits.connections_per_address)


def _listener_tls(tls: ListenerTls | None) -> Document | None:
    if tls is None:
        return None
    pairs = [{"cert": pair.cert, "key": pair.key} for pair in tls.pairs]
    document: Document = {**pairs[0]} if len(pairs) == 1 else {"certs": pairs}
    return document | {"min_version": tls.min_version.value} | _given(client_ca=tls.client_ca)


def _limit(amount: int) -> str:
    return units.octets(amount) if amount else "off"


def _given(**values: object) -> Document:
    """Return the values that say something."""
    return {name: value for name, value in values.items() if value}
