"""What a file without faults means: whole values, and defaults where it is silent."""

from pathlib import Path

from strangler.core.access import AdminAccess
from strangler.core.model import (
    Address,
    Attribute,
    Config,
    FlagSettings,
    FlagSourceKind,
    HeaderMatch,
    HostRule,
    Idempotency,
    ListenerLimits,
    Match,
    Route,
    Source,
    SourceKind,
    Timeouts,
    Upstream,
)
from strangler.core.rules import Cooldown, ErrorRate, Latency, LongLived, Rollback, Sequential
from tests.config.texts import FILE, ROUTE, SMALL, meaning

SMALLEST = 'version: 1\nupstreams:\n  monolith: {url: "http://127.0.0.1:8001", default: true}\n'
SPLIT = f"{SMALL}{ROUTE}    extracted: payments\n"

IDENTITY = (
    Source(kind=SourceKind.HEADER, name="x-user-id"),
    Source(kind=SourceKind.JWT, name="sub"),
    Source(kind=SourceKind.COOKIE, name="session"),
    Source(kind=SourceKind.ASSIGNED, name="strangler_id"),
)


def test_the_smallest_file_has_every_default() -> None:
    config = meaning(SMALLEST)

    assert config == Config(
        upstreams=(Upstream(name="monolith", addresses=(Address(host="127.0.0.1", port=8001),)),),
        default_upstream="monolith",
        state_dir=str(FILE.parent / ".strangler"),
        digest=config.digest,
    )


def test_the_digest_is_that_of_the_bytes() -> None:
    assert meaning(SMALLEST).digest != meaning(SMALLEST + "# a comment\n").digest


def test_every_key_of_the_file_has_its_meaning() -> None:
    text = """\
version: 1
listen: "[::1]:0"
admin: Admin.Example:9901
admin_access:
  allow_plain: true
  hosts: [Ops.Example]
  identity: {header: X-Forwarded-User, trusted: [10.1.0.0/16], operators: [ann@example.org], viewers: ["*"]}
workers: 0
state_dir: /var/lib/strangler
upstreams:
  monolith: {urls: ["http://10.0.0.7", "http://[::1]:81/"], default: true, max_connections: 9, max_idle: 0}
flags: {source: launchdarkly, base_uri: "http://relay:8030/", stream_uri: "https://relay/s"}
trusted_proxies: [10.0.0.0/8, "::1"]
timeouts: {connect: 500ms, response: 1m, idle: 1.5h}
limits:
  {header_bytes: 64KiB, header_count: 7, target_bytes: 8000, header_timeout: 1s, idle_timeout: 2s,
   body_timeout: 3s, connections: 4}
access_log: 2.5%
decision_header: true
strict_paths: false
"""

    config = meaning(text)

    assert config == Config(
        upstreams=(
            Upstream(
                name="monolith",
                addresses=(Address(host="10.0.0.7", port=80), Address(host="::1", port=81)),
                max_connections=9,
                max_idle=0,
            ),
        ),
        default_upstream="monolith",
        listen=Address(host="::1", port=0),
        admin=Address(host="admin.example", port=9901),
        admin_access=AdminAccess(
            allow_plain=True,
            hosts=("ops.example",),
            identity_header="X-Forwarded-User",
            trusted=("10.1.0.0/16",),
            operators=("ann@example.org",),
            viewers=("*",),
        ),
        workers=0,
        state_dir="/var/lib/strangler",
        flags=FlagSettings(
            source=FlagSourceKind.LAUNCHDARKLY, base_uri="http://relay:8030", stream_uri="https://relay/s"
        ),
        trusted_proxies=("10.0.0.0/8", "::1/128"),
        timeouts=Timeouts(connect_s=0.5, response_s=60.0, idle_s=5400.0),
        limits=ListenerLimits(
            header_bytes=65_536,
            header_count=7,
            target_bytes=8_000,
            header_timeout_s=1.0,
            idle_timeout_s=2.0,
            body_timeout_s=3.0,
            connections=4,
        ),
        access_log=250,
        decision_header=True,
        strict_paths=False,
        digest=config.digest,
    )


