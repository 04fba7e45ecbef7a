"""Configs without faults."""

from dataclasses import replace

from hypothesis import strategies as st

from strangler.config.kinds import METHODS, RESERVED_ATTRIBUTES
from strangler.config.shadow import READS, writes_of
from strangler.core.model import (
    FULL_SHARE,
    Address,
    Attribute,
    Config,
    Ejection,
    FlagSettings,
    FlagSourceKind,
    HeaderMatch,
    HealthCheck,
    HostRule,
    ListenerLimits,
    Match,
    Route,
    Source,
    SourceKind,
    Timeouts,
    Upstream,
    UpstreamTls,
)
from strangler.core.shadowing import ShadowMode
from tests.config.protections import idempotencies, rollbacks
from tests.config.shadows import shadows
from tests.config.texts import FILE
from tests.config.values import durations, sources, tokens, tries

TRAPS = ["no", "off", "yes", "null", "1", "1.0", "0x1", "2024-01-01", "1e3", "12", "true"]
"""Names that YAML takes for something else; whoever writes them has to quote them."""

names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,9}", fullmatch=True) | st.sampled_from(TRAPS)
hosts = st.one_of(
    st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z](\.[a-z]{2,5}){0,2}", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
)
tls = st.builds(UpstreamTls, server_name=st.just("") | hosts, verify=st.booleans())
health = st.builds(
    HealthCheck,
    path=st.sampled_from(["/", "/healthz", "/a/%20?b=c"]),
    interval_s=st.integers(1_000, 86_400_000).map(lambda milliseconds: milliseconds / 1000),
    timeout_s=st.integers(1, 1_000).map(lambda milliseconds: milliseconds / 1000),
    healthy_after=tries,
    unhealthy_after=tries,
    expect=st.tuples(st.integers(100, 350), st.integers(350, 599)),
)
ejection = st.builds(
    Ejection,
    consecutive_failures=tries,
    base_s=st.integers(1, 1_000).map(lambda milliseconds: milliseconds / 1000),
    max_s=st.integers(1_000, 86_400_000).map(lambda milliseconds: milliseconds / 1000),
    max_share=st.integers(0, FULL_SHARE),
)
timeouts = st.builds(Timeouts, connect_s=durations, response_s=durations, idle_s=durations)


def addresses(smallest: int) -> st.SearchStrategy[Address]:
    """Return hosts with ports from `smallest`; none that a default listener has."""
    return st.builds(Address, host=hosts, port=st.integers(smallest, 65_535).filter(lambda p: p not in (8080, 9900)))


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """Draw a whole Config that a file can say."""
    upstreams = tuple(
        Upstream(
            name=name,
            addresses=tuple(draw(st.lists(addresses(1), min_size=1, max_size=2, unique=True))),
            max_connections=draw(st.integers(64, 9_999)),
            max_idle=draw(st.integers(0, 64)),
            max_pending=draw(st.integers(0, 9_999)),
            resolve_s=draw(durations),
            tls=draw(st.none() | tls),
            health=draw(st.none() | health),
            ejection=draw(st.none() | ejection),
        )
        for name in draw(st.lists(names, min_size=2, max_size=4, unique=True))
    )
    count = draw(st.integers(0, 4))
    # Because two random listeners could be one, only one of them is drawn.
    listen = draw(
        addresses(0).filter(lambda address: all(address.port != a.port for u in upstreams for a in u.addresses))
    )
    trusted = tuple(draw(st.lists(st.ip_addresses().map(network), max_size=2, unique=True)))
    return Config(
        upstreams=upstreams,
        default_upstream=draw(st.sampled_from(upstreams)).name,
        routes=tuple(draw(routes(index, tuple(u.name for u in upstreams))) for index in range(count)),
        listen=listen,
        workers=draw(st.integers(0, 256)),
        state_dir=str(FILE.parent / draw(tokens)),
        flags=draw(flags),
        trusted_proxies=trusted,
        proxy_protocol=bool(trusted) and draw(st.booleans()),
        timeouts=draw(timeouts),
        limits=draw(limits),
        access_log=draw(st.integers(0, FULL_SHARE)),
        decision_header=draw(st.booleans()),
        strict_paths=draw(st.booleans()),
    )


