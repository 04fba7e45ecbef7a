"""What may happen on each endpoint: the meaning of a routes file, as frozen values.

`config` makes these from text and has checked them; everyone else only reads. They cross process borders as they are,
so every field is a plain value.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from strangler.core.access import AdminAccess
from strangler.core.rules import Rollback
from strangler.core.shadowing import Shadow, ShadowMode

FULL_SHARE = 10_000
"""All of the traffic, in basis points."""


class Side(StrEnum):
    """Who answers: the monolith or the service that replaces a part of it."""

    LEGACY = "legacy"
    EXTRACTED = "extracted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A host and a TCP port; an IPv6 host is written without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """How an upstream's addresses are asked whether they can serve."""

    path: str
    interval_s: float = 5.0
    """Between two checks of one address. Precedent: nginx Plus `interval` 5 s; HAProxy `inter` 2 s."""
    timeout_s: float = 1.0
    """For the whole answer's head. Precedent: Envoy's examples, 1 s."""
    healthy_after: int = 2
    """Good checks in a row. Precedent: HAProxy `rise` 2."""
    unhealthy_after: int = 3
    """Bad checks in a row. Precedent: HAProxy `fall` 3."""
    expect: tuple[int, int] = (200, 399)
    """The lowest and the highest status of a good check. Precedent: HAProxy `httpchk` takes 2xx and 3xx."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ejection:
    """When an address that fails is left out for a while (Envoy's outlier detection, and its defaults)."""

    consecutive_failures: int = 5
    """Precedent: Envoy `consecutive_5xx` 5."""
    base_s: float = 30.0
    """Times the number of ejections so far. Precedent: Envoy `base_ejection_time` 30 s."""
    max_s: float = 300.0
    """Precedent: Envoy `max_ejection_time` 300 s."""
    max_share: int = 1_000
    """Basis points of the addresses, but always one if there are several.

    Precedent: Envoy `max_ejection_percent` 10.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamTls:
    """How an upstream is spoken to over TLS; the files' content, so that all workers hold the same."""

    server_name: str = ""
    """For SNI and the check of the certificate; empty for the URL's host."""
    verify: bool = True
    """Whether the certificate is checked: its chain, its dates and its name."""
    ca: bytes = field(default=b"", repr=False)
    """PEM; empty for the system's authorities."""
    chain: bytes = field(default=b"", repr=False)
    """PEM of the client certificate; empty for none."""
    key: bytes = field(default=b"", repr=False)
    """PEM of its private key. Never logged, never stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One application that can answer, at one or more addresses."""

    name: str
    addresses: tuple[Address, ...]
    max_connections: int = 512
    """Per worker, over all its addresses. Precedent: nginx `worker_connections` 512."""
    max_idle: int = 64
    """Pooled connections kept per worker. Precedent: nginx `keepalive` examples keep 16 to 64."""
    max_pending: int = 1_024
    """Requests that wait for a connection, per worker. Precedent: Envoy `max_pending_requests` 1,024."""
    resolve_s: float = 5.0
    """Between two look-ups of a host's name. Precedent: Envoy `dns_refresh_rate` 5 s."""
    tls: UpstreamTls | None = None
    """None for plain HTTP."""
    health: HealthCheck | None = None
    ejection: Ejection | None = Ejection()
    """None for never."""


class SourceKind(StrEnum):
    """Where in a request a value is read."""

    HEADER = "header"
    COOKIE = "cookie"
    JWT = "jwt"
    """A claim of the bearer token's payload. Its signature is not verified: it only picks a bucket."""
    QUERY = "query"
    IP = "ip"
    """The client's address."""
    ASSIGNED = "assigned"
    """A cookie of our own, set on the answer when no earlier source had a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place to read an identity or an attribute from; `name` is empty for `ip`."""

    kind: SourceKind
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A fact about the caller that flag rules may use, e.g. `country` from a header."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderMatch:
    """A request header that must be there, with exactly this value unless `value` is None."""

    name: str
    """Lower case."""
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which requests a route is for. Empty means any, for every field but `path`."""

    path: str
    """A template: `/a/{id}` takes one segment, `/a/{rest...}` takes one or more."""
    methods: tuple[str, ...] = ()
    """Upper case, sorted. GET includes HEAD (RFC 9110 section 9.3.2)."""
    hosts: tuple[str, ...] = ()
    """Lower case, without port; `*.example.com` takes any one or more leading labels."""
    headers: tuple[HeaderMatch, ...] = ()


class HostRule(StrEnum):
    """What the upstream sees as Host."""

    PRESERVE = "preserve"
    """The client's (default; RFC 9110 section 7.2)."""
    UPSTREAM = "upstream"
    """The upstream's own address."""
    LITERAL = "literal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long the proxy waits on an upstream, in seconds."""

    connect_s: float = 2.0
    """Shorter than Envoy's `connect_timeout` (5 s), so that a route's clients do not queue behind a dead address."""
    response_s: float = 30.0
    """From the request being sent whole to the answer's head.

    Between Envoy's route timeout (15 s) and nginx's `proxy_read_timeout` (60 s).
    """
    idle_s: float = 60.0
    """Between two pieces of a body, either way. Precedent: nginx `proxy_read_timeout` 60 s."""
    total_s: float = 0.0
    """From the request's head to the end of the answer; 0 is no limit, or event streams would be cut.

    Precedent: nginx and HAProxy have none; Go's `http.Server.WriteTimeout` is off by default.
    """


class Fallback(StrEnum):
    """When the monolith answers in place of an extracted side that failed."""

    OFF = "off"
    SAFE = "safe"
    """For safe methods (RFC 9110 section 9.2.1), and for requests of which no byte was sent (default)."""
    DECLARED = "declared"
    """For every request: the route declares that each may be carried out twice, by different sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """What marks the repetition of a write, so that it goes where its first try went."""

    header: str = "idempotency-key"
    """Lower case."""
    lifetime_s: int = 86_400
    """Precedent: Stripe keeps its keys for at least 24 hours."""
    is_required: bool = False
    """Whether a write without a key is refused, as the IETF's draft wants it where keys are documented as required."""
    tenant: tuple[Source, ...] = ()
    """Whose key it is; empty for the route's identity."""
    asks_tripped: bool = False
    """Whether a repetition is sent to the extracted side although the route has tripped; else it is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One endpoint, or a family of them, and how it is split."""

    name: str
    match: Match
    legacy: str
    """The upstream that answers for the monolith."""
    extracted: str | None = None
    """The upstream that answers for the extracted service; None keeps the route on the monolith."""
    flag: str | None = None
    """The flag that says how far the migration has come; without one, `share` does."""
    share: int = 0
    """Basis points of the extracted side when there is no flag."""
    cohort: str = ""
    """Routes of one cohort send the same key to the same side."""
    identity: tuple[Source, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    host: HostRule = HostRule.PRESERVE
    host_value: str = ""
    timeouts: Timeouts = field(default_factory=Timeouts)
    fallback: Fallback = Fallback.SAFE
    """Precedent: nginx `proxy_next_upstream` asks the next server by default, but for what may change something."""
    max_body_bytes: int | None = None
    """In place of the listener's `body_bytes`; 0 is no limit."""
    rollback: Rollback | None = None
    """When its traffic is taken back; None leaves it unguarded."""
    shadow: Shadow | None = None
    """What is asked of the other side as well; None leaves that to the stage of a migration flag (`Config.shadow`)."""
    idempotency: "Idempotency | None" = None
    """How its writes are told apart from their repetitions; None where they cannot be."""
    line: int = 0
    """Where the file defines it, counted from 1."""


class FlagSourceKind(StrEnum):
    """Where flags come from."""

    EMBEDDED = "embedded"
    """The state store, in LaunchDarkly's own format (default)."""
    FILE = "file"
    LAUNCHDARKLY = "launchdarkly"
    """LaunchDarkly or its Relay Proxy; the SDK key comes from the environment only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagSettings:
    """Which flag source serves this proxy. Secrets are not part of it."""

    source: FlagSourceKind = FlagSourceKind.EMBEDDED
    file: str = ""
    """An absolute path, for `file`."""
    base_uri: str = ""
    stream_uri: str = ""
    """Empty for LaunchDarkly's own addresses."""
    project: str = ""
    """Where a trip switches flags off, for `launchdarkly`: the keys of project and environment."""
    environment: str = ""
    api_uri: str = "https://app.launchdarkly.com"
    """LaunchDarkly's REST API. Its token comes from the environment only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Another system that is told of trips."""

    name: str
    url: str
    events: tuple[str, ...] = ("trip", "cool", "reset", "hold", "kill")
    secret_env: str = ""
    """The environment variable with the secret that messages are signed with; empty for unsigned ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerLimits:
    """What a client may send before it is refused."""

    header_bytes: int = 32_768
    """Request line and headers together. Precedent: nginx `large_client_header_buffers` 4 x 8 KiB."""
    header_count: int = 100
    """Precedent: Apache `LimitRequestFields` 100, Envoy `max_headers_count` 100."""
    target_bytes: int = 8_192
    """Precedent: nginx's 8 KiB buffer for the request line; RFC 9112 section 3 asks for at least 8,000."""
    header_timeout_s: float = 10.0
    """From the first byte of a request to the end of its headers. Precedent: HAProxy `timeout http-request` 10 s."""
    idle_timeout_s: float = 75.0
    """A keep-alive connection with no request. Precedent: nginx `keepalive_timeout` 75 s."""
    body_timeout_s: float = 60.0
    """Between two pieces of a request's body. Precedent: nginx `client_body_timeout` 60 s."""
    write_timeout_s: float = 60.0
    """Between two times that a client takes something of its answer. Precedent: nginx `send_timeout` 60 s."""
    body_bytes: int = 0
    """A request's body; 0 is no limit. Precedent: Envoy and HAProxy stream without one.

    Because a body is passed on and never held, its size costs no memory; nginx's `client_max_body_size` (1 MiB) would
    refuse uploads that the monolith takes today.
    """
    handshake_timeout_s: float = 10.0
    """From a connection to its PROXY header, and from there to the end of its TLS handshake.

    Precedent: `TLSHandshakeTimeout` of Go's `http.DefaultTransport`, 10 s.
    """
    connections: int = 10_240
    """Open client connections per worker."""
    connections_per_address: int = 0
    """Of them, from one address, or one IPv6 /64; trusted proxies are not counted. 0 is no limit, as in nginx."""


class TlsVersion(StrEnum):
    """The oldest version of TLS that is spoken."""

    TLS_1_2 = "1.2"
    TLS_1_3 = "1.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A certificate chain and its private key, as absolute paths of PEM files."""

    cert: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerTls:
    """How clients are met with TLS."""

    pairs: tuple[KeyPair, ...]
    """Chosen by the name that the client asks for; the first answers for names that none has."""
    min_version: TlsVersion = TlsVersion.TLS_1_2
    """Precedent: Mozilla's intermediate configuration; older ones are forbidden (RFC 8996)."""
    client_ca: str = ""
    """The absolute path of the CAs that clients need a certificate of; empty lets everybody in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole routes file, checked, with every default filled in."""

    upstreams: tuple[Upstream, ...]
    default_upstream: str
    """The monolith: it gets whatever no route names."""
    routes: tuple[Route, ...] = ()
    listen: Address = Address(host="127.0.0.1", port=8080)
    admin: Address = Address(host="127.0.0.1", port=9900)
    admin_access: AdminAccess = field(default_factory=AdminAccess)
    admin_tls: ListenerTls | None = None
    workers: int = 1
    """Worker processes; 0 runs everything on one loop in one process."""
    state_dir: str = ""
    """An absolute path."""
    drain_s: float = 25.0
    """How long what runs may take to finish once a worker ends. Precedent: Kubernetes grants 30 s before it kills
    (`terminationGracePeriodSeconds`); this leaves 5 s of them. Docker grants 10 s, Envoy drains for 600 s.
    """
    drain_delay_s: float = 0.0
    """How long a stop fails readiness before it takes no more connections. Precedent: HAProxy's `grace`, which is
    0 too; a load balancer that looks every 5 s wants 10 s.
    """
    flags: FlagSettings = field(default_factory=FlagSettings)
    webhooks: tuple[Webhook, ...] = ()
    shadow: Shadow = field(default_factory=lambda: Shadow(mode=ShadowMode.STAGE))
    """How the stage of a migration flag has the other side asked on routes that say nothing of it."""
    idempotency_keys: int = 1_000_000
    """How many are remembered, 48 bytes each. At ten keyed writes a second, a day is 864,000."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks (CIDR) whose X-Forwarded-*, Forwarded, X-Request-Id and traceparent are believed."""
    tls: ListenerTls | None = None
    """None serves plain HTTP."""
    proxy_protocol: bool = False
    """Whether every connection begins with a PROXY header from a trusted proxy."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    """For requests that no route names."""
    limits: ListenerLimits = field(default_factory=ListenerLimits)
    access_log: int = 0
    """Basis points of requests that are logged one by one; failures always are."""
    decision_header: bool = False
    """Whether answers carry `X-Strangler-Decision` (side, reason and route)."""
    strict_paths: bool = True
    """Whether a path that servers read as different routes is refused."""
    digest: str = ""
    """SHA-256 of the file's bytes, hexadecimal."""
    files: tuple[str, ...] = ()
    """The absolute paths of other files whose content is part of this, such as certificates."""
