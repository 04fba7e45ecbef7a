"""Deciding: which side answers one request, and why.

A decision reads one snapshot and nothing else, so a reload or a flag change never splits a request between two truths.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from sys import maxsize
from typing import TYPE_CHECKING, Protocol

from strangler.core.identity import read_attributes, read_key
from strangler.core.migration import SIDES, Stage
from strangler.core.model import Route, Side, Source, SourceKind, Timeouts
from strangler.core.normalise import normal
from strangler.core.problem import Problem, RefusedError
from strangler.core.readings import is_deep, is_odd, others
from strangler.core.shadowing import Shadow
from strangler.core.shares import FINISHED, side_of
from strangler.core.split import place
from strangler.core.split import side as side_at

if TYPE_CHECKING:
    from strangler.core.snapshot import CompiledRoute, Snapshot


class Reason(StrEnum):
    """Why a request went where it went. A closed set: log field, metric label, header value."""

    UNROUTED = "unrouted"
    """No route names it; the monolith answers."""
    NOT_SPLIT = "not_split"
    """The route names no extracted service."""
    SHARE = "share"
    """The route's own share and the key's bucket decided."""
    FLAG_OFF = "flag_off"
    FLAG_TARGET = "flag_target"
    """The flag names this key."""
    FLAG_RULE = "flag_rule"
    FLAG_FALLTHROUGH = "flag_fallthrough"
    """The flag's default rule, usually its percentage, decided."""
    FLAG_MISSING = "flag_missing"
    """There is no such flag; the monolith answers."""
    FLAG_INVALID = "flag_invalid"
    """The flag's value names no side, its definition is broken, or a pattern took too long; the monolith answers."""
    FLAGS_NOT_READY = "flags_not_ready"
    """The flag service was never reached; the monolith answers."""
    NO_IDENTITY = "no_identity"
    """The request carries no key to split by; the monolith answers."""
    KILLED = "killed"
    """The kill switch is on; the monolith answers everything."""
    TRIPPED = "tripped"
    """The route's guard took the traffic back; the monolith answers."""
    PROBING = "probing"
    """The guard lets a small share of keys back; this key is not among them."""
    HOLD_BACK = "hold_back"
    """The flag gives everything to the extracted side, and this key stays as what it is compared with."""
    KEPT = "kept"
    """The request repeats a write by its idempotency key; it goes where its first try went."""
    FALLBACK = "fallback"
    """The extracted side failed before the client saw anything of its answer; the monolith answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Where one request goes. There is one value per route, side, reason and stage, made when it is first needed."""

    route: Route | None
    """None when no route names the request."""
    side: Side
    reason: Reason
    upstream: str
    slot: int
    """Index of the (route, side) pair's counters in this snapshot."""
    timeouts: Timeouts
    """How long to wait on the upstream."""
    patience_s: float
    """The shortest time after which something may be too late; only then it is looked which."""
    sets_host: bool = False
    """Whether the upstream sees another Host than the client's."""
    max_body_bytes: int = maxsize
    """The largest body of a request."""
    failing: frozenset[int] | None = None
    """The statuses that are the side's failures by the route's own word; None for all from 500."""
    stage: Stage | None = None
    """What the route's migration flag says for this key; None where it has no such flag, or that is not known."""
    shadow: Shadow | None = None
    """How the other side is asked as well; None where it is not. Reads only."""
    writes: Shadow | None = None
    """How a write that this side answers goes to the other side afterwards; None where it does not, which is
    everywhere that the route does not declare it. One that must not be sent for another reason is listed."""
    keyed: "CompiledRoute | None" = None
    """The route, if its writes are told apart from their repetitions."""
    instead: "Decision | None" = None
    """Where the request may go when this side fails it; None where nobody else may answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a flag says for one key: `value` is None when `reason` already settles it for the monolith."""

    value: bool | str | None
    reason: Reason
    stage: Stage | None = None
    """Of a migration flag; `off`, LaunchDarkly's default, where its value is no stage."""


class Flags(Protocol):
    """One generation of flags; `flags` provides it."""

    def place(self, flag: str, key: str) -> float:
        """Return the key's place in 0..1 in the flag's percentage; the monolith's keys are the lower ones."""

    def evaluate(self, flag: str, key: str, attributes: tuple[tuple[str, str], ...]) -> Evaluation:
        """Return what `flag` says for `key`, the same for the same arguments; never raises and never waits."""

    def check_ratio(self, flag: str) -> int | None:
        """Return of how many reads one is compared (`checkRatio`, 0 for none); None unless it is a migration flag."""


_METHODS = {method.encode("ascii"): method for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}

_HOST_KEPT = 260
"""Bytes of a Host up to which its plain form is remembered: 253 of a name (RFC 1035 section 2.3.4), a dot and a port.

A header block's worth each, strangers could make a worker keep 60 MB.
"""

Choice = tuple[Decision, str]
"""A decision, and the key to set as the assigned cookie: empty when the client has one, or needs none.

Because one is made for each request, it is a plain tuple, and so is a verdict.
"""

Verdict = tuple[Side, Reason, Stage | None, str, Source | None, str]
"""How a route that is really split comes to its side: side, reason, stage, key, the key's source, the key to assign."""


