"""Outcomes: a closed set in a fixed order, and every end of an exchange is one of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.outcome import FAILURES, INDEX, OUTCOMES, Outcome, of_failure, of_status
from strangler.errors import FailureKind


@given(st.integers(0, 10_000))
def test_every_status_has_an_outcome_and_the_servers_errors_are_failures(status: int) -> None:
    outcome = of_status(status)

    assert (outcome in FAILURES) == (not 100 <= status < 500)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (101, Outcome.OK_2XX),
        (200, Outcome.OK_2XX),
        (299, Outcome.OK_2XX),
        (304, Outcome.REDIRECT_3XX),
        (404, Outcome.CLIENT_ERROR_4XX),
        (500, Outcome.SERVER_ERROR_5XX),
        (599, Outcome.SERVER_ERROR_5XX),
        (600, Outcome.SERVER_ERROR_5XX),
        (99, Outcome.SERVER_ERROR_5XX),
        (0, Outcome.SERVER_ERROR_5XX),
    ],
)
def test_a_status_counts_by_its_class(status: int, outcome: Outcome) -> None:
    assert of_status(status) is outcome


@pytest.mark.parametrize("kind", FailureKind)
def test_every_kind_of_failure_is_an_outcome_of_its_own_name_and_the_sides_fault(kind: FailureKind) -> None:
    outcome = of_failure(kind)

    assert outcome == kind.value
    assert outcome in FAILURES


def test_what_is_not_the_sides_fault_is_no_failure() -> None:
    assert not FAILURES & {Outcome.CLIENT_GONE, Outcome.REFUSED, Outcome.CLIENT_ERROR_4XX}


def test_each_outcome_has_its_place_among_the_counters() -> None:
    assert [OUTCOMES[INDEX[outcome]] for outcome in Outcome] == list(Outcome)
