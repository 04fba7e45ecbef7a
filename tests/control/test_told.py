"""What guards say: the reason of a trip, and the name that was meant."""

from pathlib import Path

import pytest

from strangler.core.model import Side
from strangler.errors import UsageError
from tests.support.guarding import Proxy, config, route, tally


def test_a_misspelt_route_is_told_the_nearest_name(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path, config(route("payments.read"), route("payments.create")))

    with pytest.raises(UsageError, match=r"Did you mean `payments\.create`\?"):
        proxy.guards.reset("payments.creat", who="ann", why="x")
    proxy.close()


def test_the_reason_of_the_sequential_test_says_whose_failures_they_were(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path, config(route("a")))
    for _ in range(20):
        proxy.guards.count([tally("a", Side.LEGACY, fine=98, failed=0), tally("a", Side.EXTRACTED, fine=1, failed=1)])

    found = proxy.guards.of("a")
    assert found is not None and found[0].cause is not None
    assert found[0].cause["why"] == (
        "it fails more often than the monolith: 4 of 4 failures are its own, with 2.0% of the requests "
        "(evidence 10.2, limit 4.6)"
    )


def test_a_route_that_trips_with_another_says_with_which(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path, config(route("a", cohort="c"), route("b", cohort="c")))

    proxy.guards.trip("a", who="ann", why="it looks wrong")

    assert [happening.why for happening in proxy.happenings] == ["it looks wrong", "with a: it looks wrong"]
    proxy.close()
