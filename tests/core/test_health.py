"""What a row of checks says about an address."""

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.health import Standing, after
from strangler.core.model import HealthCheck

rules = st.builds(HealthCheck, path=st.just("/"), healthy_after=st.integers(1, 5), unhealthy_after=st.integers(1, 5))


def run(rules: HealthCheck, checks: list[bool]) -> list[bool]:
    """Return whether the address was healthy after each check."""
    standing: Standing | None = None
    verdicts = []
    for is_good in checks:
        standing = after(standing, is_good=is_good, rules=rules)
        verdicts.append(standing.is_healthy)
    return verdicts


@given(rules, st.booleans())
def test_the_first_check_decides_alone(rules: HealthCheck, is_good: bool) -> None:
    assert run(rules, [is_good]) == [is_good]


def test_three_bad_checks_and_two_good_ones_turn_it_as_haproxy_does() -> None:
    checks = [True, False, False, False, True, True]

    assert run(HealthCheck(path="/"), checks) == [True, True, True, False, False, True]


@given(rules, st.lists(st.booleans(), min_size=1, max_size=60))
def test_a_verdict_changes_only_after_as_many_checks_in_a_row_as_were_asked_for(
    rules: HealthCheck, checks: list[bool]
) -> None:
    verdicts = run(rules, checks)

    for index in range(1, len(verdicts)):
        if verdicts[index] != verdicts[index - 1]:
            needed = rules.healthy_after if verdicts[index] else rules.unhealthy_after
            assert checks[index + 1 - needed : index + 1] == [verdicts[index]] * needed


@given(rules, st.lists(st.booleans(), max_size=60), st.booleans())
def test_enough_checks_that_agree_settle_it(rules: HealthCheck, before: list[bool], is_good: bool) -> None:
    assert run(rules, [*before, *[is_good] * 5])[-1] == is_good
