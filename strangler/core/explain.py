"""Explaining: the same decision as the data plane's, with the steps that led to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from strangler.core.decide import Reason, find, judge
from strangler.core.model import Side
from strangler.core.normalise import normal
from strangler.core.snapshot import Snapshot
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
        return _fixed(snapshot, path)
    route = compiled.route
    if compiled.fixed is not None:
        return _fixed(snapshot, path, compiled.fixed.side, compiled.fixed.reason, compiled.fixed.upstream, route.name)
    side, reason, stage, key, source, assigned = judge(
        compiled, snapshot.flags, headers=headers, target=target, peer=peer, spare_key=spare_key
    )
    by_share = route.flag is None and bool(key)
    return Explanation(
        path=path,
        route=route.name,
        template=route.match.path,
        flag=route.flag or "",
        share=route.share if route.flag is None else None,
        identity="" if source is None else f"{source.kind} {source.name}".strip(),
        key_digest=sha256(key.encode()).hexdigest()[:8] if key and not assigned else "",
        place=place(route.cohort or route.name, key) if by_share else None,
        side=side,
        reason=reason,
        upstream=compiled.decision(side, reason, stage).upstream,
        generation=snapshot.generation,
    )


def _fixed(
    snapshot: Snapshot,
    path: str,
    side: Side = Side.LEGACY,
    reason: Reason = Reason.UNROUTED,
    upstream: str = "",
    name: str = "",
) -> Explanation:
    route = next((route for route in snapshot.config.routes if route.name == name), None)
    return Explanation(
        path=path,
        route=name,
        template="" if route is None else route.match.path,
        flag="",
        share=None if route is None or route.extracted is None else route.share,
        identity="",
        key_digest="",
        place=None,
        side=side,
        reason=reason,
        upstream=upstream or snapshot.config.default_upstream,
        generation=snapshot.generation,
    )
