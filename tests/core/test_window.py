"""Windows, beside a list of everything that ever happened."""

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.histogram import BUCKETS
from strangler.core.window import SLOTS, Window

EVENTS = st.lists(
    st.tuples(
        st.floats(0, 100),
        st.integers(0, 5),
        st.integers(0, 5),
        st.dictionaries(st.integers(0, BUCKETS - 1), st.integers(1, 9), max_size=3),
    ),
    max_size=40,
).map(lambda events: sorted(events, key=lambda event: event[0]))


@given(EVENTS, st.floats(1, 60), st.floats(0, 200))
def test_a_window_holds_what_is_recent_and_nothing_older(
    events: list[tuple[float, int, int, dict[int, int]]], span_s: float, wait_s: float
) -> None:
    window = Window(span_s)
    now = 0.0
    for now, requests, failures, latency in events:
        window.add(now, requests=requests, failures=failures, latency=tuple(latency.items()))
    now += wait_s

    sums = window.sums(now)

    slot_s = span_s / SLOTS
    surely = [event for event in events if event[0] > now - span_s + slot_s * 1.001]
    maybe = [event for event in events if event[0] > now - span_s - slot_s * 0.001]
    assert sum(e[1] for e in surely) <= sums.requests <= sum(e[1] for e in maybe)
    assert sum(e[2] for e in surely) <= sums.failures <= sum(e[2] for e in maybe)
    assert sum(sum(e[3].values()) for e in surely) <= sum(sums.latency) <= sum(sum(e[3].values()) for e in maybe)
    assert all(count >= 0 for count in sums.latency)


def test_after_the_span_nothing_is_left() -> None:
    window = Window(10.0)
    window.add(5.0, requests=7, failures=3, latency=((4, 7),))

    sums = window.sums(15.0)

    assert (sums.requests, sums.failures, sum(sums.latency)) == (0, 0, 0)


def test_a_clock_that_goes_back_loses_and_doubles_nothing() -> None:
    window = Window(10.0)
    window.add(100.0, requests=1, failures=0)
    window.add(50.0, requests=1, failures=1)

    assert window.sums(60.0).requests == 2
    assert window.sums(110.5).requests == 0
