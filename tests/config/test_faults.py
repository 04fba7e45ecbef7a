"""One mistake, one message: each class of fault in a table of text and messages."""

import pytest

from tests.config.texts import ROUTE, SMALL, faults

MONOLITH = 'version: 1\nupstreams:\n  monolith: {url: "http://127.0.0.1:8001", default: true}\n'
SPLIT = f"{SMALL}{ROUTE}    extracted: payments\n"
"""What a test adds to the route starts in line 9."""

WHOLE = {
    "no version": (
        'upstreams: {m: {url: "http://a", default: true}}\n',
        "1:1: document: `version` is missing. Add `version: 1`",
    ),
    "other version": (SMALL.replace(": 1\n", ": 2\n", 1), "1:10: version: 2 is out of range. Write 1"),
    "quoted version": (
        SMALL.replace(": 1\n", ': "1"\n', 1),
        "1:10: version: `1` is not a whole number. Remove the quotes",
    ),
    "no upstreams": (
        "version: 1\n",
        '1:1: document: `upstreams` is missing. Add `upstreams: {monolith: {url: "http://HOST:PORT", default: true}}`',
    ),
    "unknown key": (
        f"{SMALL}listn: 127.0.0.1:1\n",
        "5:1: listn: `listn` is not a known key. Did you mean `listen`?",
    ),
    "key without value": (
        f"{SMALL}listen:\n",
        "5:8: listen: the key has no value. Write one, or remove the key",
    ),
    "port alone": (
        f"{SMALL}listen: 8080\n",
        "5:9: listen: `8080` names no host. Write `127.0.0.1:8080` for this machine alone, or the host to listen on",
    ),
    "IPv6 without brackets": (
        f'{SMALL}listen: "::1:8080"\n',
        "5:9: listen: `::1:8080` is not an address. Write IPv6 in brackets: `[::1]:8080`",
    ),
    "no port": (
        f"{SMALL}listen: localhost\n",
        "5:9: listen: `localhost` names no port. Write `localhost:8080`",
    ),
    "port too large": (
        f"{SMALL}listen: localhost:65536\n",
        "5:9: listen: `65536` is not a port. Write 0 to 65535",
    ),
    "not an IP address": (
        f"{SMALL}listen: 127.0.0.256:80\n",
        "5:9: listen: `127.0.0.256` is not an IP address. Write one such as `127.0.0.1`",
    ),
    "not a host": (
        f"{SMALL}listen: my_host!:80\n",
        "5:9: listen: `my_host!` is not a host name. Write letters, digits, dots and hyphens; other alphabets as xn--…",
    ),
    "listen is admin": (
        f"{SMALL}listen: 127.0.0.1:9900\n",
        "5:9: listen: clients and operators would share 127.0.0.1:9900. "
        "Give `admin` a port of its own, such as `127.0.0.1:9900`",
    ),
    "listen everywhere takes admin": (
        f"{SMALL}listen: 0.0.0.0:9900\nadmin: localhost:9900\n",
        "6:8: admin: clients and operators would share 0.0.0.0:9900. "
        "Give `admin` a port of its own, such as `127.0.0.1:9900`",
    ),
    "workers": (f"{SMALL}workers: many\n", "5:10: workers: `many` is not a whole number. Write digits"),
    "too many workers": (f"{SMALL}workers: 257\n", "5:10: workers: 257 is out of range. Write 0 to 256"),
    "octal": (f"{SMALL}workers: 010\n", "5:10: workers: `010` is not a whole number. Write digits"),
    "text with a control character": (
        f'{SMALL}state_dir: "a\\0b"\n',
        "5:12: state_dir: the text is empty or has a control character in it. Write printable characters",
    ),
    "number as text": (
        f"{SMALL}state_dir: 1.0\n",
        '5:12: state_dir: YAML reads `1.0` as a number, and text is expected. Quote it: "1.0"',
    ),
    "network with host bits": (
        f"{SMALL}trusted_proxies: [10.0.0.1/8]\n",
        "5:19: trusted_proxies[0]: `10.0.0.1/8` is an address inside a network. Write `10.0.0.0/8`",
    ),
    "not a network": (
        f"{SMALL}trusted_proxies: [lan]\n",
        "5:19: trusted_proxies[0]: `lan` is not a network. Write one such as `10.0.0.0/8`",
    ),
    "empty list": (
        f"{SMALL}trusted_proxies: []\n",
        "5:18: trusted_proxies: the list is empty. Name at least one, or remove the key",
    ),
    "not a list": (
        f"{SMALL}trusted_proxies: 10.0.0.0/8\n",
        "5:18: trusted_proxies: `10.0.0.0/8` stands where a list is expected. Write [one, two], or one `- item` a line",
    ),
    "a list for a value": (
        f"{SMALL}listen: [a]\n",
        "5:9: listen: a list stands where one value is expected. Write a single value",
    ),
    "access log": (
        f"{SMALL}access_log: some\n",
        "5:13: access_log: `some` is not a share. Write a percentage, such as `25%` or `2.5%`",
    ),
    "yes": (
        f"{SMALL}decision_header: yes\n",
        "5:18: decision_header: `yes` is not a truth value. Write `true` or `false`, without quotes",
    ),
    "quoted true": (
        f'{SMALL}decision_header: "true"\n',
        "5:18: decision_header: `true` is not a truth value. Write `true` or `false`, without quotes",
    ),
    "duration without unit": (
        f"{SMALL}timeouts: {{idle: 5}}\n",
        "5:18: timeouts.idle: `5` has no unit. Write `5s` or `5ms`",
    ),
    "no duration": (
        f"{SMALL}timeouts: {{idle: 1 minute}}\n",
        "5:18: timeouts.idle: `1 minute` is not a duration. Write a number and ms, s, m or h, such as `500ms` or `2s`",
    ),
    "no time at all": (
        f"{SMALL}timeouts: {{idle: 0s}}\n",
        "5:18: timeouts.idle: `0s` is out of range. Write more than `0s` and at most `24h`",
    ),
    "size": (
        f"{SMALL}limits: {{header_bytes: 32KB}}\n",
        "5:24: limits.header_bytes: `32KB` is not a size. Write bytes, KiB or MiB, such as `32KiB`",
    ),
    "size out of range": (
        f"{SMALL}limits: {{header_bytes: 2MiB}}\n",
        "5:24: limits.header_bytes: the size is out of range. Write `1KiB` to `1MiB`",
    ),
    "target larger than head": (
        f"{SMALL}limits: {{target_bytes: 64KiB}}\n",
        "5:24: limits.target_bytes: the target is part of the header bytes and cannot be larger, nor empty. "
        "Write at most 32768",
    ),
    "flag source": (
        f"{SMALL}flags: {{source: launchdarky}}\n",
        "5:17: flags.source: `launchdarky` is not a source of flags. Did you mean `launchdarkly`?",
    ),
    "secret": (
        f"{SMALL}flags: {{sdk_key: sdk-0123}}\n",
        "5:9: flags.sdk_key: `sdk_key` would put a secret in a file. "
        "Set LAUNCHDARKLY_SDK_KEY in the environment and remove it",
    ),
    "file without path": (
        f"{SMALL}flags: {{source: file}}\n",
        "5:8: flags: `source: file` names no file. Add `file: flags.json`",
    ),
    "path without file": (
        f"{SMALL}flags: {{file: flags.json}}\n",
        "5:15: flags.file: `file` means nothing with `source: embedded`. Write `source: file`, or remove it",
    ),
    "relay without LaunchDarkly": (
        f'{SMALL}flags: {{base_uri: "http://relay:8030"}}\n',
        "5:19: flags.base_uri: `base_uri` means nothing with `source: embedded`. "
        "Write `source: launchdarkly`, or remove it",
    ),
    "relay with password": (
        f'{SMALL}flags: {{source: launchdarkly, base_uri: "http://u:pw@relay"}}\n',
        "5:41: flags.base_uri: the URL carries a user, a query or a fragment. Write host, port and path only",
    ),
}

