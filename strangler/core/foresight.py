"""Foresight: what other routes would do with the requests of the last hour.

Both sets of routes are asked for each recorded form. Where a request's place in its cohort is known, and the new route
has the same cohort and identity, its side is exact; elsewhere it is a share of the requests. What no form can tell,
such as a header that the served routes do not look at, is counted as uncertain and not guessed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from strangler.core.hour import Form, Row, Spot
from strangler.core.migration import Stage, compares, doubles
from strangler.core.model import FULL_SHARE, Address, Config, Route, Side, SourceKind
from strangler.core.offer import READS
from strangler.core.shapes import NO_PLACE, fields_of, label, sources_of
from strangler.core.snapshot import CompiledRoute, Snapshot
from strangler.core.split import side as side_at

_READS = frozenset(method.decode("ascii") for method in READS)
_LEAST = 1e-6
"""Of a request: what is less is the rounding of a sum."""


@dataclass(slots=True, kw_only=True)
class Effect:
    """What becomes of the requests that one route has now and another one, or none, would have."""

    before: str
    """The route's name; empty for none."""
    after: str
    requests: float = 0.0
    to_extracted: float = 0.0
    """Requests that the extracted side would answer in place of the monolith."""
    to_legacy: float = 0.0
    upstream: float = 0.0
    """Requests that stay on their side, and would go to an address that this side does not have now."""
    shadow_gained: float = 0.0
    """Requests that the other side would be asked as well, and is not now."""
    shadow_lost: float = 0.0
    refused: float = 0.0
    """Requests that would be refused, and are not now."""
    accepted: float = 0.0
    uncertain: float = 0.0
    """Requests that would be another route's, if they have a header that was not looked at."""
    estimated: float = 0.0
    """Of those that change side, what was computed from a share and not from places."""

    @property
    def is_rerouted(self) -> bool:
        """Whether the route is another one."""
        return self.before != self.after

    @property
    def changes(self) -> bool:
        """Whether any request would be treated otherwise."""
        counts = (getattr(self, one.name) for one in fields(self) if one.name not in _NO_CHANGE)
        return (self.is_rerouted and self.requests > 0) or any(count > _LEAST for count in counts)