def decide(
    snapshot: "Snapshot",
    method: bytes,
    target: bytes,
    host: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    peer: str,
    spare_key: str,
) -> Choice:
    """Return where a request goes and why; `spare_key` is the key for a client that has none yet.

    `target` is in origin form, `host` the Host as sent, `headers` as sent, `peer` the client's address. Because calls
    by name cost twice as much, those on the straight path can be called by position.
    """
    route = find(snapshot, method, target, host, headers)
    if route is None:
        return snapshot.unrouted, ""
    if route.fixed is not None:
        return route.fixed, ""
    side, reason, stage, _, _, assigned = judge(route, snapshot.flags, headers, target, peer, spare_key)
    return route.decision(side, reason, stage), assigned


def find(
    snapshot: "Snapshot", method: bytes, target: bytes, host: bytes, headers: Sequence[tuple[bytes, bytes]]
) -> "CompiledRoute | None":
    """Return the route that a request is for, or None; raise RefusedError where servers read its path as two routes."""
    table = snapshot.table
    fields: tuple[tuple[str, str], ...] = ()
    if table.header_names:
        lowered = ((name.lower().decode("latin-1"), value.decode("latin-1")) for name, value in headers)
        fields = tuple(field for field in lowered if field[0] in table.header_names)
    name = "" if not table.has_hosts else _known_host(host) if len(host) <= _HOST_KEPT else plain_host(host)
    path = normal(target)
    verb = _METHODS.get(method) or method.decode("latin-1")
    index = table.find(name, path, verb, fields)
    # Because a path in normal form has the length of its target and no escape, most are known for plain by that.
    if (len(path) != len(target) or "%" in path) and snapshot.config.strict_paths and is_odd(target):
        if is_deep(target):
            raise RefusedError(Problem.AMBIGUOUS_PATH)
        found = {route for other in others(target) if (route := table.find(name, other, verb, fields)) is not None}
        if index is not None:
            found.add(index)
        if len(found) > 1:
            raise RefusedError(Problem.AMBIGUOUS_PATH)
        index = next(iter(found), None)
    return None if index is None else snapshot.routes[index]


def plain_host(host: bytes) -> str:
    """Return a Host without its port and a final dot, lower case, as routes name it."""
    text = host.decode("latin-1").lower()
    if text.endswith("]"):
        return text
    name, colon, port = text.rpartition(":")
    if colon and (port.isdigit() or not port):
        text = name
    return text.removesuffix(".")


_known_host = lru_cache(maxsize=1_024)(plain_host)


def judge(
    compiled: "CompiledRoute",
    flags: Flags,
    headers: Sequence[tuple[bytes, bytes]],
    target: bytes,
    peer: str,
    spare_key: str,
) -> Verdict:
    """Return the side of a route's request, by its key and the route's flag or share.

    Where a guard decides, a migration flag is asked all the same: its stage says what becomes of the other side.
    """
    route = compiled.route
    if compiled.cap == 0 and not _is_staged(route, flags):
        return (Side.LEGACY, compiled.closed, None, "", None, "")
    key, source = read_key(compiled.sources, headers, target, peer)
    assigned = ""
    if not key:
        source = next((source for source in route.identity if source.kind is SourceKind.ASSIGNED), None)
        if source is None:
            reason = compiled.closed if compiled.cap == 0 else Reason.NO_IDENTITY
            return (Side.LEGACY, reason, Stage.OFF if _is_staged(route, flags) else None, "", None, "")
        key = assigned = spare_key
    if compiled.cap is not None and side_at(place(route.cohort or route.name, key), compiled.cap) is Side.LEGACY:
        reason = Reason.PROBING if compiled.cap else compiled.closed
        return (Side.LEGACY, reason, _stage(compiled, flags, key, headers, target, peer), key, source, assigned)
    if route.flag is None:
        return (side_at(place(route.cohort or route.name, key), route.share), Reason.SHARE, None, key, source, assigned)
    attributes = read_attributes(compiled.attributes, headers, target, peer) if compiled.attributes else ()
    evaluation = flags.evaluate(route.flag, key, attributes)
    stage = evaluation.stage
    if evaluation.value is None:
        return (Side.LEGACY, evaluation.reason, stage, key, source, assigned)
    # Because a stage is LaunchDarkly's word, an upstream of the same name does not change what it means.
    named = side_of(evaluation.value, route.legacy, route.extracted or "") if stage is None else SIDES[stage]
    if named is None:
        return (Side.LEGACY, Reason.FLAG_INVALID, None, key, source, assigned)
    if (
        compiled.hold_back
        and named is Side.EXTRACTED
        and evaluation.reason is Reason.FLAG_FALLTHROUGH
        and evaluation.value != FINISHED
        and flags.place(route.flag, key) < compiled.hold_back
    ):
        return (Side.LEGACY, Reason.HOLD_BACK, stage, key, source, assigned)
    return (named, evaluation.reason, stage, key, source, assigned)


def _is_staged(route: Route, flags: Flags) -> bool:
    return route.flag is not None and flags.check_ratio(route.flag) is not None


def _stage(
    compiled: "CompiledRoute",
    flags: Flags,
    key: str,
    headers: Sequence[tuple[bytes, bytes]],
    target: bytes,
    peer: str,
) -> Stage | None:
    if not _is_staged(compiled.route, flags):
        return None
    assert compiled.route.flag is not None
    attributes = read_attributes(compiled.attributes, headers, target, peer)
    return flags.evaluate(compiled.route.flag, key, attributes).stage