def test_every_key_of_a_route_has_its_meaning() -> None:
    text = f"""\
{SMALL}routes:
  - name: payments.read
    match:
      path: "/api/payments/{{id}}"
      methods: [POST, GET]
      hosts: [Api.Example, "*.example.com", "::1"]
      headers: {{X-B: "2", X-A: true}}
    extracted: payments
    legacy: monolith
    flag: payments
    cohort: pay
    identity: [query user, ip, assigned my_id]
    attributes: {{country: header CF-IPCountry}}
    host: legacy.example:8080
    timeouts: {{idle: 10m}}
    idempotency: {{header: X-Key, lifetime: 2d, required: true, tenant: [header X-Tenant], tripped: ask}}
    rollback:
      error_rate: {{max: 5%, relative: 2x, over: 30s, min_requests: 50, dry_run: true}}
      connect_failures: off
      latency: {{p95: 1.5x, p99: [800ms, 2x], over: 2m, min_requests: 70}}
      sequential: {{ratio: 1.5x, alpha: 0.5%}}
      failures: [5xx, 429, 401-403]
      cooldown: {{base: 10s, max: 1m, share: 2%, requests: 9}}
      trips_cohort: false
      hold_back: 2%
      long_lived: stay
      grace: 5s
      write_back: true
"""

    (route,) = meaning(text).routes

    assert route == Route(
        name="payments.read",
        match=Match(
            path="/api/payments/{id}",
            methods=("GET", "POST"),
            hosts=("api.example", "*.example.com", "[::1]"),
            headers=(HeaderMatch(name="x-a", value=None), HeaderMatch(name="x-b", value="2")),
        ),
        legacy="monolith",
        extracted="payments",
        flag="payments",
        cohort="pay",
        identity=(
            Source(kind=SourceKind.QUERY, name="user"),
            Source(kind=SourceKind.IP),
            Source(kind=SourceKind.ASSIGNED, name="my_id"),
        ),
        attributes=(Attribute(name="country", source=Source(kind=SourceKind.HEADER, name="cf-ipcountry")),),
        host=HostRule.LITERAL,
        host_value="legacy.example:8080",
        timeouts=Timeouts(idle_s=600.0),
        rollback=Rollback(
            error_rate=ErrorRate(max=500, relative=2.0, over_s=30.0, min_requests=50, dry_run=True),
            connect_failures=None,
            latency=(
                Latency(quantile=0.95, relative=1.5, over_s=120.0, min_requests=70),
                Latency(quantile=0.99, max_s=0.8, relative=2.0, over_s=120.0, min_requests=70),
            ),
            sequential=Sequential(ratio=1.5, alpha=0.005),
            failures=((500, 599), (429, 429), (401, 403)),
            cooldown=Cooldown(base_s=10.0, max_s=60.0, share=200, requests=9),
            trips_cohort=False,
            hold_back=200,
            long_lived=LongLived.STAY,
            grace_s=5.0,
            write_back=True,
        ),
        idempotency=Idempotency(
            header="x-key",
            lifetime_s=172_800,
            is_required=True,
            tenant=(Source(kind=SourceKind.HEADER, name="x-tenant"),),
            asks_tripped=True,
        ),
        line=6,
    )


def test_a_route_is_on_the_monolith_unless_it_says_otherwise() -> None:
    (route,) = meaning(SMALL + ROUTE).routes

    assert route == Route(name="a", match=Match(path="/a"), legacy="monolith", identity=IDENTITY, line=6)


def test_a_route_takes_the_defaults_that_it_does_not_replace() -> None:
    defaults = "defaults: {identity: [ip], attributes: {a: ip}, host: upstream, timeouts: {idle: 1s}}\n"

    (route,) = meaning(f"{SMALL}{ROUTE}    timeouts: {{connect: 3s}}\n{defaults}").routes

    assert route.identity == (Source(kind=SourceKind.IP),)
    assert route.attributes == (Attribute(name="a", source=Source(kind=SourceKind.IP)),)
    assert (route.host, route.host_value) == (HostRule.UPSTREAM, "")
    assert route.timeouts == Timeouts(connect_s=3.0, idle_s=1.0)


def test_defaults_start_from_the_timeouts_of_the_file() -> None:
    text = f"{SMALL}{ROUTE}timeouts: {{connect: 1s, idle: 9s}}\ndefaults: {{timeouts: {{connect: 4s}}}}\n"

    (route,) = meaning(text).routes

    assert route.timeouts == Timeouts(connect_s=4.0, idle_s=9.0)


def test_a_share_becomes_basis_points() -> None:
    (route,) = meaning(f"{SPLIT}    share: 2.55%\n").routes

    assert route.share == 255


def test_a_split_is_the_share_of_its_extracted_side() -> None:
    by_side = meaning(f"{SPLIT}    split: {{legacy: 75%, extracted: 25%}}\n").routes
    by_name = meaning(f"{SPLIT}    split: {{monolith: 75%, payments: 25%}}\n").routes

    assert by_side == by_name
    assert by_side[0].share == 2_500


def test_an_access_log_is_off_on_or_a_share() -> None:
    shares = [meaning(f"{SMALL}access_log: {text}\n").access_log for text in ("off", "on", "10%")]

    assert shares == [0, 10_000, 1_000]


def test_workers_auto_is_at_least_one() -> None:
    assert meaning(f"{SMALL}workers: auto\n").workers >= 1


def test_paths_start_at_the_folder_of_the_file() -> None:
    config = meaning(f"{SMALL}state_dir: var/state\nflags: {{source: file, file: flags.json}}\n")

    assert Path(config.state_dir) == FILE.parent / "var/state"
    assert Path(config.flags.file) == FILE.parent / "flags.json"
