"""Comparisons as a reason to take a route back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from strangler.core.guard import Phase
from strangler.core.rules import MismatchRate, Rollback
from tests.support.guarding import Proxy, config, route


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    compared = Rollback(mismatch_rate=MismatchRate())
    made = Proxy(tmp_path, config(route("a", compared), route("b")))
    yield made
    made.close()


def test_a_route_whose_answers_surely_differ_too_often_is_taken_back_and_says_so(proxy: Proxy) -> None:
    for _ in range(10):
        proxy.guards.compare("a", 20, 10)

    kept, findings, _ = proxy.guards.of("a") or pytest.fail("not guarded")
    assert (proxy.caps, proxy.phase("a")) == ({"a": 0}, Phase.TRIPPED)
    assert kept.cause is not None
    assert kept.cause["why"] == "50.0% of 100 compared answers differ or are missing (limit 1.0%)"
    assert [finding.requests for finding in findings if finding.acts] == [200]


def test_a_few_differences_within_the_limit_trip_nothing(proxy: Proxy) -> None:
    for _ in range(100):
        proxy.now += 1.0
        proxy.guards.compare("a", 100, 1)

    assert proxy.caps == {}


def test_comparisons_trip_nothing_on_a_route_without_the_rule_or_that_is_unknown(proxy: Proxy) -> None:
    for name in ("b", "none"):
        proxy.guards.compare(name, 1_000, 1_000)

    assert proxy.caps == {}
