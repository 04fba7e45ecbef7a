"""Samples: which requests are asked twice depends on nothing that changes."""

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.model import FULL_SHARE
from strangler.core.offer import is_checked, is_sampled

ROUTES = st.text(min_size=1, max_size=40)
IDS = st.binary(max_size=40)


@given(ROUTES, IDS)
def test_a_share_of_all_has_every_request_and_one_of_nothing_has_none(route: str, request_id: bytes) -> None:
    assert is_sampled(route, request_id, FULL_SHARE)
    assert not is_sampled(route, request_id, 0)


@given(ROUTES, IDS, st.integers(0, FULL_SHARE), st.integers(0, FULL_SHARE))
def test_a_larger_share_only_adds_requests(route: str, request_id: bytes, one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert is_sampled(route, request_id, large) or not is_sampled(route, request_id, small)


def test_a_share_has_about_so_many_requests_and_other_ones_on_another_route() -> None:
    ids = [b"request-%d" % number for number in range(10_000)]
    first = {one for one in ids if is_sampled("users", one, 1_000)}
    second = {one for one in ids if is_sampled("payments", one, 1_000)}
    assert 850 <= len(first) <= 1_150
    assert 40 <= len(first & second) <= 180


@given(ROUTES, IDS)
def test_a_ratio_of_one_checks_every_request_and_one_of_nothing_none(route: str, request_id: bytes) -> None:
    assert is_checked(route, request_id, 1)
    assert not any(is_checked(route, request_id, ratio) for ratio in (0, -1))


@given(ROUTES, IDS, st.integers(1, 1_000), st.integers(1, 10))
def test_what_is_checked_is_checked_for_every_ratio_that_divides_its_own(
    route: str, request_id: bytes, ratio: int, times: int
) -> None:
    assert is_checked(route, request_id, ratio) or not is_checked(route, request_id, ratio * times)


def test_one_in_so_many_is_checked_whatever_the_sample() -> None:
    ids = [b"request-%d" % number for number in range(20_000)]
    checked = {one for one in ids if is_checked("users", one, 10)}
    sampled = {one for one in ids if is_sampled("users", one, 1_000)}

    assert 1_850 <= len(checked) <= 2_150
    assert 140 <= len(checked & sampled) <= 265


def test_a_small_sample_is_not_checked_more_often_than_others() -> None:
    sampled = [one for one in (b"%d" % number for number in range(200_000)) if is_sampled("users", one, 1)]

    assert len(sampled) >= 5
    assert sum(is_checked("users", one, 10) for one in sampled) < len(sampled) / 2
