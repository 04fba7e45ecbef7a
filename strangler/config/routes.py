"""From text to routes, each read with what the file says about upstreams and defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from strangler.config import kinds, units
from strangler.config.keys import DEFAULTS, MATCH, ROUTE
from strangler.config.keys_upstreams import TIMEOUTS
from strangler.config.kind import text_of
from strangler.config.reading import At, nearest, show, show_key
from strangler.config.rollback import read_idempotency, read_rollback
from strangler.config.sections import Found
from strangler.config.shadow import read_default_shadow, read_shadow
from strangler.config.sources import DEFAULT_COOKIE
from strangler.core.model import (
    FULL_SHARE,
    Attribute,
    Fallback,
    HostRule,
    Match,
    Route,
    Side,
    Source,
    SourceKind,
    Timeouts,
)
from strangler.core.pattern import parse_template
from strangler.core.rules import Rollback
from strangler.core.shadowing import Shadow

DEFAULT_IDENTITY = (
    Source(kind=SourceKind.HEADER, name="x-user-id"),
    Source(kind=SourceKind.JWT, name="sub"),
    Source(kind=SourceKind.COOKIE, name="session"),
    Source(kind=SourceKind.ASSIGNED, name=DEFAULT_COOKIE),
)
"""From the surest to the weakest sign of one caller; the assigned cookie makes sure that there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a route has unless it says otherwise."""

    identity: tuple[Source, ...] = DEFAULT_IDENTITY
    attributes: tuple[Attribute, ...] = ()
    host: tuple[HostRule, str] = (HostRule.PRESERVE, "")
    timeouts: Timeouts
    fallback: Fallback = Fallback.SAFE
    rollback: Rollback | None = field(default_factory=Rollback)
    shadow: Shadow = field(default_factory=Shadow)
    """For routes that shadow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A route that was read, where it stands, and whether all of it can be relied on."""

    route: Route
    found: Found
    is_matchable: bool
    """Whether its match has no fault."""
    is_sound: bool
    """Whether nothing of it has."""


def read_timeouts(at: At | None, otherwise: Timeouts) -> Timeouts:
    """Return timeouts; what the file leaves out is as in `otherwise`."""
    if at is None:
        return otherwise
    found = Found(at, TIMEOUTS)
    return Timeouts(
        connect_s=found.take("connect", kinds.DURATION, otherwise.connect_s),
        response_s=found.take("response", kinds.DURATION, otherwise.response_s),
        idle_s=found.take("idle", kinds.DURATION, otherwise.idle_s),
        total_s=found.take("total", kinds.DURATION_OR_OFF, otherwise.total_s),
    )


def read_defaults(at: At | None, timeouts: Timeouts) -> Defaults:
    """Return what routes have unless they say otherwise."""
    defaults = Defaults(timeouts=timeouts)
    if at is None:
        return defaults
    found = Found(at, DEFAULTS)
    return Defaults(
        identity=found.take("identity", kinds.IDENTITY, defaults.identity),
        attributes=found.take("attributes", kinds.ATTRIBUTES, ()),
        host=found.take("host", kinds.HOST_RULE, defaults.host),
        timeouts=read_timeouts(found.get("timeouts"), timeouts),
        fallback=found.take("fallback", kinds.FALLBACK, defaults.fallback),
        rollback=read_rollback(found.get("rollback"), defaults.rollback),
        shadow=read_default_shadow(found.get("shadow")),
    )


def read_routes(at: At | None, *, upstreams: tuple[str, ...], default: str, defaults: Defaults) -> tuple[Draft, ...]:
    """Return every route that has a name and a path, in the file's order."""
    if at is None:
        return ()
    drafts = (_draft(item, upstreams, default, defaults) for item in at.items(may_be_empty=True))
    return tuple(draft for draft in drafts if draft is not None)