_NO_CHANGE = ("before", "after", "requests", "estimated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What other routes would do."""

    requests: float
    """Of the last hour, estimated from the sample."""
    sampled: int
    effects: tuple[Effect, ...]
    """By the routes' names; also those that change nothing."""
    unseen: tuple[str, ...]
    """Routes that no recorded request is for, now or then, in the order of the new file."""

    @property
    def changes(self) -> bool:
        """Whether any request would be treated otherwise."""
        return any(effect.changes for effect in self.effects)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What a route's flag serves by default, in basis points."""

    share: int | None
    """None if its values name no sides."""
    held: int = 0
    """Of the share, what `rollback.hold_back` keeps on the monolith all the same."""


_NOTHING = Served(share=None)


def foresee(
    rows: Iterable[Row],
    before: Snapshot,
    after: Snapshot,
    *,
    served_before: Mapping[str, Served],
    served_after: Mapping[str, Served],
) -> Plan:
    """Return what `after` would do with the recorded requests in place of `before`.

    What the routes' flags serve is by the route's name in its own file.
    """
    now = _View(before, served_before, before.config, is_recorded=True)
    then = _View(after, served_after, before.config, is_recorded=False)
    effects: dict[tuple[str, str], Effect] = {}
    seen: set[str] = set()
    requests, sampled = 0.0, 0
    for row in rows:
        old, new = now.find(row.form), then.find(row.form)
        key = (old.name, new.name)
        effect = effects.get(key) or effects.setdefault(key, Effect(before=old.name, after=new.name))
        seen.add(new.name)
        requests += row.requests
        sampled += row.sampled
        effect.requests += row.requests
        if new.is_uncertain:
            effect.uncertain += row.requests
        if old.is_refused or new.is_refused:
            effect.refused += 0.0 if old.is_refused else row.requests
            effect.accepted += 0.0 if new.is_refused else row.requests
            continue
        _compare(effect, row, old, new)
    return Plan(
        requests=requests,
        sampled=sampled,
        effects=tuple(effects[key] for key in sorted(effects)),
        unseen=tuple(route.name for route in after.config.routes if route.name not in seen),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What one set of routes has for a form."""

    route: CompiledRoute | None
    places: Mapping[Side, frozenset[Address]]
    """Where each side is."""
    served: Served = _NOTHING
    is_refused: bool = False
    is_uncertain: bool = False
    is_recorded: bool = False
    """Whether these are the routes that the recorded requests were decided by."""
    source: str | None = None
    """Where the key would be read; empty for nowhere, None if that was not recorded."""

    @property
    def name(self) -> str:
        return "" if self.route is None else self.route.route.name

    def cuts(self) -> tuple[int, ...]:
        """Return the places at which the odds may change."""
        if self.route is None:
            return ()
        share, cap = self.route.route.share, self.route.cap
        return (FULL_SHARE - share,) if cap is None else (FULL_SHARE - share, FULL_SHARE - cap)

    def odds(self, spot: Spot, form: Form) -> tuple[float, bool]:
        """Return how likely the extracted side answers, and whether that is known."""
        compiled = self.route
        if compiled is not None and compiled.fixed is not None:
            return float(compiled.fixed.side is Side.EXTRACTED), True
        if compiled is None or self.source == "":
            return 0.0, True
        route, cap = compiled.route, compiled.cap
        if cap == 0:
            return 0.0, True
        if spot.side is not None and self.is_where_it_was(form):
            return float(spot.side is Side.EXTRACTED), True
        cohort = route.cohort or route.name
        is_placed = cohort == form.cohort and self.source == form.source and spot.place != NO_PLACE
        share = route.share if route.flag is None else (self.served.share or 0) - self.served.held
        if is_placed and cap is not None and not _is_extracted(spot.place, cap):
            return 0.0, True
        if is_placed and route.flag is None:
            return float(_is_extracted(spot.place, share)), True
        # Because a key that is known to be within the cap is as likely to be extracted as without one.
        most = FULL_SHARE if cap is None or is_placed else cap
        return min(share, most) / FULL_SHARE, False

    def is_where_it_was(self, form: Form) -> bool:
        """Return whether a request of the form is where its flag sent it, if that is known."""
        is_route = self.route is not None and self.route.cap is None and self.route.route.name == form.route
        return is_route and self.is_recorded

    def odds_by_same_flag(self, old: "_Found", spot: Spot) -> tuple[float, bool]:
        """Return the odds of a request of which the side is known, if only what is held back is another part."""
        less = old.served.held - self.served.held
        if spot.is_held and less > 0:
            return less / old.served.held, self.served.held == 0
        if spot.side is Side.EXTRACTED and less < 0:
            return 1 + less / ((old.served.share or 0) - old.served.held), False
        return float(spot.side is Side.EXTRACTED), True


class _View:
    """One set of routes as forms are looked up in it."""

    def __init__(
        self, snapshot: Snapshot, served: Mapping[str, Served], recorded: Config, *, is_recorded: bool
    ) -> None:
        self._snapshot = snapshot
        self._served = served
        self._is_recorded = is_recorded
        self._places = {one.name: frozenset(one.addresses) for one in snapshot.config.upstreams}
        self._sources = sources_of(recorded).keys()
        known = fields_of(recorded)
        self._names = {name for name, _ in known}
        self._unknown = tuple(sorted(fields_of(snapshot.config) - known))
        self._found: dict[Form, _Found] = {}

    def find(self, form: Form) -> _Found:
        """Return what there is for a form."""
        found = self._found.get(form)
        if found is None:
            found = self._found[form] = self._find(form)
        return found

    def _find(self, form: Form) -> _Found:
        indexes = self._indexes(form, form.fields)
        is_uncertain = bool(self._unknown) and indexes != self._indexes(form, self._perhaps(form))
        if len(indexes) > 1:
            return _Found(route=None, places={}, is_refused=True, is_uncertain=is_uncertain)
        index = next(iter(indexes), None)
        if index is None:
            default = {Side.LEGACY: self._places[self._snapshot.config.default_upstream]}
            return _Found(route=None, places=default, is_uncertain=is_uncertain)
        compiled = self._snapshot.routes[index]
        route = compiled.route
        return _Found(
            route=compiled,
            places={
                side: self._places[name]
                for side, name in ((Side.LEGACY, route.legacy), (Side.EXTRACTED, route.extracted))
                if name is not None
            },
            served=self._served.get(route.name, _NOTHING),
            is_refused=self._lacks_key(route, form),
            is_uncertain=is_uncertain,
            is_recorded=self._is_recorded,
            source="" if route.extracted is None else self._source(route, form),
        )

    def _indexes(self, form: Form, fields: tuple[tuple[str, str], ...]) -> frozenset[int]:
        """Return the routes that readings of the path are for; more than one is refused."""
        paths = form.paths if self._snapshot.config.strict_paths else form.paths[:1]
        found = (self._snapshot.table.find(form.host, path, form.method, fields) for path in paths)
        return frozenset(index for index in found if index is not None)

    def _perhaps(self, form: Form) -> tuple[tuple[str, str], ...]:
        """Return the fields of a form, with all those that its requests may have had, for all that is known."""
        held = {name for name, _ in form.fields}
        return (*form.fields, *(field for field in self._unknown if field[0] not in self._names or field[0] in held))

    def _lacks_key(self, route: Route, form: Form) -> bool:
        rules = route.idempotency
        if rules is None or not rules.is_required or form.method in _READS or rules.header not in self._names:
            return False
        return all(name != rules.header for name, _ in form.fields)

    def _source(self, route: Route, form: Form) -> str | None:
        for source in route.identity:
            name = label(source)
            if name in form.sources or source.kind is SourceKind.ASSIGNED:
                return name
            if name not in self._sources:
                return None
        return ""


def _compare(effect: Effect, row: Row, old: _Found, new: _Found) -> None:
    is_same = old.route is not None and new.route is not None and _is_same(old, new)
    if is_same and old.places == new.places and _rules(old) == _rules(new):
        return
    is_one_draw = old.route is not None and new.route is not None and _draw(old) == _draw(new)
    # Because a request knows the stage of the flag that decided it, what another one would say is not known.
    stage = row.form.stage if _flag(old) == _flag(new) else None
    groups = tuple(row.groups((*old.cuts(), *new.cuts())))
    whole = row.requests / sum(count for _, count in groups)
    for spot, count in groups:
        each = whole * count
        p_old, is_exact = old.odds(spot, row.form)
        if is_same:
            p_new, is_exact_too = p_old, is_exact
        elif is_one_draw and spot.side is not None and old.is_where_it_was(row.form):
            p_new, is_exact_too = new.odds_by_same_flag(old, spot)
        else:
            p_new, is_exact_too = new.odds(spot, row.form)
        # Because one and the same draw decides, a raised share takes nobody back; two draws are of one another free.
        to_extracted = max(p_new - p_old, 0.0) if is_one_draw else (1 - p_old) * p_new
        to_legacy = max(p_old - p_new, 0.0) if is_one_draw else p_old * (1 - p_new)
        effect.to_extracted += each * to_extracted
        effect.to_legacy += each * to_legacy
        if not (is_exact and is_exact_too):
            effect.estimated += each * (to_extracted + to_legacy)
        for side, stays in ((Side.EXTRACTED, p_old - to_legacy), (Side.LEGACY, 1 - p_old - to_extracted)):
            effect.upstream += each * stays * _elsewhere(old.places.get(side), new.places.get(side))
        gained = _shadowed(new, p_new, row.form.method, stage) - _shadowed(old, p_old, row.form.method, row.form.stage)
        effect.shadow_gained += each * max(gained, 0.0)
        effect.shadow_lost += each * max(-gained, 0.0)


def _rules(found: _Found) -> object:
    return None if found.route is None else found.route.rules


def _flag(found: _Found) -> str | None:
    return None if found.route is None else found.route.route.flag


def _is_same(one: _Found, other: _Found) -> bool:
    """Return whether both send each request to the same side, whichever that is."""
    assert one.route is not None and other.route is not None
    if one.route.fixed is not None and other.route.fixed is not None:
        return one.route.fixed.side is other.route.fixed.side
    is_share = one.route.route.share == other.route.route.share and one.served == other.served
    return is_share and _draw(one) == _draw(other)


def _draw(found: _Found) -> object:
    """Return what decides the side of a key, but for the share and what is held back of it."""
    assert found.route is not None
    route = found.route.route
    # Because a flag whose values are the upstreams' names serves another share, or none, once they have others.
    meant = found.served.share if found.served.share is not None else (route.legacy, route.extracted)
    by_flag = None if route.flag is None else (route.flag, route.attributes, meant)
    has_cohort = route.flag is None or found.route.cap is not None
    cohort = route.cohort or route.name if has_cohort else ""
    return route.extracted is None, route.identity, found.route.cap, cohort, by_flag


def _elsewhere(before: frozenset[Address] | None, after: frozenset[Address] | None) -> float:
    """Return the part of a side's addresses that it does not have now; each is asked as often as any other."""
    return 0.0 if before is None or not after else len(after - before) / len(after)


def _shadowed(found: _Found, odds: float, method: str, stage: Stage | None) -> float:
    """Return how likely the other side is asked as well."""
    rules = None if found.route is None else found.route.rules
    if found.route is None or rules is None:
        return 0.0
    asks, sample = (compares, rules.sample) if method in _READS else (doubles, FULL_SHARE)
    known = None if found.route.route.flag is None else stage
    both = (1 - odds) * asks(rules, Side.LEGACY, known) + odds * asks(rules, Side.EXTRACTED, known)
    return both * sample / FULL_SHARE


def _is_extracted(place: int, share: int) -> bool:
    """Return whether a place of one basis point's width is on the extracted side."""
    return side_at((place + 0.5) / FULL_SHARE, share) is Side.EXTRACTED
