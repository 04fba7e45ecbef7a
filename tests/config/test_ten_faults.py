"""A file with many faults: all of them are told, in the file's order, with place and remedy."""

from tests.config.texts import faults

TEN = """\
version: 1
listen: :8080
upstreams:
  monolith: {url: "http://127.0.0.1:8001", default: yes}
  payments: {url: "http://127.0.0.1:8104"}
  payments: {url: "http://127.0.0.1:8105"}
defaults:
  timeouts: {connect: 2}
routes:
  - name: no
    match: {methods: [get], path: /api/payments}
    extracted: paymnts
    share: 25
  - name: payments.read
    match: {path: "/api/payments/{id}"}
    extracted: payments
    split: {legacy: 75%, extracted: 20%}
    shadow: {sample: 25}
acess_log: on
"""


def test_every_fault_of_a_file_is_one_message_with_its_line() -> None:
    messages = faults(TEN)

    assert messages == [
        "2:9: listen: `:8080` names no host. Write `127.0.0.1:8080` for this machine alone, or the host to listen on",
        "4:53: upstreams.monolith.default: `yes` is not a truth value. Write `true` or `false`, without quotes",
        "6:3: upstreams.payments: the key `payments` stands twice; the first is in line 5. Remove one of them",
        "8:23: defaults.timeouts.connect: `2` has no unit. Write `2s` or `2ms`",
        '10:11: routes[0].name: YAML reads `no` as a boolean, and text is expected. Quote it: "no"',
        "11:23: routes[0].match.methods[0]: `get` is in lower case, and methods are not. Write GET",
        "12:16: routes[0].extracted: there is no upstream `paymnts`. Did you mean `payments`?",
        "13:12: routes[0].share: `25` has no unit. Write `25%`",
        "17:12: routes[1].split: the split sums to 95%. Make it 100%",
        "18:22: routes[1].shadow.sample: `25` has no unit. Write `25%`",
        "19:1: acess_log: `acess_log` is not a known key. Did you mean `access_log`?",
    ]
