"""Which recordings are kept: few, of all kinds, whatever the order in which they came."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.selection import Kept, Selection
from strangler.core.shadowing import Record

PLENTY = 64 * 1_048_576


def kept(number: int, shape: str = "a", size: int = 10, at: float = 0.0) -> Kept:
    return Kept(id=f"{number:016x}", shape=shape, size=size, at=at)


def limits(keep: int, most_bytes: int = PLENTY, for_s: float = 1_000.0) -> Record:
    return Record(keep=keep, most_bytes=most_bytes, for_s=for_s)


def ids(selection: Selection) -> set[str]:
    return {one.id for one in selection}


requests = st.lists(
    st.builds(kept, st.integers(0, 2**63), st.sampled_from("aaaaabbbcd"), st.integers(1, 400)),
    max_size=60,
    unique_by=lambda one: one.id,
)


@given(requests, st.integers(1, 20))
def test_what_is_kept_does_not_depend_on_the_order_in_which_it_came(came: list[Kept], keep: int) -> None:
    other = sorted(came, key=lambda one: one.id[::-1])
    one_way, other_way = Selection(), Selection()

    for request in came:
        one_way.offer(request, limits(keep))
    for request in other:
        other_way.offer(request, limits(keep))

    assert ids(one_way) == ids(other_way)
    assert len(one_way) == min(keep, len(came))


@given(requests, st.integers(1, 20))
def test_a_shape_gives_up_requests_only_to_those_that_have_no_more_than_it(came: list[Kept], keep: int) -> None:
    selection = Selection()
    for request in came:
        selection.offer(request, limits(keep))

    there = Counter(one.shape for one in selection)
    whole = Counter(one.shape for one in came)

    for shape, count in whole.items():
        if there[shape] < count:
            assert max(there.values()) <= there[shape] + 1
            lowest = sorted(one.id for one in came if one.shape == shape)[: there[shape]]
            assert {one.id for one in selection if one.shape == shape} == set(lowest)


@given(requests, st.integers(1, 20), st.integers(1, 2_000))
def test_neither_number_nor_bytes_are_ever_passed_and_what_is_told_to_go_is_gone(
    came: list[Kept], keep: int, most_bytes: int
) -> None:
    selection = Selection()
    stored: set[str] = set()

    for request in came:
        gone = selection.offer(request, limits(keep, most_bytes))
        if gone is not None:
            stored = (stored | {request.id}) - set(gone)
        assert stored == ids(selection)
        assert len(selection) <= keep
        assert sum(one.size for one in selection) <= most_bytes


@given(requests, st.integers(1, 8), st.integers(1, 2_000))
def test_what_is_not_wanted_would_not_be_taken(came: list[Kept], keep: int, most_bytes: int) -> None:
    selection = Selection()

    for request in came:
        is_wanted = selection.wants(request, limits(keep, most_bytes))
        is_taken = selection.offer(request, limits(keep, most_bytes)) is not None
        assert is_wanted or not is_taken
        assert is_taken or not is_wanted or sum(one.size for one in selection) + request.size > most_bytes


def test_a_rare_shape_survives_any_number_of_a_frequent_one() -> None:
    selection = Selection()
    selection.offer(kept(2**60, "rare"), limits(10))

    for number in range(1_000):
        selection.offer(kept(number, "frequent"), limits(10))

    assert Counter(one.shape for one in selection) == {"frequent": 9, "rare": 1}


def test_where_bytes_are_short_the_shape_that_takes_most_gives_up() -> None:
    selection = Selection([kept(number, "small", 10) for number in range(9)])

    assert selection.offer(kept(100, "large", 95), limits(100, 100)) is None
    assert selection.offer(kept(99, "other", 10), limits(100, 100)) == ()
    assert selection.offer(kept(98, "other", 10), limits(100, 100)) == (kept(8).id,)


def test_a_request_that_comes_again_is_taken_anew_once_its_recording_is_old() -> None:
    selection = Selection([kept(1, at=0.0), kept(2, at=0.0)])

    assert not selection.wants(kept(1, at=99.0), limits(2))
    assert selection.wants(kept(1, at=100.0), limits(2))
    assert selection.offer(kept(1, at=99.0), limits(2)) is None
    assert selection.offer(kept(1, at=100.0), limits(2)) == ()
    assert {one.id: one.at for one in selection} == {kept(1).id: 100.0, kept(2).id: 0.0}


def test_a_request_that_comes_again_and_is_too_large_now_leaves_what_there_was() -> None:
    selection = Selection([kept(1, size=10), kept(2, size=80, shape="b")])

    assert selection.offer(kept(2, size=200, shape="b", at=500.0), limits(5, 100)) is None
    assert {one.id: one.size for one in selection} == {kept(1).id: 10, kept(2).id: 80}


def test_what_is_too_old_goes_and_so_does_what_stricter_limits_leave_no_room_for() -> None:
    selection = Selection(kept(number, at=float(number)) for number in range(10))

    assert set(selection.trim(limits(10, for_s=5.0), now=8.0)) == {kept(number).id for number in range(4)}
    assert set(selection.trim(limits(3), now=8.0)) == {kept(number).id for number in (7, 8, 9)}
    assert selection.trim(limits(3), now=8.0) == ()
