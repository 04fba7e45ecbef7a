"""Progress: what the monolith still has, as routes stand now."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from strangler.core.endpoints import Endpoint
from strangler.core.model import Config, HeaderMatch
from strangler.core.progress import Day, Left, Standing, left_of, stand
from strangler.core.table import Table
from strangler.core.traffic import DAY_S, begin
from tests.core.requests import config, route

NOW = 1_800_000_000.0


def endpoint(template: str, method: str = "GET", last: float = NOW) -> Endpoint:
    return Endpoint(method=method, template=template, traffic=begin(last))


def standings(
    by: Config, shares: Mapping[str, tuple[int, int]], *endpoints: Endpoint
) -> list[tuple[str, Standing, int]]:
    return [(one.route, one.standing, one.share) for one in stand(endpoints, by, Table(by.routes), shares)]


def test_an_endpoint_stands_as_its_route_does() -> None:
    by = config(route("a", "/a/{x}"), route("b", "/b"), route("c", "/c", extracted=None), route("d", "/d"))

    found = standings(
        by,
        {"a": (2_500, 0), "b": (10_000, 0), "c": (10_000, 0)},
        *map(endpoint, ("/a/{id}", "/b", "/c", "/d", "/e/{id}")),
    )

    assert found == [
        ("a", Standing.SPLIT, 2_500),
        ("b", Standing.EXTRACTED, 10_000),
        ("c", Standing.MONOLITH, 0),
        ("d", Standing.MONOLITH, 0),
        ("", Standing.UNROUTED, 0),
    ]


def test_a_route_for_one_host_or_header_counts() -> None:
    hosted = route("h", "/h")
    hosted = replace(hosted, match=replace(hosted.match, hosts=("*.a.test", "b.test")))
    beta = route("x", "/x", match_headers=(HeaderMatch(name="x-beta", value="1"), HeaderMatch(name="x-b", value=None)))

    found = standings(config(hosted, beta), {}, endpoint("/h"), endpoint("/x"))

    assert [name for name, _, _ in found] == ["h", "x"]


def test_what_is_left_is_what_the_monolith_answers_more_of_than_is_held_back() -> None:
    by = config(route("a", "/a"), route("b", "/b"), route("held", "/held"))
    old = endpoint("/old", last=NOW - 31 * DAY_S)
    shares = {"a": (10_000, 0), "b": (9_999, 0), "held": (9_900, 100)}
    stood = stand((*map(endpoint, ("/a", "/b", "/c", "/held")), old), by, Table(by.routes), shares)

    assert left_of(stood, NOW) == Left(endpoints=4, left=2, unrouted=1, unseen=1, held=1)
    assert [(one.route, one.share, one.held) for one in stood if one.held] == [("held", 9_900, 100)]


@pytest.mark.parametrize(("day", "share"), [(Day(day=1, legacy=3, extracted=1), 0.75), (Day(day=1), None)])
def test_a_day_tells_the_monoliths_part(day: Day, share: float | None) -> None:
    assert day.share == share
