"""Keys of one exchange: falling back, total time, and the size of a body."""

import pytest

from strangler.core.model import Fallback, ListenerLimits, Timeouts
from tests.config.texts import ROUTE, SMALL, faults, meaning

SPLIT = f"{SMALL}{ROUTE}    extracted: payments\n"


@pytest.mark.parametrize(
    ("written", "meant"), [("off", Fallback.OFF), ("safe", Fallback.SAFE), ("declared", Fallback.DECLARED)]
)
def test_a_route_says_when_the_monolith_answers_instead(written: str, meant: Fallback) -> None:
    assert meaning(f"{SPLIT}    fallback: {written}\n").routes[0].fallback is meant


def test_a_route_without_a_rule_has_the_one_of_the_defaults() -> None:
    assert meaning(SPLIT).routes[0].fallback is Fallback.SAFE
    assert meaning(f"{SPLIT}defaults: {{fallback: declared}}\n").routes[0].fallback is Fallback.DECLARED


def test_a_word_that_is_no_rule_is_a_fault_with_its_line_and_the_nearest_rule() -> None:
    (fault,) = faults(f"{SPLIT}    fallback: safee\n")

    assert fault.startswith("9:15: ")
    assert "`safe`" in fault


def test_the_total_time_is_off_until_it_is_written() -> None:
    assert meaning(SMALL).timeouts == Timeouts()
    assert meaning(f"{SMALL}timeouts: {{total: 30s}}\n").timeouts == Timeouts(total_s=30.0)
    assert meaning(f"{SPLIT}    timeouts: {{total: off}}\ntimeouts: {{total: 30s}}\n").routes[0].timeouts.total_s == 0


def test_a_body_has_no_limit_until_one_is_written_and_a_routes_own_wins() -> None:
    assert meaning(SMALL).limits == ListenerLimits()
    assert meaning(f"{SMALL}limits: {{body_bytes: 1MiB}}\n").limits == ListenerLimits(body_bytes=1_048_576)
    assert [meaning(f"{SPLIT}    max_body: {size}\n").routes[0].max_body_bytes for size in ("off", "2KiB")] == [
        0,
        2_048,
    ]
    assert meaning(SPLIT).routes[0].max_body_bytes is None


def test_a_limit_of_no_bytes_is_a_fault() -> None:
    assert len(faults(f"{SPLIT}    max_body: 0\n")) == 1
