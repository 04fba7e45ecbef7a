"""Rules that contradict themselves or can never act are faults at load, each with its line."""

import pytest

from strangler.core.rules import ErrorRate, Latency, Rollback, Sequential
from tests.config.texts import SMALL, faults, meaning

SPLIT = f"{SMALL}routes:\n- name: a\n  match: {{path: /a}}\n  extracted: payments\n"

FAULTS = {
    "error_rate: {over: 500ms}": "the window is shorter than four reports of the workers. Write `1s` to `1h`",
    "error_rate: {over: 2h}": "the window is too long. Write `1s` to `1h`",
    "error_rate: {over: 1s, min_requests: 200000}": "no window of 1 s can hold 200000 requests",
    "error_rate: {max: 0%}": "every failure would be above this limit",
    "error_rate: {max: 100%}": "no share of failures would be above this limit",
    "error_rate: {max: 5}": "`5` has no unit",
    "error_rate: {relative: 0.5x}": "`0.5x` is out of range",
    "error_rate: {relative: 2}": "`2` is not a multiple. Write `2x`",
    "connect_failures: {consecutive: 0}": "0 is out of range",
    "latency: {}": "no quantile has a limit",
    "latency: {p42: 1s}": "`p42` is not a known key",
    "latency: {p95: fast}": "`fast` is not a duration",
    "latency: {p95: [1s, 2s]}": "two limits of one kind",
    "latency: {p95: 1s, over: 1ms}": "shorter than four reports",
    "sequential: {alpha: 0%}": "no chance to live with",
    "sequential: {alpha: 20%}": "no chance to live with",
    "sequential: {ratio: 0.9x}": "out of range",
    "cooldown: {base: 10m, max: 1m}": "the first wait would be longer than the longest",
    "cooldown: {share: 0%}": "nothing would probe",
    "failures: [6xx]": "`6xx` is not a status",
    "failures: [504-500]": "ends before it begins",
    "failures: []": "the list is empty",
    "hold_back: 60%": "more would be held back than moved",
    "long_lived: kill": "`kill` is not known here",
    "mismatches: {max: 1%}": "`mismatches` is not a known key",
    "mismatch_rate: {max: 0%}": "every difference would be above this limit",
    "mismatch_rate: {max: 100%}": "no share of differences would be above this limit",
    "mismatch_rate: {over: 100ms}": "the window is shorter",
    "mismatch_rate: {over: 1s, min_compared: 100001}": "so the rule would never act",
    "{error_rate: off, connect_failures: off, sequential: off}": "every rule is off, so nothing is guarded",
}


@pytest.mark.parametrize(("rule", "message"), FAULTS.items())
def test_a_rule_that_cannot_be_meant_is_a_fault_with_its_line(rule: str, message: str) -> None:
    found = faults(f"{SPLIT}  rollback:\n    {rule}\n" if rule[0] != "{" else f"{SPLIT}  rollback: {rule}\n")

    assert len(found) == 1
    assert message in found[0]
    assert found[0].startswith(("9:", "10:") if rule[0] != "{" else ("9:",))


def test_every_split_route_is_guarded_by_default_and_no_other_is() -> None:
    split, plain = meaning(f"{SPLIT}- name: b\n  match: {{path: /b}}\n").routes

    assert (split.rollback, plain.rollback) == (Rollback(), None)


def test_a_route_takes_the_defaults_rules_but_for_those_that_it_writes() -> None:
    text = SPLIT.replace(
        "routes:",
        "defaults:\n  rollback: {error_rate: {max: 10%}, latency: {p99: 2s}, hold_back: 3%}\nroutes:",
    )

    (inherits,) = meaning(text).routes
    (own,) = meaning(f"{text}  rollback: {{error_rate: {{min_requests: 7}}, latency: off}}\n").routes

    assert inherits.rollback == Rollback(
        error_rate=ErrorRate(max=1_000), latency=(Latency(quantile=0.99, max_s=2.0),), hold_back=300
    )
    assert own.rollback == Rollback(error_rate=ErrorRate(min_requests=7), hold_back=300)


def test_off_guards_nothing_and_a_route_may_switch_it_on_again() -> None:
    off = SPLIT.replace("routes:", "defaults: {rollback: off}\nroutes:")

    (without,) = meaning(off).routes
    (again,) = meaning(f"{off}  rollback: {{sequential: {{alpha: 5%}}}}\n").routes

    assert without.rollback is None
    assert again.rollback == Rollback(sequential=Sequential(alpha=0.05))


def test_a_guard_on_a_route_that_is_not_split_is_a_fault() -> None:
    (fault,) = faults(f"{SMALL}routes:\n- name: a\n  match: {{path: /a}}\n  rollback: {{hold_back: 1%}}\n")

    assert "`rollback` guards a route that names no extracted service" in fault


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("{source: file, file: f.json}", "flags come from a file"),
        ("{source: launchdarkly}", "it is not said to which project and environment"),
        ("{source: launchdarkly, project: p}", "it is not said to which project and environment"),
    ],
)
def test_a_flag_is_written_back_only_where_it_can_be(flags: str, message: str) -> None:
    (fault,) = faults(f"{SPLIT}  rollback: {{write_back: true}}\nflags: {flags}\n")

    assert message in fault
    assert meaning(f"{SPLIT}  rollback: {{write_back: true}}\n").routes[0].rollback == Rollback(write_back=True)


def test_cohorts_hold_back_the_same_keys() -> None:
    text = SPLIT.replace("extracted: payments\n", "extracted: payments\n  cohort: c\n")
    other = text.split("routes:\n")[1].replace("name: a", "name: b").replace("/a", "/b")

    (fault,) = faults(f"{text}{other}  rollback: {{hold_back: 5%}}\n")

    assert "`rollback.hold_back`" in fault


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("lifetime: 5s", "`5s` is out of range"),
        ("lifetime: 8d", "`8d` is out of range"),
        ("lifetime: soon", "`soon` is not a lifetime"),
        ("header: 'a b'", "cannot be the name of a header"),
        ("tripped: maybe", "`maybe` is not known here"),
    ],
)
def test_an_impossible_idempotency_is_a_fault(key: str, message: str) -> None:
    (fault,) = faults(f"{SPLIT}  idempotency: {{{key}}}\n")

    assert message in fault


@pytest.mark.parametrize(
    ("hooks", "message"),
    [
        ("[{name: a}]", "`url` is missing"),
        ("[{url: https://h/x}]", "`name` is missing"),
        ("[{name: a, url: https://h/x, events: [party]}]", "`party` is not known here"),
        ("[{name: a, url: https://h/x, secret: s3cret}]", "would put a secret in a file"),
        ("[{name: a, url: https://h/x, secret_env: lower}]", "`lower` is not a name of a variable"),
        ("[{name: a, url: https://h/x}, {name: a, url: https://h/y}]", "a second webhook is called `a`"),
    ],
)
def test_a_webhook_that_cannot_be_told_is_a_fault(hooks: str, message: str) -> None:
    found = faults(f"{SMALL}webhooks: {hooks}\n")

    assert [message in fault for fault in found] == [True]
