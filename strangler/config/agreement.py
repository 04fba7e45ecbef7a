"""What only several routes together can get wrong: names, matches and cohorts."""

from collections.abc import Iterable

from strangler.config.reading import At, show
from strangler.config.routes import Draft
from strangler.config.shadow import MAX_TOTAL_BYTES, MOST_RECORDED_BYTES, recorded, weight
from strangler.core.model import Route
from strangler.core.table import ConflictKind, conflicts


def check_routes(drafts: tuple[Draft, ...]) -> None:
    """Note every disagreement between routes; parts with faults of their own are left out."""
    _check_names(drafts)
    _check_matches(drafts)
    _check_cohorts(draft for draft in drafts if draft.is_sound)
    _check_rules(drafts)
    _check_records(drafts)


def _check_names(drafts: tuple[Draft, ...]) -> None:
    seen: dict[str, Route] = {}
    for draft in drafts:
        name = draft.route.name
        if name in seen:
            message = f"the name {show(name)} is taken by the route in line {seen[name].line}"
            _at(draft, "name").fault(message, "Give each route a name of its own")
        else:
            seen[name] = draft.route


def _check_matches(drafts: tuple[Draft, ...]) -> None:
    # The first of each name: a name that is taken twice is told already, and conflicts are told by name.
    named = {draft.route.name: draft for draft in reversed(drafts)}
    matchable = [draft for draft in drafts if draft.is_matchable and named[draft.route.name] is draft]
    told: set[str] = set()
    for conflict in conflicts([draft.route for draft in matchable]):
        if conflict.second not in told:
            # One message a route: who has the same match a hundred times made one mistake, not five thousand.
            told.add(conflict.second)
            first, second = named[conflict.first].route, named[conflict.second]
            _at(second, "match").fault(*_explain(conflict.kind, first, second.route))


def _explain(kind: ConflictKind, first: Route, second: Route) -> tuple[str, str]:
    other = f"{show(first.name)} (line {first.line})"
    match kind:
        case ConflictKind.UNREACHABLE:
            message = f"route {show(second.name)} is unreachable: {other} takes all of its requests"
            return message, "Remove one, or narrow the first by method, host or header"
        case ConflictKind.AMBIGUOUS:
            message = f"route {show(second.name)} is as specific as {other}, and some requests fit both"
            return message, "Make their methods, hosts, paths or headers differ"


def _check_cohorts(drafts: Iterable[Draft]) -> None:
    first_of: dict[str, Route] = {}
    for draft in drafts:
        route = draft.route
        if not route.cohort:
            continue
        first = first_of.setdefault(route.cohort, route)
        differing = _differences(first, route)
        if differing:
            message = (
                f"route {show(route.name)} and {show(first.name)} (line {first.line}) share the cohort "
                f"{show(route.cohort)}, but not {', '.join(differing)}"
            )
            remedy = "Make them the same, so that a caller gets the same side on both, or use two cohorts"
            _at(draft, "cohort").fault(message, remedy)


def _check_rules(drafts: tuple[Draft, ...]) -> None:
    total = 0
    for draft in drafts:
        total += weight(draft.route.shadow)
        if total > MAX_TOTAL_BYTES:
            message = "the rules of shadowing of all routes, those of `defaults` counted for each, are over 8 MiB"
            _at(draft, "shadow").fault(message, "Write fewer or shorter rules in `defaults`, or shadow fewer routes")
            return


def _check_records(drafts: tuple[Draft, ...]) -> None:
    total = 0
    for draft in drafts:
        total += recorded(draft.route.shadow)
        if total > MOST_RECORDED_BYTES:
            message = "the recordings of all routes together may be over 1 GiB"
            _at(draft, "shadow").fault(message, "Lower `shadow.record.bytes`, or record fewer routes")
            return


def _differences(one: Route, other: Route) -> list[str]:
    pairs: dict[str, tuple[object, object]] = {
        "`flag`": (one.flag, other.flag),
        "`share`": (one.share, other.share),
        "`identity`": (one.identity, other.identity),
        "`attributes`": (frozenset(one.attributes), frozenset(other.attributes)),
    }
    if one.extracted and other.extracted:
        pairs["`rollback.hold_back`"] = (_hold_back(one), _hold_back(other))
    return [name for name, (left, right) in pairs.items() if left != right]


def _hold_back(route: Route) -> int:
    return 0 if route.rollback is None else route.rollback.hold_back


def _at(draft: Draft, key: str) -> At:
    return draft.found.get(key) or draft.found.at
