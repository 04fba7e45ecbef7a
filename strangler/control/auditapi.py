"""The admin API's part about the audit log."""

from typing import Annotated

import msgspec

from strangler.control.guarddesk import MOST_ROWS, GuardDesk
from strangler.control.operations import Operation, Role
from strangler.core.audit import Action, Kind

_MOST_SEQ = 2**62


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rows."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS)] = 100
    before: Annotated[int, msgspec.Meta(ge=1, le=_MOST_SEQ)] | None = None
    """Only rows with smaller numbers: `next` of the page before."""
    what: Action | None = None
    """Only rows about this."""
    kind: Kind | None = None
    """Only rows about things of this kind: `trips` are also those that end by themselves, `tokens` revoked ones."""
    subject: str | None = None
    """Only rows about this flag, route or file."""
    who: str | None = None
    route: str | None = None
    """Only rows about what could have moved this route's traffic: its trips and resets, its flag and those that the
    flag asks first, the kill switch, the routes file."""


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the audit log."""

    seq: int
    at: float
    who: str
    what: Action
    subject: str
    why: str
    before: str | None
    """JSON as text."""
    after: str | None
    evidence: str | None
    prev: str
    hash: str


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows, newest first: as many as were asked for, unless they are large, or few of those that were looked at fit."""

    rows: tuple[AuditRow, ...]
    next: int | None
    """What gives the next page as `before`, which may have rows where this one has none; None if this is the last."""


def operations(desk: GuardDesk) -> tuple[Operation, ...]:
    """Return what can be seen of the audit log."""
    return (
        Operation(
            method="GET",
            path="/api/v1/audit",
            name="listAudit",
            summary="Rows of the audit log, newest first, page by page.",
            role=Role.VIEWER,
            handler=lambda call: desk.audit(
                limit=call.query.limit,
                before=call.query.before,
                what=call.query.what,
                kind=call.query.kind,
                subject=call.query.subject,
                who=call.query.who,
                route=call.query.route,
                is_whole=call.caller.role >= Role.OPERATOR,
            ),
            query=AuditQuery,
            answer=AuditPage,
            problems=(503,),
        ),
    )
