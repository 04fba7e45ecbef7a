"""What each rule says, by values."""

from dataclasses import replace
from math import inf, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.histogram import BUCKETS, bucket
from strangler.core.judge import Finding, Verdict, decisive, judge
from strangler.core.rules import ConnectFailures, ErrorRate, Latency, Metric, MismatchRate, Rollback, Sequential
from strangler.core.sequential import Evidence
from strangler.core.window import Counts

NONE = Rollback(error_rate=None, connect_failures=None, sequential=None)


def only(
    rules: Rollback, legacy: Counts, extracted: Counts, *, run: int = 0, evidence: Evidence | None = None
) -> Finding:
    (finding,) = judge(rules, lambda _: (legacy, extracted), connect_run=run, evidence=evidence or Evidence())
    return finding


def latency(*pairs: tuple[float, int]) -> Counts:
    counts = [0] * BUCKETS
    for milliseconds, count in pairs:
        counts[bucket(int(milliseconds * 1000))] += count
    return Counts(requests=sum(counts), latency=tuple(counts))


@pytest.mark.parametrize(
    ("requests", "failures", "verdict"),
    [
        (0, 0, Verdict.HOLD),
        (19, 19, Verdict.HOLD),
        (20, 20, Verdict.BREACH),
        (20, 5, Verdict.FINE),
        (20, 6, Verdict.FINE),
        (100, 60, Verdict.BREACH),
        (10_000, 2_400, Verdict.FINE),
        (10_000, 2_900, Verdict.BREACH),
    ],
)
def test_the_hard_stop_wants_enough_requests_and_more_than_chance(
    requests: int, failures: int, verdict: Verdict
) -> None:
    rules = replace(NONE, error_rate=ErrorRate())

    finding = only(rules, Counts(), Counts(requests=requests, failures=failures))

    assert finding.verdict is verdict


@given(st.integers(0, 2_000), st.integers(0, 2_000), st.integers(0, 2_000), st.integers(0, 2_000))
def test_a_share_of_failures_at_or_below_the_limit_never_trips(a: int, b: int, c: int, d: int) -> None:
    rules = replace(NONE, error_rate=ErrorRate(relative=2.0))
    legacy, extracted = Counts(requests=a + b, failures=a), Counts(requests=c + d, failures=c)

    finding = only(rules, legacy, extracted)

    if finding.verdict is Verdict.BREACH:
        assert c / (c + d) > 0.25
        assert not a or c / (c + d) > 2.0 * a / (a + b)


def test_a_monolith_that_fails_as_well_excuses_the_extracted_side() -> None:
    rules = replace(NONE, error_rate=ErrorRate(relative=2.0))
    failing = Counts(requests=1_000, failures=500)

    assert only(rules, failing, failing).verdict is Verdict.FINE
    assert only(rules, Counts(requests=1_000, failures=5), failing).verdict is Verdict.BREACH


def test_failures_to_connect_trip_when_they_come_one_after_the_other() -> None:
    rules = replace(NONE, connect_failures=ConnectFailures(consecutive=5))

    verdicts = [only(rules, Counts(), Counts(), run=run).verdict for run in (0, 4, 5, 6)]

    assert verdicts == [Verdict.FINE, Verdict.FINE, Verdict.BREACH, Verdict.BREACH]


def test_an_absolute_latency_is_passed_only_beyond_doubt() -> None:
    rules = replace(NONE, latency=(Latency(quantile=0.95, max_s=0.8),))

    verdicts = [
        only(rules, Counts(), extracted).verdict
        for extracted in (
            latency((950.0, 40)),
            latency((950.0, 60)),
            latency((10.0, 90), (950.0, 10)),
            latency((10.0, 60), (1100.0, 40)),
            latency((100.0, 10_000)),
        )
    ]

    assert verdicts == [Verdict.HOLD, Verdict.BREACH, Verdict.FINE, Verdict.BREACH, Verdict.FINE]


def test_a_relative_latency_is_held_without_a_baseline() -> None:
    rules = replace(NONE, latency=(Latency(quantile=0.5, relative=1.5),))
    slow = latency((300.0, 2_000))

    assert only(rules, Counts(), slow).verdict is Verdict.HOLD
    assert only(rules, latency((100.0, 2_000)), slow).verdict is Verdict.BREACH
    assert only(rules, latency((290.0, 2_000)), slow).verdict is Verdict.FINE