UPSTREAMS = {
    "both schemes": (
        f'{MONOLITH}  b: {{urls: ["http://a", "https://b"]}}\n',
        "4:13: upstreams.b.urls: some of the addresses are `http://` and some `https://`. Write all of them alike",
    ),
    "tls without https": (
        f'{MONOLITH}  b: {{url: "http://a", tls: {{verify: false}}}}\n',
        "4:29: upstreams.b.tls: `tls` means nothing with an `http://` address. Write `https://`, or remove it",
    ),
    "certificate without key": (
        f'{MONOLITH}  b: {{url: "https://a", tls: {{cert: {__file__}}}}}\n',
        "4:37: upstreams.b.tls.cert: the certificate has no `key`. Add `key: client.key`",
    ),
    "file that is not there": (
        f'{MONOLITH}  b: {{url: "https://a", tls: {{ca: nowhere.pem}}}}\n',
        "4:35: upstreams.b.tls.ca: the file cannot be read: No such file or directory. "
        "Name a file that the proxy may read",
    ),
    "health without path": (
        f'{MONOLITH}  b: {{url: "http://a", health: {{}}}}\n',
        "4:32: upstreams.b.health: `path` is missing. Add `path: /healthz`",
    ),
    "check that overlaps": (
        f'{MONOLITH}  b: {{url: "http://a", health: {{path: /, interval: 1s, timeout: 2s}}}}\n',
        "4:65: upstreams.b.health.timeout: a check may take longer than the time between two. "
        "Let `timeout` be at most `interval`",
    ),
    "path of a check": (
        f'{MONOLITH}  b: {{url: "http://a", health: {{path: healthz}}}}\n',
        "4:39: upstreams.b.health.path: `healthz` is not a path. "
        "Begin with `/`, without spaces and `#`, such as `/healthz`",
    ),
    "statuses": (
        f'{MONOLITH}  b: {{url: "http://a", health: {{path: /, expect: 399-200}}}}\n',
        "4:50: upstreams.b.health.expect: `399-200` is not a range of statuses. Write `200` or `200-399`",
    ),
    "ejection of a word": (
        f'{MONOLITH}  b: {{url: "http://a", ejection: never}}\n',
        "4:34: upstreams.b.ejection: `never` stands where a mapping is expected. Write `key: value` pairs",
    ),
    "ejection that is cut": (
        f'{MONOLITH}  b: {{url: "http://a", ejection: {{base: 2m, max: 1m}}}}\n',
        "4:41: upstreams.b.ejection.base: the first ejection would last longer than the longest. "
        "Let `base` be at most `max`",
    ),
    "no scheme": (
        f"{MONOLITH}  b: {{url: localhost:80}}\n",
        "4:12: upstreams.b.url: `localhost:80` is not a URL. Write `http://localhost:80`",
    ),
    "other scheme": (
        f'{MONOLITH}  b: {{url: "ftp://a"}}\n',
        "4:12: upstreams.b.url: `ftp` is not a scheme that is spoken here. Write `http://` or `https://`",
    ),
    "path": (
        f'{MONOLITH}  b: {{url: "http://a/api"}}\n',
        "4:12: upstreams.b.url: the URL has a path or a query. "
        "End after the port: `http://a`; the client's path is passed on as it is",
    ),
    "password": (
        f'{MONOLITH}  b: {{url: "http://me:hush@a"}}\n',
        "4:12: upstreams.b.url: the URL carries a user or a password. Remove everything before the `@`",
    ),
    "no address": (
        f"{MONOLITH}  b: {{max_idle: 1}}\n",
        "4:6: upstreams.b: `url` is missing. Add `url: http://HOST:PORT`",
    ),
    "two forms": (
        f'{MONOLITH}  b: {{url: "http://a", urls: ["http://a"]}}\n',
        "4:30: upstreams.b.urls: `url` and `urls` are both there. Keep `urls`, with all addresses in it",
    ),
    "address twice": (
        f'{MONOLITH}  b: {{urls: ["http://a", "http://A:80"]}}\n',
        "4:26: upstreams.b.urls[1]: this stands twice in the list. Remove one of them",
    ),
    "no default": (
        'version: 1\nupstreams:\n  a: {url: "http://a"}\n',
        "3:3: upstreams: no upstream is marked as default. Add `default: true` to the monolith",
    ),
    "two defaults": (
        f'{MONOLITH}  b: {{url: "http://a", default: true}}\n',
        "4:33: upstreams.b.default: a second upstream is marked as default; "
        "the first is `monolith` in line 3. Keep one: the monolith",
    ),
    "more idle than open": (
        f'{MONOLITH}  b: {{url: "http://a", max_idle: 9, max_connections: 8}}\n',
        "4:34: upstreams.b.max_idle: 9 is more than `max_connections`, 8. Write at most as many",
    ),
    "bad name": (
        f'{MONOLITH}  B: {{url: "http://a"}}\n',
        "4:3: upstreams.B: `B` is not a name. "
        "Use a-z, 0-9 and . _ -, at most 64 characters, the first a letter or digit",
    ),
    "not a mapping": (
        f"{MONOLITH}  b: http://a\n",
        "4:6: upstreams.b: `http://a` stands where a mapping is expected. Write `key: value` pairs",
    ),
    "itself": (
        f'{MONOLITH}  b: {{url: "http://localhost:8080"}}\n',
        "3:3: upstreams: the upstream `b` is the proxy's own listener, 127.0.0.1:8080. "
        "Requests would go round forever; name the application's address",
    ),
}


