"""What another file means is told as a person writes it, whichever key it is."""

from dataclasses import replace

import pytest

from strangler.config.changes import Field, changes
from strangler.config.forms import Key, Many, OrOff, Section
from strangler.core.model import KeyPair, ListenerTls, TlsVersion, UpstreamTls
from tests.config.test_keys import PLACES
from tests.config.texts import SMALL, meaning

IDENTITY = "[header x-user-id, jwt sub, cookie session, assigned strangler_id]"
ROUTE = 'name: a, match: {path: "/a"}'
SPLIT = f"{ROUTE}, extracted: payments"
GUARDED = f"{SMALL}routes: [{{{SPLIT}, rollback: {{%s: {{@}}}}}}]\n"

TABLE: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "The file": (
        f"{SMALL}@\n",
        {
            "listen": ("127.0.0.1:8080", "127.0.0.1:8081"),
            "admin": ("127.0.0.1:9900", "127.0.0.1:9901"),
            "workers": ("1", "2"),
            "state_dir": ("/etc/strangler/.strangler", "/var/lib/strangler"),
            "drain_timeout": ("25s", "1.5s"),
            "drain_delay": ("", "500ms"),
            "idempotency_keys": ("1000000", "500"),
            "trusted_proxies": ("", "[10.0.0.0/8]"),
            "access_log": ("off", "2.5%"),
            "decision_header": ("false", "true"),
            "strict_paths": ("true", "false"),
        },
    ),
    "admin_access": (
        f"{SMALL}admin_access: {{@}}\n",
        {"allow_plain": ("false", "true"), "hosts": ("", "[ops.example]")},
    ),
    "upstreams": (
        SMALL.replace('8104"}', '8104", @}'),
        {
            "max_connections": ("512", "100"),
            "max_idle": ("64", "0"),
            "max_pending": ("1024", "10"),
            "resolve": ("5s", "1h"),
        },
    ),
    "health": (
        SMALL.replace('8104"}', '8104", health: {path: /healthz, @}}'),
        {
            "interval": ("5s", "10s"),
            "timeout": ("1s", "250ms"),
            "healthy_after": ("2", "1"),
            "unhealthy_after": ("3", "5"),
            "expect": ("200-399", "204"),
        },
    ),
    "ejection": (
        SMALL.replace('8104"}', '8104", ejection: {@}}'),
        {
            "consecutive_failures": ("5", "10"),
            "base": ("30s", "15s"),
            "max": ("300s", "24h"),
            "max_percent": ("10%", "50%"),
        },
    ),
    "routes": (
        f"{SMALL}routes: [{{{SPLIT}, @}}]\n",
        {
            "cohort": ("", "paying"),
            "identity": (IDENTITY, "[ip]"),
            "attributes": ("", "{country: header x-country}"),
            "host": ("preserve", "upstream"),
            "fallback": ("safe", "declared"),
            "max_body": ("", "8MiB"),
            "share": ("0%", "0.05%"),
        },
    ),
    "match": (
        f'{SMALL}routes: [{{name: a, match: {{path: "/a", @}}}}]\n',
        {"methods": ("", "[GET, POST]"), "hosts": ("", "[a.example]"), "headers": ("", "{x-beta: true}")},
    ),
    "timeouts": (
        f"{SMALL}timeouts: {{@}}\n",
        {"connect": ("2s", "250ms"), "response": ("30s", "2.25s"), "idle": ("60s", "120s"), "total": ("off", "1h")},
    ),
    "limits": (
        f"{SMALL}limits: {{@}}\n",
        {
            "header_bytes": ("32KiB", "64KiB"),
            "header_count": ("100", "50"),
            "target_bytes": ("8KiB", "1001B"),
            "header_timeout": ("10s", "5s"),
            "idle_timeout": ("75s", "30s"),
            "body_timeout": ("60s", "10s"),
            "write_timeout": ("60s", "10s"),
            "body_bytes": ("off", "8MiB"),
            "handshake_timeout": ("10s", "1s"),
            "connections": ("10240", "100"),
            "connections_per_address": ("", "10"),
        },
    ),
    "rollback": (
        f"{SMALL}routes: [{{{SPLIT}, rollback: {{@}}}}]\n",
        {
            "failures": ("[5xx]", "[5xx, '429', 404-410]"),
            "trips_cohort": ("true", "false"),
            "hold_back": ("1%", "2.5%"),
            "long_lived": ("close", "stay"),
            "grace": ("30s", "5s"),
            "write_back": ("false", "true"),
        },
    ),
    "error_rate": (
        GUARDED % "error_rate",
        {
            "max": ("25%", "50%"),
            "relative": ("", "1.5x"),
            "over": ("10s", "5s"),
            "min_requests": ("20", "10"),
            "dry_run": ("false", "true"),
        },
    ),
    "connect_failures": (GUARDED % "connect_failures", {"consecutive": ("5", "3"), "dry_run": ("false", "true")}),
    "latency": (
        (GUARDED % "latency").replace("{@}", "{p50: 1s, @}"),
        {
            "p95": ("", "1.5x"),
            "p99": ("", "[800ms, 2x]"),
            "over": ("60s", "30s"),
            "min_requests": ("50", "10"),
            "dry_run": ("false", "true"),
        },
    ),
    "sequential": (
        GUARDED % "sequential",
        {"ratio": ("1.25x", "2x"), "alpha": ("1%", "0.5%"), "dry_run": ("false", "true")},
    ),
    "mismatch_rate": (
        GUARDED % "mismatch_rate",
        {"max": ("1%", "2%"), "over": ("300s", "1h"), "min_compared": ("100", "10"), "dry_run": ("false", "true")},
    ),
    "cooldown": (
        GUARDED % "cooldown",
        {"base": ("30s", "1s"), "max": ("300s", "1h"), "share": ("1%", "5%"), "requests": ("50", "10")},
    ),
    "shadow": (
        f"{SMALL}routes: [{{{SPLIT}, shadow: {{@}}}}]\n",
        {
            "mode": ("shadow", "both"),
            "writes": ("false", "true"),
            "sample": ("100%", "0.5%"),
            "noise": ("2%", "0%"),
            "max_body": ("1MiB", "512KiB"),
            "timeout": ("5s", "1.5s"),
            "credentials": ("keep", "remove"),
            "headers": ("[location, content-type]", "[]"),
            "redact": ("", "[$.iban]"),
        },
    ),
    "record of a shadow": (
        f"{SMALL}routes: [{{{SPLIT}, shadow: {{record: {{@}}}}}}]\n",
        {"keep": ("200", "100"), "bytes": ("4MiB", "1MiB"), "for": ("7d", "12h")},
    ),
    "idempotency": (
        f"{SMALL}routes: [{{{ROUTE}, idempotency: {{@}}}}]\n",
        {
            "header": ("idempotency-key", "x-key"),
            "lifetime": ("24h", "7d"),
            "required": ("false", "true"),
            "tenant": ("", "[jwt org]"),
            "tripped": ("refuse", "ask"),
        },
    ),
    "webhooks": (
        f'{SMALL}webhooks: [{{name: pager, url: "http://a.example", @}}]\n',
        {"events": ("[trip, cool, reset, hold, kill]", "[trip]"), "secret_env": ("", "PAGER")},
    ),
    "flags": (
        f"{SMALL}flags: {{source: launchdarkly, @}}\n",
        {
            "base_uri": ("", "http://relay:8030"),
            "stream_uri": ("", "http://relay:8030"),
            "project": ("", "bank"),
            "environment": ("", "test"),
            "api_uri": ("https://app.launchdarkly.com", "http://api:1"),
        },
    ),
}
"""By heading of the manual: a file with a place for one key more; what that key is by itself, and what it may be."""