@st.composite
def routes(draw: st.DrawFn, index: int, upstreams: tuple[str, ...]) -> Route:
    """Draw a route that conflicts with none of another index."""
    legacy, extracted = draw(st.permutations(upstreams))[:2]
    is_split = draw(st.booleans())
    flag = draw(st.none() | names) if is_split else None
    host, value = draw(
        st.sampled_from([(HostRule.PRESERVE, ""), (HostRule.UPSTREAM, ""), (HostRule.LITERAL, "a.example:81")])
    )
    ending = draw(st.sampled_from(["", "/{id}", "/{id}/x", "/{rest...}"]))
    last = draw(st.lists(st.builds(Source, kind=st.just(SourceKind.ASSIGNED), name=tokens), max_size=1))
    first = draw(st.lists(sources, min_size=1, max_size=3, unique=True))
    keys = [key for key in draw(st.lists(tokens, max_size=2, unique=True)) if key not in RESERVED_ATTRIBUTES]
    methods = draw(st.sets(st.sampled_from(METHODS), max_size=3))
    # Because TRACE is neither asked twice nor a write, a route of nothing else has nothing to shadow.
    shadow = draw(st.none() | shadows) if is_split and methods != {"TRACE"} else None
    if shadow is not None and shadow.mode is not ShadowMode.OFF and (not methods or writes_of(tuple(methods))):
        # A route of writes alone has to declare them.
        shadow = replace(shadow, writes=(bool(methods) and READS.isdisjoint(methods)) or draw(st.booleans()))
    if shadow is not None and shadow.mode is ShadowMode.STAGE and flag is None:
        shadow = replace(shadow, mode=ShadowMode.BOTH)
    return Route(
        name=f"r{index}.{draw(names)}",
        match=Match(
            path=f"/r{index}{ending}",
            methods=tuple(sorted(methods)),
            hosts=tuple(draw(st.lists(hosts.map(bracketed), max_size=2, unique=True))),
            headers=draw(header_matches),
        ),
        legacy=legacy,
        extracted=extracted if is_split else None,
        flag=flag,
        share=draw(st.integers(0, FULL_SHARE)) if is_split and flag is None else 0,
        cohort=draw(st.sampled_from(["", f"c{index}"])),
        identity=(*first, *last),
        attributes=tuple(Attribute(name=key, source=draw(sources)) for key in keys),
        host=host,
        host_value=value,
        timeouts=draw(timeouts),
        rollback=draw(st.none() | rollbacks) if is_split else None,
        shadow=shadow,
        idempotency=draw(st.none() | idempotencies),
    )


header_values = st.none() | st.from_regex(r"[!-~]([ -~]{0,6}[!-~])?", fullmatch=True) | st.sampled_from(TRAPS)
header_matches = st.dictionaries(tokens, header_values, max_size=2).map(
    lambda found: tuple(HeaderMatch(name=name, value=found[name]) for name in sorted(found))
)
uris = st.sampled_from(["", "http://relay:8030", "https://relay.example/v1"])
flags = st.one_of(
    st.just(FlagSettings()),
    st.builds(
        FlagSettings,
        source=st.just(FlagSourceKind.FILE),
        file=tokens.map(lambda name: str(FILE.parent / name)),
    ),
    st.builds(FlagSettings, source=st.just(FlagSourceKind.LAUNCHDARKLY), base_uri=uris, stream_uri=uris),
)
limits = st.builds(
    ListenerLimits,
    header_bytes=st.integers(8_192, 1_048_576),
    header_count=st.integers(1, 10_000),
    target_bytes=st.integers(1, 8_192),
    header_timeout_s=durations,
    idle_timeout_s=durations,
    body_timeout_s=durations,
    handshake_timeout_s=durations,
    connections=st.integers(1, 1_000_000),
    connections_per_address=st.integers(0, 1_000_000),
)


def bracketed(host: str) -> str:
    """Return a host as a Host header says it (RFC 3986 section 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def network(address: object) -> str:
    """Return the network that holds one address."""
    return f"{address}/{128 if ':' in str(address) else 32}"