@pytest.mark.parametrize(("text", "fault"), WHOLE.values(), ids=WHOLE.keys())
def test_a_mistake_in_the_file_as_a_whole_is_one_message(text: str, fault: str) -> None:
    assert faults(text) == [fault]


@pytest.mark.parametrize(("text", "fault"), UPSTREAMS.values(), ids=UPSTREAMS.keys())
def test_a_mistake_in_an_upstream_is_one_message(text: str, fault: str) -> None:
    assert faults(text) == [fault]


def test_no_message_repeats_a_secret() -> None:
    text = f'{MONOLITH}  b: {{url: "http://me:hush@a"}}\nflags: {{sdk_key: hush, token: hush, base_uri: "http://u:hush@a"}}\n'

    messages = faults(text)

    assert len(messages) == 4
    assert "hush" not in "".join(messages)


@pytest.mark.parametrize(
    "hooks",
    [
        "[https://h/hush]",
        "https://h/hush",
        "[{name: https://h/hush, url: https://h/hu^sh}]",
        '[{name: a, url: "https://h/x hush"}]',
        "[{name: a, url: [https://h/hush, https://me:hush@h]}]",
        "[{https://h/hush: 1}]",
    ],
)
def test_no_message_repeats_the_path_of_a_webhook(hooks: str) -> None:
    messages = faults(f"{SMALL}webhooks: {hooks}\n")

    assert messages
    assert "hush" not in "".join(messages)


@pytest.mark.parametrize(
    "line",
    [
        "webhooks: [{name: p, url: hooks.example/services/S3CRET}]",
        "webhooks: [{name: p, url: ftp://hooks.example/S3CRET}]",
        'routes: [{name: a, match: {path: /a, headers: {X-Api-Key: "S3CRET\\u0001"}}, extracted: monolith}]',
    ],
)
def test_a_fault_repeats_no_secret(line: str) -> None:
    found = faults(f"{SMALL}{line}\n")

    assert found
    assert "S3CRET" not in "\n".join(found)
