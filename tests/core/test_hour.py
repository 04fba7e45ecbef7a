"""The last hour: what is recent, in bounded memory, and no request lost from the sum."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.decide import Reason
from strangler.core.hour import MOST_FORMS, MOST_HOSTS, MOST_PLACES, SLOT_S, SLOTS, Hour, Spot
from strangler.core.model import Side
from strangler.core.shapes import Shape

NOW = 1_800_000_000.0
SHAPE = Shape(
    method="GET",
    host="a.test",
    paths=("/x/{number}", "/x/y/z"),
    fields=(),
    sources=("header x-user-id",),
    route="x",
    cohort="x",
    source="header x-user-id",
    place=17,
    side=Side.EXTRACTED,
    reason=Reason.FLAG_FALLTHROUGH,
    generation=1,
    is_proof=True,
)


def add(hour: Hour, shape: Shape = SHAPE, *, now: float = NOW, weight: float = 1.0, is_current: bool = True) -> None:
    hour.add(shape, shape.paths[0], now=now, weight=weight, is_current=is_current)


def test_requests_of_one_form_are_one_row_with_their_places() -> None:
    hour = Hour()
    add(hour, weight=2.0)
    add(hour, replace(SHAPE, place=-1, side=Side.LEGACY), weight=3.0)
    add(hour, replace(SHAPE, reason=Reason.SHARE))
    add(hour, is_current=False)

    (row,) = hour.rows(NOW)

    assert (row.requests, row.sampled, row.form.paths) == (7.0, 4, ("/x/{number}", "/x/y/z"))
    assert row.spots() == (
        Spot(place=17, side=Side.EXTRACTED),
        Spot(place=-1, side=Side.LEGACY),
        Spot(place=17, side=None),
        Spot(place=17, side=None),
    )


def test_what_is_held_back_of_a_flag_is_told_from_what_the_flag_leaves() -> None:
    hour = Hour()
    held = replace(SHAPE, side=Side.LEGACY, reason=Reason.HOLD_BACK)
    add(hour, held)
    add(hour, replace(SHAPE, side=Side.LEGACY))
    add(hour, held, is_current=False)

    (row,) = hour.rows(NOW)

    assert row.spots() == (
        Spot(place=17, side=Side.LEGACY, is_held=True),
        Spot(place=17, side=Side.LEGACY),
        Spot(place=17, side=None),
    )
    assert [(spot.side, spot.is_held, count) for spot, count in row.groups(())] == [
        (Side.LEGACY, False, 1),
        (Side.LEGACY, True, 1),
        (None, False, 1),
    ]
    hour.forget_sides()
    assert set(row.spots()) == {Spot(place=17, side=None)}


def test_a_path_that_does_not_exist_has_no_other_readings() -> None:
    hour = Hour()
    add(hour, replace(SHAPE, is_proof=False))

    assert [row.form.paths for row in hour.rows(NOW)] == [("/x/{number}",)]


def test_sides_are_forgotten_and_places_are_not() -> None:
    hour = Hour()
    add(hour)
    add(hour, replace(SHAPE, place=-1))
    hour.forget_sides()

    (row,) = hour.rows(NOW)

    assert row.spots() == (Spot(place=17, side=None), Spot(place=-1, side=None))


def test_only_sides_from_before_are_forgotten_however_many_places_come() -> None:
    hour = Hour()
    for _ in range(301):
        add(hour, replace(SHAPE, place=1))
    hour.forget_sides()
    for _ in range(2_000):
        add(hour, replace(SHAPE, place=2))

    (row,) = hour.rows(NOW)

    assert {spot.side for spot in row.spots() if spot.place == 1} == {None}
    assert {spot.side for spot in row.spots() if spot.place == 2} == {Side.EXTRACTED}


def test_a_copy_of_a_row_stays_as_it_is() -> None:
    hour = Hour()
    add(hour)
    (row,) = hour.rows(NOW)
    copy = row.copied()
    add(hour, weight=9.0)
    hour.forget_sides()

    assert (copy.form, copy.requests, copy.sampled) == (row.form, 1.0, 1)
    assert copy.spots() == (Spot(place=17, side=Side.EXTRACTED),)


def test_what_is_older_than_an_hour_is_gone() -> None:
    hour = Hour()
    assert hour.since(NOW) is None
    add(hour, now=NOW)
    add(hour, now=NOW + SLOT_S)
    assert hour.since(NOW + SLOT_S) == NOW

    later = NOW + SLOT_S * SLOTS
    assert len(list(hour.rows(later))) == 1
    assert hour.since(later) == NOW + SLOT_S
    assert list(hour.rows(later + SLOT_S)) == []
    assert hour.since(later + SLOT_S) is None


def test_a_clock_that_goes_back_loses_nothing() -> None:
    hour = Hour()
    add(hour, now=NOW)
    add(hour, now=NOW - 7_200)

    assert [row.requests for row in hour.rows(NOW)] == [2.0]


def test_forms_beyond_the_bound_are_counted() -> None:
    hour = Hour()
    for number in range(MOST_FORMS + 2):
        add(hour, replace(SHAPE, paths=(f"/x{number}",)), weight=2.0)

    assert len(list(hour.rows(NOW))) == MOST_FORMS
    assert hour.uncounted == 4.0


def test_hosts_beyond_the_bound_are_one() -> None:
    hour = Hour()
    for number in range(MOST_HOSTS + 5):
        add(hour, replace(SHAPE, host=f"h{number}.test"))

    assert len(list(hour.rows(NOW))) == MOST_HOSTS + 1


def test_places_that_are_kept_are_of_all_the_time_and_not_of_its_end() -> None:
    hour = Hour()
    for place in range(8_000):
        add(hour, replace(SHAPE, place=place))

    (row,) = hour.rows(NOW)

    kept = [spot.place for spot in row.spots()]
    assert len(kept) >= MOST_PLACES // 2
    for start in range(0, 8_000, 1_000):
        assert len(kept) / 16 < sum(start <= place < start + 1_000 for place in kept) < len(kept) / 4


@given(
    st.lists(st.tuples(st.integers(-1, 9_999), st.sampled_from(Side), st.booleans()), min_size=1, max_size=60),
    st.lists(st.integers(0, 10_000), max_size=4),
    st.integers(0, 60),
)
def test_groups_are_the_places_that_no_cut_separates(
    several: list[tuple[int, Side, bool]], cuts: list[int], stale: int
) -> None:
    hour = Hour()
    for index, (place, side, is_current) in enumerate(several):
        if index == stale:
            hour.forget_sides()
        add(hour, replace(SHAPE, place=place, side=side), is_current=is_current)
    (row,) = hour.rows(NOW)

    groups = list(row.groups(cuts))

    def kind(spot: Spot) -> tuple[object, ...]:
        return (spot.side, spot.place < 0, *(spot.place >= cut for cut in cuts))

    assert Counter({kind(spot): count for spot, count in groups}) == Counter(map(kind, row.spots()))
    assert len({kind(spot) for spot, _ in groups}) == len(groups)


@given(st.lists(st.integers(-1, 9_999), min_size=1, max_size=20), st.integers(1, 100))
def test_places_stay_within_their_bound_and_spread_over_all_that_was_recorded(places: list[int], times: int) -> None:
    hour = Hour()
    for place in places * times:
        add(hour, replace(SHAPE, place=place))

    (row,) = hour.rows(NOW)

    kept = [spot.place for spot in row.spots()]
    assert row.requests == row.sampled == len(places) * times
    assert set(kept) <= set(places)
    assert min(len(places) * times, MOST_PLACES // 2) <= len(kept) <= MOST_PLACES
