"""Explaining: the answer of `POST /api/v1/explain`, where a request would go and why, without sending it."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from strangler.control.statusapi import Question
from strangler.core.decide import Reason, find
from strangler.core.explain import explain
from strangler.core.fallback import SAFE
from strangler.core.idempotency import KeyFault, read_key
from strangler.core.problem import Problem, RefusedError
from strangler.core.readings import is_bad
from strangler.core.snapshot import Snapshot
from strangler.errors import UsageError

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_KEPT = "Unless this key was seen before: a repetition keeps its first side."
"""Because only the workers' book of keys knows which were."""

WHY = {
    Reason.UNROUTED: "No route names this request, so the monolith answers.",
    Reason.NOT_SPLIT: "The route names no extracted service, so the monolith answers.",
    Reason.SHARE: "The route's own share and this key's bucket decided.",
    Reason.FLAG_OFF: "The flag is off.",
    Reason.FLAG_TARGET: "The flag names this key.",
    Reason.FLAG_RULE: "A rule of the flag fits this key.",
    Reason.FLAG_FALLTHROUGH: "The flag's default rule, usually its percentage, decided.",
    Reason.FLAG_MISSING: "There is no such flag, so the monolith answers.",
    Reason.FLAG_INVALID: (
        "The flag's value names no side, its definition is broken, or its patterns took too long, "
        "so the monolith answers."
    ),
    Reason.FLAGS_NOT_READY: "The flags were never reached, so the monolith answers.",
    Reason.NO_IDENTITY: "The request carries no key to split by, so the monolith answers.",
    Reason.KILLED: "The kill switch is on, so the monolith answers everything.",
    Reason.TRIPPED: "The route's guard took the traffic back, so the monolith answers.",
    Reason.PROBING: "The route's guard lets a small share of keys back, and this key is not among them.",
    Reason.HOLD_BACK: "The flag gives everything away; this key stays on the monolith, to compare with.",
    Reason.KEPT: "The request repeats a write, so it goes where its first try went.",
    Reason.FALLBACK: "The extracted side failed, so the monolith answers.",
}


def answer(snapshot: Snapshot, question: Question) -> Mapping[str, Any]:
    """Return what `snapshot` decides for a request from this machine, with the reason in words."""
    try:
        method, target = question.method.upper().encode("ascii"), question.target.encode("ascii")
        headers = tuple((name.encode("ascii"), value.encode()) for name, value in question.headers)
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{error.object!r} cannot stand in a request as it is; percent-encode it (RFC 3986)."
        ) from error
    if not _METHOD.fullmatch(question.method):
        raise UsageError(f"{question.method!r} is no method; write one such as GET or POST.")
    if not target.startswith(b"/"):
        raise UsageError(f"The path must begin with a slash, not {question.target!r}.")
    host = next((value for name, value in headers if name.lower() == b"host"), b"localhost")
    if is_bad(target):
        raise UsageError(f"The path is refused with 400: {Problem.BAD_TARGET.value.detail}")
    try:
        found = explain(
            snapshot,
            method=method,
            target=target,
            host=host,
            headers=headers,
            peer="127.0.0.1",
            spare_key=secrets.token_hex(16),
        )
    except RefusedError as error:
        raise UsageError(f"The path is refused with 400: {error.problem.value.detail}") from error
    why = WHY[found.reason]
    compiled = find(snapshot, method=method, target=target, host=host, headers=headers)
    if compiled is not None and compiled.route.idempotency is not None and method not in SAFE:
        is_keyed = not isinstance(read_key(headers, compiled.key_header), KeyFault)
        why = f"{why} {_KEPT}" if is_keyed else why
    return {**asdict(found), "why": why}
