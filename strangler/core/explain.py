"""Explaining: the same decision as the data plane's, with the steps that led to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from strangler.core.decide import Decision, Reason, find, judge
from strangler.core.fallback import SAFE
from strangler.core.migration import Stage, doubles
from strangler.core.model import Side
from strangler.core.normalise import normal
from strangler.core.offer import READS
from strangler.core.snapshot import CompiledRoute, Snapshot
from strangler.core.split import place


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a request goes where it goes; the key itself is not part of it."""

    path: str
    """The path in the normal form that routes are matched on."""
    route: str
    """Empty when no route names the request."""
    template: str
    flag: str
    share: int | None
    """The route's own share in basis points, if it decides."""
    identity: str
    """The source that the key was read from, e.g. `header x-user-id`; empty when no key was needed or found."""
    key_digest: str
    """The first eight digits of the key's SHA-256; empty for one that was just assigned."""
    place: float | None
    """The key's place in the cohort, if the route's own share decides."""
    side: Side
    reason: Reason
    upstream: str
    stage: Stage | None
    """What the route's migration flag says; None where it has no such flag, or it was not asked."""
    read: tuple[str, ...]
    """The upstreams that a read is asked of: whose answer the client gets, then who is asked to compare.

    Empty where the route takes no reads; and so `write`.
    """
    write: tuple[str, ...]
    """The upstreams that a write goes to, in order, each only if the one before has carried it out."""
    is_undeclared: bool
    """Whether stage or mode would send a write on, and the route does not declare its writes."""
    sample: int
    """Basis points of such reads that are compared."""
    check_ratio: int | None
    """Of those, how many there are to one that is compared, by the word of a migration flag; None without one."""
    generation: int


def explain(
    snapshot: Snapshot,
    *,
    method: bytes,
    target: bytes,
    host: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    peer: str,
    spare_key: str,
) -> Explanation:
    """Return the decision for a request and how it came about; `spare_key` is as in `decide`.

    A client without an identity that would be assigned a key is explained as one that was just assigned that one.
    """
    compiled = find(snapshot, method=method, target=target, host=host, headers=headers)
    path = normal(target)
    if compiled is None:
        return _explained(snapshot, path, snapshot.unrouted)
    route = compiled.route
    if compiled.fixed is not None:
        share = None if route.extracted is None else route.share
        return _explained(snapshot, path, compiled.fixed, compiled, share=share)
    side, reason, stage, key, source, assigned = judge(
        compiled, snapshot.flags, headers=headers, target=target, peer=peer, spare_key=spare_key
    )
    by_share = route.flag is None and bool(key)
    return _explained(
        snapshot,
        path,
        compiled.decision(side, reason, stage),
        compiled,
        flag=route.flag or "",
        share=route.share if route.flag is None else None,
        identity="" if source is None else f"{source.kind} {source.name}".strip(),
        key_digest=sha256(key.encode()).hexdigest()[:8] if key and not assigned else "",
        where=place(route.cohort or route.name, key) if by_share else None,
    )


def _explained(
    snapshot: Snapshot,
    path: str,
    decision: Decision,
    compiled: CompiledRoute | None = None,
    *,
    flag: str = "",
    share: int | None = None,
    identity: str = "",
    key_digest: str = "",
    where: float | None = None,
) -> Explanation:
    route, side, stage = decision.route, decision.side, decision.stage
    rules = None if compiled is None else compiled.rules
    other: tuple[str, ...] = ()
    if route is not None and route.extracted is not None:
        other = (route.extracted if side is Side.LEGACY else route.legacy,)
    methods = () if route is None else tuple(method.encode("ascii") for method in route.match.methods)
    takes_reads = not methods or not READS.isdisjoint(methods)
    takes_writes = not methods or not SAFE.issuperset(methods)
    ratio = snapshot.flags.check_ratio(flag) if flag and stage is not None else None
    # Because a kill switch has writes listed instead of sent.
    is_doubled = decision.writes is not None and decision.reason is not Reason.KILLED
    is_compared = decision.shadow is not None and decision.shadow.sample > 0 and ratio != 0
    return Explanation(
        path=path,
        route="" if route is None else route.name,
        template="" if route is None else route.match.path,
        flag=flag,
        share=share,
        identity=identity,
        key_digest=key_digest,
        place=where,
        side=side,
        reason=decision.reason,
        upstream=decision.upstream,
        stage=stage,
        read=(decision.upstream, *(other if is_compared else ())) if takes_reads else (),
        write=(decision.upstream, *(other if is_doubled else ())) if takes_writes else (),
        is_undeclared=takes_writes
        and rules is not None
        and not rules.writes
        and doubles(replace(rules, writes=True), side, stage),
        sample=decision.shadow.sample if decision.shadow is not None else 0,
        check_ratio=ratio,
        generation=snapshot.generation,
    )
