"""Counters, beside a list of everything that was counted."""

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.model import Side
from strangler.core.outcome import FAILURES, INDEX, Outcome
from strangler.core.tally import Tally
from strangler.proxy.counters import Counters

SLOTS = (("", Side.LEGACY), ("r", Side.LEGACY), ("r", Side.EXTRACTED))
TAKE = None
STEPS = st.lists(st.sampled_from(Outcome) | st.just(Outcome.CONNECT) | st.none(), max_size=40)


def told(steps: list[Outcome | None]) -> list[Tally]:
    """Return what is told of slot 2, whenever it is taken and at the end."""
    counters = Counters(SLOTS)
    found: list[Tally] = []
    for step in [*steps, TAKE]:
        if step is TAKE:
            found += counters.take()
            continue
        counters.count(2, INDEX[step], 0.01)
        if step in FAILURES:
            counters.count_failure(2, is_connect=step is Outcome.CONNECT)
    return found


@given(STEPS)
def test_nothing_is_lost_or_doubled_however_often_it_is_taken(steps: list[Outcome | None]) -> None:
    counted = [step for step in steps if step is not None]

    tallies = told(steps)

    assert sum(count for tally in tallies for _, count in tally.outcomes) == len(counted)
    assert sum(tally.failures for tally in tallies) == sum(step in FAILURES for step in counted)
    assert all((tally.route, tally.side) == ("r", Side.EXTRACTED) for tally in tallies)


@given(STEPS)
def test_a_run_of_failures_to_connect_is_seen_over_every_border(steps: list[Outcome | None]) -> None:
    run, runs = 0, [0]
    for step in steps:
        if step is not None:
            run = run + 1 if step is Outcome.CONNECT else 0
            runs.append(run)

    tallies = told(steps)

    assert max((tally.longest_connect_run for tally in tallies), default=0) == max(runs)
    if tallies:
        assert tallies[-1].connect_run == runs[-1]
