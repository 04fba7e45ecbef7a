"""A pair counts for the places alone that both comparisons looked at."""

import pytest

from strangler.core.comparison import Comparison, Difference, Kind, Obstacle, Result
from strangler.core.grouping import group_key
from strangler.core.noise import Pairs
from strangler.core.pairing import pairs_of

AT = Difference(kind=Kind.VALUE, place=("user", "at"))
FEE = Difference(kind=Kind.VALUE, place=("fee",))
STATUS = Difference(kind=Kind.STATUS, primary=200, shadow=429)
HEADER = Difference(kind=Kind.HEADER, place=("location",))
USER = Difference(kind=Kind.MISSING, place=("user",))
PAGE = Difference(kind=Kind.TYPE, primary="text/html", shadow="application/json")
SAME = Comparison(result=Result.EQUAL)
RAW, NOISE, BOTH = Pairs(raw_only=1), Pairs(noise_only=1), Pairs(both=1)


def different(*differences: Difference, is_cut: bool = False, obstacle: Obstacle | None = None) -> Comparison:
    return Comparison(result=Result.DIFFERENT, differences=differences, is_cut=is_cut, obstacle=obstacle)


@pytest.mark.parametrize(
    ("raw", "noise", "pairs"),
    [
        (SAME, SAME, {}),
        (different(AT, FEE), SAME, {"$.user.at": RAW, "$.fee": RAW}),
        (SAME, different(AT), {"$.user.at": NOISE}),
        (different(AT, FEE), different(AT), {"$.user.at": BOTH, "$.fee": RAW}),
        (different(AT), different(STATUS), {"status": NOISE}),
        (different(STATUS), different(AT), {"status": RAW}),
        (different(HEADER, AT), different(STATUS), {"status": NOISE, "header location": RAW}),
        (different(AT), different(FEE, is_cut=True), {}),
        (different(AT, is_cut=True), different(AT), {}),
        (different(AT), different(HEADER, obstacle=Obstacle.CORRUPT), {"header location": NOISE}),
        (different(AT, FEE), different(USER), {"$.user": NOISE, "$.fee": RAW}),
        (different(USER), different(AT), {"$.user": RAW}),
        (different(AT), different(PAGE), {"$": NOISE}),
    ],
)
def test_a_place_takes_part_only_if_both_looked_at_it(
    raw: Comparison, noise: Comparison, pairs: dict[str, Pairs]
) -> None:
    assert {place: told for (place, _), told in pairs_of(raw, noise, group_key).items()} == pairs