def test_beside_a_hold_back_of_few_requests_an_outage_is_still_an_outage() -> None:
    rules = replace(NONE, error_rate=ErrorRate(max=2_500, relative=2.0))
    outage = Counts(requests=500, failures=450)

    assert only(rules, Counts(requests=5), outage).verdict is Verdict.BREACH
    assert only(rules, Counts(), outage).verdict is Verdict.BREACH
    assert only(rules, Counts(requests=5, failures=4), outage).verdict is Verdict.FINE
    assert only(rules, Counts(requests=500, failures=450), outage).verdict is Verdict.FINE


def test_a_breach_is_sure_to_one_in_ten_million() -> None:
    rules = replace(NONE, error_rate=ErrorRate(max=2_500))

    assert only(rules, Counts(), Counts(requests=20, failures=17)).verdict is Verdict.FINE
    assert only(rules, Counts(), Counts(requests=20, failures=18)).verdict is Verdict.BREACH


def test_with_no_baseline_the_absolute_limit_of_a_latency_guards_alone() -> None:
    rules = replace(NONE, latency=(Latency(quantile=0.5, max_s=0.2, relative=1.5),))
    slow = latency((300.0, 2_000))

    assert only(rules, Counts(), slow).verdict is Verdict.BREACH
    assert only(rules, latency((290.0, 2_000)), slow).verdict is Verdict.FINE


def test_the_sequential_rule_holds_until_both_sides_were_asked() -> None:
    rules = replace(NONE, sequential=Sequential(alpha=0.01))
    both = Evidence(legacy_requests=8, extracted_requests=8)

    assert only(rules, Counts(), Counts(), evidence=Evidence()).verdict is Verdict.HOLD
    assert only(rules, Counts(), Counts(), evidence=both).verdict is Verdict.FINE
    assert only(rules, Counts(), Counts(), evidence=replace(both, log_e=log(100) + 0.01)).verdict is Verdict.BREACH


def test_a_dry_run_is_judged_and_never_acts() -> None:
    rules = replace(
        NONE, connect_failures=ConnectFailures(consecutive=1, dry_run=True), error_rate=ErrorRate(min_requests=1)
    )
    findings = judge(rules, lambda _: (Counts(), Counts(requests=5)), connect_run=9, evidence=Evidence())

    assert [finding.verdict for finding in findings] == [Verdict.FINE, Verdict.BREACH]
    assert decisive(findings) is None


def test_the_first_rule_that_is_broken_decides() -> None:
    rules = replace(NONE, connect_failures=ConnectFailures(), error_rate=ErrorRate())

    findings = judge(rules, lambda _: (Counts(), Counts(requests=90, failures=90)), connect_run=9, evidence=Evidence())
    decided = decisive(findings)

    assert decided is not None and decided.metric is Metric.ERROR_RATE
    assert (decided.measured, decided.limit, decided.requests) == (1.0, 0.25, 90)


def test_rules_that_are_off_find_nothing() -> None:
    assert judge(NONE, lambda _: (Counts(), Counts(requests=9, failures=9)), connect_run=99, evidence=Evidence()) == ()


def test_a_limit_that_no_share_can_pass_never_trips() -> None:
    rules = replace(NONE, error_rate=ErrorRate(relative=1000.0))

    finding = only(rules, Counts(requests=10, failures=1), Counts(requests=1_000, failures=1_000))

    assert finding.verdict is Verdict.FINE
    assert finding.limit < inf


@pytest.mark.parametrize(("status", "fails"), [(200, False), (404, False), (429, True), (500, True), (599, True)])
def test_a_route_says_which_statuses_are_failures(status: int, fails: bool) -> None:
    rules = replace(NONE, failures=((429, 429), (500, 599)))

    assert (status in rules.failing()) is fails


@pytest.mark.parametrize(
    ("compared", "different", "verdict"),
    [
        (0, 0, Verdict.HOLD),
        (99, 99, Verdict.HOLD),
        (100, 1, Verdict.FINE),
        (100, 3, Verdict.FINE),
        (100, 15, Verdict.BREACH),
        (10_000, 100, Verdict.FINE),
    ],
)
def test_answers_that_differ_break_the_rule_only_beyond_doubt(compared: int, different: int, verdict: Verdict) -> None:
    rules = replace(NONE, mismatch_rate=MismatchRate())
    counts = Counts(requests=compared, failures=different)

    (finding,) = judge(rules, lambda _: (Counts(), Counts()), connect_run=0, evidence=Evidence(), compared=counts)

    assert (finding.metric, finding.verdict) == (Metric.MISMATCH_RATE, verdict)
    assert (finding.limit, finding.requests) == (0.01, compared)
