"""The watch over one route: what workers tell, in the form that rules look at."""

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.judge import Finding, Verdict
from strangler.core.model import Side
from strangler.core.outcome import Outcome
from strangler.core.rules import ErrorRate, Latency, Metric, MismatchRate, Rollback
from strangler.core.sequential import Evidence, Step
from strangler.core.tally import Tally
from strangler.core.watch import ALONE_AFTER, NOTHING, Count, Watch, count_of

OUTCOMES = st.dictionaries(st.sampled_from(Outcome), st.integers(1, 50)).map(lambda counts: tuple(counts.items()))


@given(OUTCOMES, st.integers(0, 9), st.integers(0, 9))
def test_only_what_was_the_sides_to_answer_is_judged(
    outcomes: tuple[tuple[Outcome, int], ...], failures: int, run: int
) -> None:
    tally = Tally(
        route="r",
        side=Side.EXTRACTED,
        outcomes=outcomes,
        latency=((3, 1),),
        seconds=0.1,
        failures=failures,
        connect_run=run,
        longest_connect_run=run,
    )
    counts = dict(outcomes)

    found = count_of(tally)

    others = counts.get(Outcome.CLIENT_GONE, 0) + counts.get(Outcome.REFUSED, 0)
    assert found.requests == sum(counts.values()) - others
    assert found.others == sum(counts.values()) - counts.get(Outcome.CONNECT, 0)
    assert (found.failures, found.latency, found.connect_run) == (failures, ((3, 1),), run)


def verdict(watch: Watch, metric: Metric, now: float) -> Finding:
    return next(finding for finding in watch.findings(now) if finding.metric is metric)


def test_a_window_forgets_and_the_evidence_does_not() -> None:
    watch = Watch(Rollback(latency=(Latency(quantile=0.5, max_s=1.0),)), Evidence())
    watch.count(Count(requests=50, latency=((3, 50),)), Count(requests=50, failures=40, latency=((9, 50),)), 100.0)

    first = verdict(watch, Metric.ERROR_RATE, 100.0)
    later = verdict(watch, Metric.ERROR_RATE, 200.0)

    assert (first.verdict, first.requests) == (Verdict.BREACH, 50)
    assert (later.verdict, later.requests) == (Verdict.HOLD, 0)
    assert verdict(watch, Metric.SEQUENTIAL, 200.0).requests == 40


def refused(run: int) -> Count:
    return Count(requests=run, failures=run, connect_run=run, longest_connect_run=run)


def test_failures_to_connect_add_up_over_workers_until_one_connects() -> None:
    watch = Watch(Rollback(), Evidence())
    measured = []
    for count in (
        refused(2),
        refused(2),
        Count(requests=3, others=2, connect_run=0, longest_connect_run=1),
        refused(1),
    ):
        watch.count(NOTHING, count, 1.0)
        measured.append(verdict(watch, Metric.CONNECT_FAILURES, 1.0).measured)

    assert measured == [2.0, 4.0, 1.0, 1.0]


def test_a_route_is_alone_while_the_monolith_is_not_asked() -> None:
    watch = Watch(Rollback(error_rate=ErrorRate()), Evidence())
    alone = []
    for legacy, extracted in ((NOTHING, ALONE_AFTER - 1), (NOTHING, 1), (Count(requests=1), 0)):
        watch.count(legacy, Count(requests=extracted) if extracted else NOTHING, 1.0)
        alone.append(watch.is_alone)

    assert alone == [False, True, False]


def test_a_cleared_watch_is_as_new_and_a_rebased_one_keeps_what_was_proven() -> None:
    watch = Watch(Rollback(), Evidence())
    watch.count(Count(requests=90, failures=1), Count(requests=10, failures=5), 1.0)
    watch.count(Count(requests=1), Count(requests=1), 1.0)

    watch.rebase()
    rebased = watch.evidence
    watch.clear()

    assert (rebased.extracted_failures, rebased.block) == (5, Step())
    assert watch.evidence == Evidence()
    assert verdict(watch, Metric.ERROR_RATE, 1.0).requests == 0


def test_without_the_sequential_rule_nothing_is_compared() -> None:
    watch = Watch(Rollback(error_rate=None, sequential=None), Evidence())

    watch.count(Count(requests=90), Count(requests=ALONE_AFTER, failures=5), 1.0)

    assert watch.evidence == Evidence()
    assert not watch.is_alone
    assert [finding.metric for finding in watch.findings(1.0)] == [Metric.CONNECT_FAILURES]


def test_comparisons_count_within_their_window_and_not_after_a_reset() -> None:
    watch = Watch(Rollback(mismatch_rate=MismatchRate(over_s=60.0)), Evidence())
    watch.compare(60, 30, 100.0)
    watch.compare(60, 30, 130.0)

    both = verdict(watch, Metric.MISMATCH_RATE, 131.0)
    later = verdict(watch, Metric.MISMATCH_RATE, 1_000.0)
    watch.compare(200, 200, 1_000.0)
    watch.clear()
    cleared = verdict(watch, Metric.MISMATCH_RATE, 1_000.0)

    assert (both.verdict, both.requests, both.measured) == (Verdict.BREACH, 120, 0.5)
    assert (later.verdict, later.requests) == (Verdict.HOLD, 0)
    assert cleared.requests == 0


def test_comparisons_say_nothing_where_no_rule_asks_for_them() -> None:
    watch = Watch(Rollback(), Evidence())
    watch.compare(500, 500, 1.0)

    assert Metric.MISMATCH_RATE not in {finding.metric for finding in watch.findings(1.0)}