NAMED = {"upstreams": "", "health": "health.", "ejection": "ejection.", "routes": "", "match": "match."}
NAMED |= {"The file": "", "record of a shadow": "shadow.record.", "webhooks": "webhooks.pager."}
NAMED |= {one: f"rollback.{one}." for one in PLACES if PLACES[one][0].name.startswith("rollback.")}
"""What stands before the key where that is not the heading."""

ELSEWHERE = {
    "The file": {"version", "proxy_protocol"},
    "identity of an operator": {"header", "trusted", "operators", "viewers"},
    "upstreams": {"url", "urls", "default"},
    "health": {"path"},
    "tls of an upstream": {"ca", "server_name", "cert", "key", "verify"},
    "defaults": {"identity", "attributes", "host", "fallback"},
    "routes": {"name", "extracted", "legacy", "flag", "split"},
    "match": {"path"},
    "tls": {"cert", "key", "min_version", "client_ca"},
    "certs": {"cert", "key"},
    "latency": {"p50"},
    "shadow": {"redirects"},
    "flags": {"source", "file"},
    "rules of a shadow": {key.name for key in PLACES["rules of a shadow"][0].keys},
    "webhooks": {"name", "url"},
}
"""Keys without a unit that need other keys or files, each with a test below, and those that are told at the routes."""

