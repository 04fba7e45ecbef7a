"""Asking again: true of every request, every failure and every sequence of failures."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.fallback import IDEMPOTENT, SAFE, Next, after_failure, may_be_needed_again
from strangler.core.model import Fallback

METHODS = st.sampled_from([*IDEMPOTENT, b"POST", b"PATCH", b"PURGE", b"X"])
RULES = st.sampled_from(list(Fallback))


@dataclass(frozen=True)
class Failure:
    """How one try ended."""

    was_written: bool
    is_stale: bool
    is_begun: bool
    is_whole: bool


FAILURES = st.lists(st.builds(Failure, *[st.booleans()] * 4), min_size=8, max_size=8)


def tries(method: bytes, rule: Fallback, failures: list[Failure]) -> list[tuple[str, bool]]:
    """Return each try's side, and whether a byte of the request was written in it."""
    side, written, retried, begun, whole = "extracted", False, False, False, True
    seen: list[tuple[str, bool]] = []
    for failure in failures:
        seen.append((side, failure.was_written))
        written, begun, whole = written or failure.was_written, begun or failure.is_begun, whole and failure.is_whole
        found = after_failure(
            method=method,
            fallback=rule,
            has_other_side=side == "extracted",
            is_begun=begun,
            is_written=written,
            is_whole=whole,
            is_stale=failure.is_stale,
            has_retried=retried,
        )
        match found:
            case Next.GIVE_UP:
                return seen
            case Next.AGAIN:
                retried = True
            case Next.FALL_BACK:
                side, retried = "legacy", False
    raise AssertionError(f"it never ends: {seen}")


@given(METHODS, RULES, FAILURES)
def test_every_sequence_of_failures_ends_after_two_tries_of_each_side(
    method: bytes, rule: Fallback, failures: list[Failure]
) -> None:
    seen = [side for side, _ in tries(method, rule, failures)]

    assert seen.count("extracted") <= 2
    assert seen.count("legacy") <= 2
    assert seen == sorted(seen)


@given(METHODS.filter(lambda method: method not in IDEMPOTENT), FAILURES)
def test_a_write_is_never_asked_again_once_a_byte_of_it_has_left(method: bytes, failures: list[Failure]) -> None:
    for rule in (Fallback.OFF, Fallback.SAFE):
        seen = tries(method, rule, failures)

        assert not any(was_written for _, was_written in seen[:-1])


@given(METHODS.filter(lambda method: method not in SAFE), FAILURES)
def test_what_may_change_something_reaches_one_side_only_unless_declared(
    method: bytes, failures: list[Failure]
) -> None:
    for rule in (Fallback.OFF, Fallback.SAFE):
        reached = {side for side, was_written in tries(method, rule, failures) if was_written}

        assert len(reached) <= 1


@given(METHODS, FAILURES)
def test_the_monolith_never_answers_instead_where_that_is_off(method: bytes, failures: list[Failure]) -> None:
    assert {side for side, _ in tries(method, Fallback.OFF, failures)} == {"extracted"}


@given(METHODS, RULES, *[st.booleans()] * 5)
def test_nothing_is_asked_again_once_the_client_saw_something_or_a_part_of_the_body_is_gone(
    method: bytes, rule: Fallback, other: bool, written: bool, stale: bool, retried: bool, begun: bool
) -> None:
    found = after_failure(
        method=method,
        fallback=rule,
        has_other_side=other,
        is_begun=begun,
        is_written=written,
        is_whole=begun,
        is_stale=stale,
        has_retried=retried,
    )

    assert found is Next.GIVE_UP


@given(METHODS, RULES)
def test_what_was_never_sent_falls_back_unless_that_is_off(method: bytes, rule: Fallback) -> None:
    found = after_failure(
        method=method,
        fallback=rule,
        has_other_side=True,
        is_begun=False,
        is_written=False,
        is_whole=True,
        is_stale=False,
        has_retried=False,
    )

    assert found is (Next.GIVE_UP if rule is Fallback.OFF else Next.FALL_BACK)


@given(METHODS, RULES, st.booleans())
def test_a_body_is_kept_just_where_a_written_request_could_fall_back(
    method: bytes, rule: Fallback, other: bool
) -> None:
    found = after_failure(
        method=method,
        fallback=rule,
        has_other_side=other,
        is_begun=False,
        is_written=True,
        is_whole=True,
        is_stale=False,
        has_retried=False,
    )

    assert may_be_needed_again(method=method, fallback=rule, has_other_side=other) is (found is Next.FALL_BACK)