def _draft(at: At, upstreams: tuple[str, ...], default: str, defaults: Defaults) -> Draft | None:
    before = at.report.count
    found = Found(at, ROUTE)
    name = found.take("name", kinds.NAMED, None)
    before_match = at.report.count
    match = _match(found.get("match"))
    is_matchable = match is not None and at.report.count == before_match
    legacy = _upstream(found, "legacy", upstreams) or default
    extracted = _upstream(found, "extracted", upstreams)
    host, host_value = found.take("host", kinds.HOST_RULE, defaults.host)
    route = Route(
        name=name or "",
        match=match or Match(path="/"),
        legacy=legacy,
        extracted=extracted,
        flag=found.take("flag", kinds.FLAG, None),
        share=_share(found, legacy, extracted),
        cohort=found.take("cohort", kinds.NAMED, ""),
        identity=found.take("identity", kinds.IDENTITY, defaults.identity),
        attributes=found.take("attributes", kinds.ATTRIBUTES, defaults.attributes),
        host=host,
        host_value=host_value,
        timeouts=read_timeouts(found.get("timeouts"), defaults.timeouts),
        fallback=found.take("fallback", kinds.FALLBACK, defaults.fallback),
        rollback=_rollback(found, extracted, defaults),
        shadow=read_shadow(
            found, extracted=extracted, methods=match.methods if match else (), otherwise=defaults.shadow
        ),
        idempotency=read_idempotency(found.get("idempotency")),
        max_body_bytes=found.take("max_body", kinds.SIZE_OR_OFF, None),
        line=at.node.place.line,
    )
    _check_sides(found, route)
    is_sound = at.report.count == before
    return None if name is None else Draft(route=route, found=found, is_matchable=is_matchable, is_sound=is_sound)


def _rollback(found: Found, extracted: str | None, defaults: Defaults) -> Rollback | None:
    """Return the rules of a route, which guard nothing on one that is not split."""
    at = found.get("rollback")
    rules = read_rollback(at, defaults.rollback)
    if extracted is not None:
        return rules
    if at is not None and rules is not None and found.get("extracted") is None:
        at.fault("`rollback` guards a route that names no extracted service", "Add `extracted: UPSTREAM`")
    return None


def _match(at: At | None) -> Match | None:
    if at is None:
        return None
    found = Found(at, MATCH)
    path = found.take("path", kinds.TEXT, None)
    match = Match(
        path=path or "/",
        methods=tuple(sorted(found.take("methods", kinds.METHOD_LIST, ()))),
        hosts=found.take("hosts", kinds.HOSTS, ()),
        headers=found.take("headers", kinds.HEADERS, ()),
    )
    if path is None:
        return None
    try:
        parse_template(path)
    except ValueError as error:
        message, _, remedy = str(error).partition("; ")
        remedy = remedy or "write a path such as `/api/users/{id}` or `/files/{rest...}`"
        (found.get("path") or at).fault(message, remedy[0].upper() + remedy[1:])
        return None
    return match


def _upstream(found: Found, key: str, upstreams: tuple[str, ...]) -> str | None:
    at = found.get(key)
    name = None if at is None else text_of(at)
    if at is None or name is None:
        return None
    if name not in upstreams:
        at.fault(f"there is no upstream {show(name)}", lambda: nearest(name, upstreams))
        return None
    return name


def _share(found: Found, legacy: str, extracted: str | None) -> int:
    given = [at for at in map(found.get, ("flag", "share", "split")) if at is not None]
    for at in given[1:]:
        at.fault("more than one of `flag`, `share` and `split` says how far the route has come", "Keep one")
    share = found.take("share", kinds.SHARE, 0)
    split = found.get("split")
    if split is None:
        return share
    # An upstream's name wins over the words, as it does in the values of flags (core.shares).
    sides = {side.value: side for side in Side} | {legacy: Side.LEGACY}
    if extracted is not None:
        sides[extracted] = Side.EXTRACTED
    return _read_split(split, sides)


def _read_split(at: At, sides: Mapping[str, Side]) -> int:
    before = at.report.count
    shares: dict[Side, int] = {}
    for entry, value in at.entries():
        side = sides.get(entry.key)
        if side is None:
            message = f"{show_key(entry.key)} is no side of this route"
            at.report.add(entry.place, value.where, message, nearest(entry.key, tuple(sides)))
            continue
        points = kinds.SHARE.read(value)
        if side in shares:
            at.report.add(entry.place, value.where, f"a second share for the {side} side", "Write one for each side")
        elif points is not None:
            shares[side] = points
    if at.report.count > before:
        return 0
    if len(shares) < len(Side):
        at.fault("a split names both sides", "Write `{legacy: 75%, extracted: 25%}`")
    elif (total := sum(shares.values())) != FULL_SHARE:
        at.fault(f"the split sums to {units.percent(total)}", "Make it 100%")
    return shares.get(Side.EXTRACTED, 0)


def _check_sides(found: Found, route: Route) -> None:
    extracted = found.get("extracted")
    if extracted is None:
        for key in ("flag", "share", "split"):
            if (at := found.get(key)) is not None:
                at.fault(f"`{key}` splits a route that names no extracted service", "Add `extracted: UPSTREAM`")
    elif route.extracted == route.legacy:
        message = f"both sides are {show(route.legacy)}, so nothing is split"
        extracted.fault(message, "Name the service that replaces it")