ROWS = [(heading, name, *both) for heading, (_, rows) in TABLE.items() for name, both in rows.items()]


@pytest.mark.parametrize(
    ("heading", "name", "before", "after"), ROWS, ids=[f"{heading}-{name}" for heading, name, _, _ in ROWS]
)
def test_a_change_is_told_with_the_units_of_the_file(heading: str, name: str, before: str, after: str) -> None:
    text, _ = TABLE[heading]
    quoted = f'"{after}"' if "://" in after else after

    found = fields(text.replace(", @", "").replace("@", ""), text.replace("@", f"{name}: {quoted}"))

    assert found == (Field(name=f"{NAMED.get(heading, f'{heading}.')}{name}", before=before, after=after),)


def test_every_key_is_told() -> None:
    leaves = {
        (heading, key.name) for heading, (section, _, _) in PLACES.items() for key in section.keys if is_leaf(key)
    }

    told = {(heading, name) for heading, name, _, _ in ROWS}
    assert told | {(heading, name) for heading, names in ELSEWHERE.items() for name in names} == leaves


def is_leaf(key: Key) -> bool:
    return not isinstance(key.takes, Section | Many | OrOff)


def fields(before: str, after: str) -> tuple[Field, ...]:
    """Return all that differs between two texts."""
    return tuple(field for change in changes(meaning(before), meaning(after)) for field in change.fields)


def test_what_redirections_say_of_writes_is_told() -> None:
    text = f"{SMALL}routes: [{{{SPLIT}, shadow: {{writes: true}}}}]\n"
    declared = text.replace("writes: true", "writes: true, redirects: carried_out")

    assert fields(text, declared) == (Field(name="shadow.redirects", before="in_doubt", after="carried_out"),)


def test_a_section_that_is_switched_off_is_one_change() -> None:
    text = f"{SMALL}routes: [{{{SPLIT}, rollback: {{mismatch_rate: off}}}}]\n"

    assert fields(text, text.replace("mismatch_rate: off", "mismatch_rate: {over: 1h}")) == (
        Field(
            name="rollback.mismatch_rate",
            before="off",
            after="{max: 1%, over: 1h, min_compared: 100, dry_run: false}",
        ),
    )
    (field,) = fields(text, text.replace("{mismatch_rate: off}", "off"))
    assert (field.name, field.after) == ("rollback", "off")
    assert field.before.startswith("{error_rate: {max: 25%, over: 10s,")


