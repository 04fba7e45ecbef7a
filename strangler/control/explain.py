"""Explaining: where a request would go and why, without sending it."""

import msgspec

from strangler.control.api import Question
from strangler.core.decide import Reason, decide
from strangler.core.snapshot import Snapshot
from strangler.errors import UsageError

WHY = {
    Reason.UNROUTED: "No route names this request, so the monolith answers.",
    Reason.NOT_SPLIT: "The route names no extracted service, so the monolith answers.",
    Reason.SHARE: "The route's own share and this key's bucket decided.",
    Reason.FLAG_OFF: "The flag is off.",
    Reason.FLAG_TARGET: "The flag names this key.",
    Reason.FLAG_RULE: "A rule of the flag fits this key.",
    Reason.FLAG_FALLTHROUGH: "The flag's default rule, usually its percentage, decided.",
    Reason.FLAG_MISSING: "There is no such flag, so the monolith answers.",
    Reason.FLAG_INVALID: "The flag's value names no side, or its definition is broken, so the monolith answers.",
    Reason.FLAGS_NOT_READY: "The flags were never reached, so the monolith answers.",
    Reason.NO_IDENTITY: "The request carries no key to split by, so the monolith answers.",
}


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `POST /api/v1/explain`."""

    route: str | None
    side: str
    upstream: str
    reason: str
    why: str
    flag: str | None
    is_assigned: bool
    """Whether the client would be given a key of our own, so that another one may go elsewhere."""
    generation: int


def explain(snapshot: Snapshot, question: Question) -> Explanation:
    """Return what `snapshot` decides for a request from this machine."""
    try:
        method, target = question.method.upper().encode("ascii"), question.target.encode("ascii")
        headers = [(name.lower().encode("ascii"), value.encode()) for name, value in question.headers]
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{error.object!r} cannot stand in a request as it is; percent-encode it (RFC 3986)."
        ) from error
    if not target.startswith(b"/"):
        raise UsageError(f"The path must begin with a slash, not {question.target!r}.")
    host = next((value for name, value in headers if name == b"host"), b"localhost")
    choice = decide(
        snapshot,
        method=method,
        target=target,
        host=host,
        headers=headers,
        peer="127.0.0.1",
        spare_key="explain",
    )
    decision = choice[0]
    route = decision.route
    return Explanation(
        route=None if route is None else route.name,
        side=decision.side.value,
        upstream=decision.upstream,
        reason=decision.reason.value,
        why=WHY[decision.reason],
        flag=None if route is None else route.flag,
        is_assigned=bool(choice[1]),
        generation=snapshot.generation,
    )
