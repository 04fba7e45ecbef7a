"""Divergences: every reason says what is known, and only an answer says that a write was carried out."""

import pytest

from strangler.core.divergence import (
    DOUBTS_PRIMARY,
    DivergenceKind,
    Listed,
    Verdict,
    Why,
    is_carried_out,
    is_on_both,
    kind_of,
)
from strangler.core.model import Side


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


@pytest.mark.parametrize(
    ("status", "carried_out"),
    [(199, False), (200, True), (204, True), (303, True), (399, True), (400, False), (0, False)],
)
def test_success_and_redirection_say_that_it_was_carried_out(status: int, carried_out: bool) -> None:
    assert is_carried_out(status) is carried_out


@pytest.mark.parametrize(
    ("first", "status", "on_both"),
    [(201, 200, True), (303, 204, True), (303, 302, True), (201, 302, False), (0, 302, False), (201, 400, False)],
)
def test_a_redirection_counts_only_where_the_first_side_redirected_too(first: int, status: int, on_both: bool) -> None:
    assert is_on_both(status, first) is on_both