@pytest.mark.parametrize(
    "rule",
    [
        "{ignore: $.a}",
        "{unordered: '$.a[*]', by: id}",
        "{round: $.a, decimals: 2}",
        "{numeric: $.a}",
        "{within: $.a, tolerance: 2s}",
        "{uuid: $.a}",
        "{lower: $.a}",
        "{map: $.a, values: [[A, active], [1, null]]}",
    ],
)
def test_a_rule_is_told_as_it_stands_in_the_file(rule: str) -> None:
    text = f"{SMALL}routes: [{{{SPLIT}, shadow: {{rules: [@]}}}}]\n"

    assert fields(text.replace("@", ""), text.replace("@", rule)) == (
        Field(name="shadow.rules", before="", after=f"[{rule}]"),
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (f"{ROUTE}", f"{ROUTE}, legacy: payments", ("legacy", "monolith", "payments")),
        (f"{SPLIT}, share: 1%", f"{SPLIT}, split: {{legacy: 98%, extracted: 2%}}", ("share", "1%", "2%")),
        (f"{SPLIT}, flag: one", f"{SPLIT}, flag: two", ("flag", "one", "two")),
        (ROUTE, ROUTE.replace("/a", "/b/{id}"), ("match.path", "/a", "/b/{id}")),
        (f"{SPLIT}, shadow: off", f"{SPLIT}, shadow: {{rules: []}}", ("shadow", "off", None)),
    ],
)
def test_a_route_is_told_by_its_keys(before: str, after: str, told: tuple[str, str, str | None]) -> None:
    (field,) = fields(f"{SMALL}routes: [{{{before}}}]\n", f"{SMALL}routes: [{{{after}}}]\n")

    assert (field.name, field.before) == told[:2]
    assert told[2] in (None, field.after)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("8104", "8105", {"url": "http://127.0.0.1:8105"}),
        ('8104"', '8104", default: false', {}),
        (
            'payments: {url: "http://127.0.0.1:8104"}',
            'payments: {urls: ["http://127.0.0.1:1", "http://127.0.0.1:2"]}',
            {"url": "", "urls": "['http://127.0.0.1:1', 'http://127.0.0.1:2']"},
        ),
        (
            '8104"}',
            '8104", health: {path: /up}}',
            {"health": "{path: /up, interval: 5s, timeout: 1s, healthy_after: 2, unhealthy_after: 3, expect: 200-399}"},
        ),
        ('8104"}', '8104", ejection: off}', {"ejection": "off"}),
    ],
)
def test_an_upstream_is_told_by_its_keys(before: str, after: str, told: dict[str, str]) -> None:
    found = fields(SMALL, SMALL.replace(before, after))

    assert {field.name: field.after for field in found} == told


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("proxy_protocol: true\ntrusted_proxies: [10.0.0.0/8]", {"proxy_protocol": "true", "trusted_proxies": None}),
        ("flags: {source: file, file: f.json}", {"flags.source": "file", "flags.file": "/etc/strangler/f.json"}),
        (
            'admin_access: {identity: {header: X-User, trusted: [10.0.0.0/8], viewers: ["*"], operators: [ann]}}',
            {"admin_access.identity": "{header: X-User, trusted: [10.0.0.0/8], operators: [ann], viewers: ['*']}"},
        ),
        ("defaults: {shadow: {sample: 5%}}", {"defaults.shadow.sample": "5%"}),
        ('webhooks: [{name: pager, url: "http://a.example"}]', {"webhooks": None}),
    ],
)
def test_settings_are_told_by_their_keys(settings: str, told: dict[str, str | None]) -> None:
    found = {field.name: field.after for field in fields(SMALL, f"{SMALL}{settings}\n")}

    assert list(found) == list(told)
    assert all(value in (None, found[name]) for name, value in told.items())


def test_of_certificates_names_are_told_and_of_what_is_in_their_files_a_digest_alone() -> None:
    config = meaning(SMALL)
    monolith, payments = config.upstreams
    tls = UpstreamTls(server_name="pay.example", chain=b"CERTIFICATE", key=b"PRIVATE")
    served = ListenerTls(pairs=(KeyPair(cert="/a.crt", key="/a.key"),), min_version=TlsVersion.TLS_1_3, client_ca="/ca")
    several = replace(served, pairs=(*served.pairs, KeyPair(cert="/b.crt", key="/b.key")), client_ca="")

    spoken = changes(config, replace(config, upstreams=(monolith, replace(payments, tls=tls))))
    rotated = changes(
        replace(config, upstreams=(monolith, replace(payments, tls=tls))),
        replace(config, upstreams=(monolith, replace(payments, tls=replace(tls, key=b"ANOTHER")))),
    )

    assert [field.name for field in spoken[0].fields] == ["url", "tls"]
    assert all(word not in repr((spoken, rotated)) for word in ("PRIVATE", "UFJJ", "ANOTHER", "QU5P"))
    assert [field.name for field in rotated[0].fields] == ["tls.key"]
    assert rotated[0].fields[0].before != rotated[0].fields[0].after
    assert changes(config, replace(config, tls=served))[0].fields == (
        Field(name="tls", before="", after="{cert: /a.crt, key: /a.key, min_version: '1.3', client_ca: /ca}"),
    )
    assert changes(replace(config, admin_tls=served), replace(config, admin_tls=several))[0].fields == (
        Field(name="admin_access.tls.cert", before="/a.crt", after=""),
        Field(name="admin_access.tls.key", before="/a.key", after=""),
        Field(name="admin_access.tls.client_ca", before="/ca", after=""),
        Field(
            name="admin_access.tls.certs",
            before="",
            after="[{cert: /a.crt, key: /a.key}, {cert: /b.crt, key: /b.key}]",
        ),
    )
