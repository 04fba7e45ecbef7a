"""Divergences: every reason says what is known, and only an answer says that a write was carried out."""

import pytest

from strangler.core.divergence import (
    DOUBTS_PRIMARY,
    DivergenceKind,
    Listed,
    Verdict,
    Why,
    is_ambiguous,
    is_carried_out,
    is_on_both,
    kind_of,
)
from strangler.core.model import Side
from strangler.core.shadowing import Redirects


@pytest.mark.parametrize("why", Why)
def test_every_reason_says_what_is_known(why: Why) -> None:
    listed = Listed(
        id="1",
        at=0.0,
        route="r",
        primary=Side.LEGACY,
        why=why,
        status=0,
        primary_status=0,
        method="POST",
        path="/",
        request_id="",
        sealed=b"",
    )
    assert kind_of(why) is Verdict(why=why).kind is listed.kind


def test_nobody_knows_only_where_something_may_have_left() -> None:
    unknown = {why for why in Why if kind_of(why) is DivergenceKind.UNKNOWN}

    assert unknown == DOUBTS_PRIMARY | {
        Why.FALLBACK,
        Why.TIMEOUT,
        Why.BROKE_OFF,
        Why.COMPARER_ENDED,
        Why.NEITHER,
    }
    assert {why for why in Why if kind_of(why) is DivergenceKind.FAILED} == {Why.STATUS}


def test_success_and_see_other_say_that_it_was_carried_out() -> None:
    said = {status for status in range(600) if is_carried_out(status, Redirects.IN_DOUBT)}

    assert said == {*range(200, 300), 303}


def test_a_route_may_say_that_its_redirections_follow_a_success() -> None:
    said = {status for status in range(600) if is_carried_out(status, Redirects.CARRIED_OUT)}

    assert {300, 301, 302, 303} <= said
    assert said.isdisjoint({304, 307, 308})


def test_no_redirection_says_two_things() -> None:
    in_doubt = {status for status in range(600) if is_ambiguous(status)}

    assert in_doubt == set(range(300, 400)) - {303, 304, 307, 308}


@pytest.mark.parametrize("redirects", Redirects)
@pytest.mark.parametrize(
    ("first", "status", "on_both"),
    [
        (201, 200, True),
        (303, 204, True),
        (303, 303, True),
        (302, 303, True),
        (201, 303, False),
        (0, 302, False),
        (201, 302, False),
        (201, 400, False),
        (303, 307, False),
        (303, 304, False),
    ],
)
def test_a_redirection_counts_only_where_the_first_side_redirected_too(
    first: int, status: int, on_both: bool, redirects: Redirects
) -> None:
    assert is_on_both(status, first, redirects) is on_both


@pytest.mark.parametrize("redirects", Redirects)
def test_what_the_other_side_may_say_to_anybody_counts_only_where_the_route_says_so(redirects: Redirects) -> None:
    assert is_on_both(302, 303, redirects) is is_on_both(302, 302, redirects) is (redirects is Redirects.CARRIED_OUT)
