"""Ignoring: what a rule that ignores a path would do to the differences that were found."""

from collections.abc import Sequence
from dataclasses import dataclass

from strangler.core.grouping import is_id
from strangler.core.jsonpath import JsonPath, Step, parse_path

MOST_PLACES = 10
"""As many as fit on a screen; the report has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Differences of one place and kind."""

    place: str
    """As the report shows it, with `[*]` for indexes and ids."""
    kind: str
    count: int


def ignored(wanted: JsonPath, spots: Sequence[Spot]) -> tuple[Spot, ...]:
    """Return the differences that a rule at a path would ignore."""
    return tuple(spot for spot in spots if covers(wanted, spot.place))


def cautions(route: str, wanted: JsonPath, compared: int, spots: Sequence[Spot]) -> tuple[str, ...]:
    """Return what whoever agrees to a rule should know of what was found of the route before."""
    if not compared:
        return (f"nothing of {route} was compared yet, so nothing shows that there is such a place",)
    anew = f"findings begin anew with it: {compared:,} comparisons of {route} are counted no longer"
    if ignored(wanted, spots):
        return (anew,)
    places = list(dict.fromkeys(spot.place for spot in spots))
    return (f"no difference was found at that place; found: {_listed(places)}", anew)


def covers(wanted: JsonPath, place: str) -> bool:
    """Return whether a rule at `wanted` may be about a place of the report, where `[*]` stands for indexes and ids."""
    try:
        keys = [step.key for step in parse_path(place).steps]
    except ValueError:
        # Because a status and a header are no places in a body.
        return False
    reached = {0}
    for key in keys:
        if len(wanted.steps) in reached:
            return True
        steps = {at: wanted.steps[at] for at in reached}
        reached = {at for at, step in steps.items() if step.is_deep}
        reached |= {at + 1 for at, step in steps.items() if _takes(step, key)}
    return len(wanted.steps) in reached


def _takes(step: Step, key: str | int | None) -> bool:
    if key is not None:
        return step.takes(key)
    return not isinstance(step.key, str) or is_id(step.key)


def _listed(places: Sequence[str]) -> str:
    shown = ", ".join(place if place.isprintable() else ascii(place) for place in places[:MOST_PLACES])
    more = len(places) - MOST_PLACES
    return (shown or "nothing") + (f" and {more} more" if more > 0 else "")
