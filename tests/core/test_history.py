"""History, beside a list of everything that ever happened."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from strangler.core import histogram
from strangler.core.history import DAY, HOUR, Point, Ring, Span

Event = tuple[float, int, int, dict[int, int]]

SPAN = Span(step_s=10, slots=12)
START = 1_800_000_000.0
EVENTS = st.lists(
    st.tuples(
        st.floats(0, 600),
        st.integers(0, 5),
        st.integers(0, 5),
        st.dictionaries(st.integers(0, histogram.BUCKETS - 1), st.integers(1, 9), max_size=3),
    ),
    max_size=40,
)


def filled(events: Sequence[Event]) -> Ring:
    ring = Ring(SPAN)
    for at, requests, failures, latency in events:
        ring.add(START + at, requests=requests, failures=failures, latency=tuple(latency.items()))
    return ring


@given(EVENTS.map(lambda events: sorted(events, key=lambda event: event[0])), st.floats(0, 300))
def test_a_ring_holds_what_a_list_of_everything_holds_for_its_span(events: list[Event], wait_s: float) -> None:
    now = START + (events[-1][0] if events else 0.0) + wait_s

    points = filled(events).points(now)

    expected = []
    last = int(now // 10)
    for number in range(last - SPAN.slots + 1, last + 1):
        mine = [event for event in events if (START + event[0]) // 10 == number]
        counts = [sum(event[3].get(bucket, 0) for event in mine) for bucket in range(histogram.BUCKETS)]
        point = Point(
            at=number * 10,
            requests=sum(event[1] for event in mine),
            failures=sum(event[2] for event in mine),
            p50_s=histogram.quantile(counts, 0.50),
            p95_s=histogram.quantile(counts, 0.95),
        )
        if point.requests or point.p95_s is not None:
            expected.append(point)
    assert list(points) == expected


@given(EVENTS)
def test_a_clock_that_jumps_about_neither_loses_nor_doubles_what_came_since_the_last_jump_of_a_whole_span(
    events: list[Event],
) -> None:
    near = [(at % 60, requests, failures, latency) for at, requests, failures, latency in events]

    points = filled(near).points(START + 60)

    assert sum(point.requests for point in points) == sum(event[1] for event in near)


def test_a_clock_that_is_set_back_by_more_than_the_span_begins_anew() -> None:
    ring = filled([(10_000.0, 7, 0, {})])

    ring.add(START, requests=1, failures=1)

    assert [(point.at, point.requests) for point in ring.points(START)] == [(START, 1)]


def test_only_what_ended_after_a_moment_is_told() -> None:
    ring = filled([(0.0, 1, 0, {}), (10.0, 2, 0, {}), (20.0, 3, 0, {})])

    assert [point.requests for point in ring.points(START + 20, since=START + 10)] == [2, 3]


def test_a_count_stops_at_its_bound_and_breaks_nothing() -> None:
    ring = filled([(0.0, 2**32 - 2, 2**32 - 2, {}), (1.0, 5, 5, {})])

    (point,) = ring.points(START + 1)

    assert (point.requests, point.failures) == (2**32 - 1, 2**32 - 1)


def test_the_spans_are_an_hour_and_a_day() -> None:
    assert HOUR.step_s * HOUR.slots == 3_600
    assert DAY.step_s * DAY.slots == 86_400
