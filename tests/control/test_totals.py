"""Totals."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.control import totals
from strangler.control.totals import Totals
from strangler.core.histogram import BUCKETS
from strangler.core.model import Side
from strangler.core.outcome import FAILURES, OUTCOMES, Outcome
from strangler.core.tally import Tally

TALLIES = st.lists(
    st.builds(
        Tally,
        route=st.sampled_from(["", "a", "b"]),
        side=st.sampled_from(Side),
        outcomes=st.lists(st.tuples(st.sampled_from(Outcome), st.integers(0, 9)), max_size=4).map(tuple),
        latency=st.lists(st.tuples(st.integers(0, BUCKETS - 1), st.integers(0, 9)), max_size=4).map(tuple),
        seconds=st.sampled_from([0.0, 0.25, 1.5]),
    )
)


@given(TALLIES, st.integers(0, 20))
def test_it_does_not_matter_in_how_many_reports_counts_arrive(tallies: list[Tally], cut: int) -> None:
    whole, parts = Totals(), Totals()

    whole.add(tallies)
    parts.add(tallies[:cut])
    parts.add(tallies[cut:])

    assert list(whole) == list(parts)
    assert sum(total.requests() for _, _, total in whole) == sum(
        count for tally in tallies for _, count in tally.outcomes
    )


def test_only_what_is_the_sides_fault_is_a_failure() -> None:
    counted = Totals()

    counted.add(
        [
            Tally(
                route="a",
                side=Side.EXTRACTED,
                outcomes=tuple((outcome, 1) for outcome in OUTCOMES),
                latency=(),
                seconds=0.0,
            )
        ]
    )

    assert counted.of("a", Side.EXTRACTED).failures() == dict.fromkeys(FAILURES, 1)
    assert counted.of("a", Side.EXTRACTED).requests() == len(OUTCOMES)
    assert counted.of("a", Side.LEGACY).requests() == 0


def test_what_finds_no_room_is_counted_and_what_is_there_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    # Because the bound is far beyond what a test should make.
    monkeypatch.setattr(totals, "MAX_KEYS", 2)
    kept = Totals()
    one = Tally(route="a", side=Side.LEGACY, outcomes=((Outcome.OK_2XX, 1),), latency=(), seconds=0.0)

    for name in ("a", "b", "c", "a", "d"):
        kept.add([replace(one, route=name)])

    assert [(route, total.requests()) for route, _, total in kept] == [("a", 2), ("b", 1)]
    assert kept.refused == 2
