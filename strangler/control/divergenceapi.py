"""The admin API's part about writes on both sides: what is not on both, and mending it."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec

from strangler.control.answers import ProblemError, missing, problem
from strangler.control.divergencedesk import MOST_LISTED, DivergenceDesk
from strangler.control.dryrun import Prepared
from strangler.control.operations import Call, Operation, Role, Why, WithReason
from strangler.core.divergence import DivergenceKind
from strangler.core.divergence import Why as Reason
from strangler.core.model import Side

_MOST_HEADERS = 64

Found = TypeVar("Found")


class DivergenceQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which ones."""

    route: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_LISTED)] = 100
    after: str = ""
    """What `next` of the page before says."""


class RepairOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a write is sent once more, and what is known beyond the list."""

    reason: Why
    carried_out: bool = False
    """The side that was asked first has it; somebody looked."""
    headers: Annotated[tuple[tuple[str, str], ...], msgspec.Meta(max_length=_MOST_HEADERS)] = ()
    """Credentials to send it with; they are not stored."""


class DivergenceShort(msgspec.Struct, frozen=True, kw_only=True):
    """A write that is not on both sides, or perhaps not."""

    id: str
    at: float
    route: str
    kind: DivergenceKind
    why: Reason
    answered_by: Side
    lacking_on: Side
    answered: int
    """What the answering side said; 0 for nothing."""
    status: int
    """What the other side said; 0 for nothing."""
    method: str
    path: str
    request_id: str
    tries: int
    """Repairs that failed."""
    has_content: bool
    """Whether there was room for what is needed to send it again."""


class DivergenceList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of them, the oldest first, and how many there are in all."""

    open: int
    unlisted: int
    waiting: int | None
    """Writes that wait to be sent to the other side, of all routes; None while no comparer says so."""
    next: str | None
    divergences: tuple[DivergenceShort, ...]


class RequestShown(msgspec.Struct, frozen=True, kw_only=True):
    """What such a write was, without credentials."""

    host: str
    other_key: str
    trace: str
    has_body: bool
    body_bytes: int
    target: str
    headers: tuple[tuple[str, str], ...]
    key: str
    body: str
    is_base64: bool


class DivergenceShown(DivergenceShort, frozen=True, kw_only=True):
    """One of them with its request."""

    request: RequestShown | None
    """None where there was no room for it."""


class RepairDone(msgspec.Struct, frozen=True, kw_only=True):
    """How a repair went."""

    id: str
    is_carried_out: bool
    why: Reason | None
    status: int


class SettleDone(msgspec.Struct, frozen=True, kw_only=True):
    """What is off the list."""

    settled: str


def operations(desk: DivergenceDesk) -> tuple[Operation, ...]:
    """Return what can be seen of divergences and done to them."""
    return (
        Operation(
            method="GET",
            path="/api/v1/divergences",
            name="listDivergences",
            summary="Writes that are not on both sides, the oldest first, page by page.",
            role=Role.VIEWER,
            handler=lambda call: _catalogue(desk, call.query),
            query=DivergenceQuery,
            answer=DivergenceList,
            problems=(404, 409, 503),
        ),
        Operation(
            method="GET",
            path="/api/v1/divergences/{id}",
            name="getDivergence",
            summary="One of them with its request, redacted.",
            role=Role.VIEWER,
            handler=lambda call: _shown(desk, call),
            answer=DivergenceShown,
            problems=(409, 503),
        ),
        Operation(
            method="POST",
            path="/api/v1/divergences/{id}/reveal",
            name="revealDivergence",
            summary="One of them as it was sent, but for credentials; who looked is recorded.",
            role=Role.OPERATOR,
            change=lambda call: _found(desk.reveal(call.part("id"), call.body.reason, who=call.caller.name)),
            body=WithReason,
            answer=DivergenceShown,
            problems=(409, 503),
        ),
        Operation(
            method="POST",
            path="/api/v1/divergences/{id}/repair",
            name="repairDivergence",
            summary="Send it once more to the side that lacks it, with the key that it had.",
            role=Role.OPERATOR,
            change=lambda call: _repair(desk, call),
            body=RepairOrder,
            answer=RepairDone,
            problems=(409, 503),
        ),
        Operation(
            method="POST",
            path="/api/v1/divergences/{id}/settle",
            name="settleDivergence",
            summary="Take it off the list: it was repaired by hand, or does not matter.",
            role=Role.OPERATOR,
            change=lambda call: _found(desk.settle(call.part("id"), call.body.reason, who=call.caller.name)),
            body=WithReason,
            answer=SettleDone,
            problems=(409, 503),
        ),
    )


def _catalogue(desk: DivergenceDesk, query: DivergenceQuery) -> Mapping[str, Any]:
    if query.route is not None and query.route not in (known := desk.routes()):
        lacks = "is in the routes file, and no write of one is listed"
        raise missing("route", query.route, known, code="route_missing", lacks=lacks)
    return desk.catalogue(route=query.route, after=query.after, limit=query.limit)


def _repair(desk: DivergenceDesk, call: Call) -> Prepared:
    order = call.body
    return _found(
        desk.repair(
            call.part("id"),
            order.reason,
            who=call.caller.name,
            is_carried_out=order.carried_out,
            headers=order.headers,
        )
    )


async def _shown(desk: DivergenceDesk, call: Call) -> Mapping[str, Any]:
    return _found(await desk.show(call.part("id")))


def _found(found: Found | None) -> Found:
    if found is None:
        detail = "No such write is listed; it may be settled already."
        raise ProblemError(problem(404, "divergence_missing", detail))
    return found
