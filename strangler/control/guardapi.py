"""The admin API's part about guards and the kill switch."""

from typing import Any

import msgspec

from strangler.control.answers import missing
from strangler.control.guarddesk import GuardDesk
from strangler.control.operations import Call, Operation, Role, Why, WithReason
from strangler.core.guard import Phase
from strangler.core.judge import Finding


class Kill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the monolith is to answer everything, and why."""

    is_on: bool
    reason: Why


class SequentialShown(msgspec.Struct, frozen=True, kw_only=True):
    """What the sequential test knows."""

    log_e: float
    peak: float
    legacy_failures: int
    extracted_failures: int


class GuardShown(msgspec.Struct, frozen=True, kw_only=True):
    """One route's guard, with its evidence."""

    route: str
    phase: Phase
    since: float
    wake_at: float | None
    trips: int
    """Times that its traffic was taken back, as the audit log has them: by a rule, by hand, with its cohort."""
    probed: int
    cause: dict[str, Any] | None
    """Why it is not closed, as it was recorded."""
    findings: tuple[Finding, ...]
    """What each rule last found."""
    is_alone: bool
    sequential: SequentialShown


class GuardList(msgspec.Struct, frozen=True, kw_only=True):
    """The kill switch and all guards."""

    is_killed: bool
    store_fault: str
    guards: tuple[GuardShown, ...]


class ResetDone(msgspec.Struct, frozen=True, kw_only=True):
    """The routes that were given back."""

    reset: tuple[str, ...]
    changed: bool
    """Whether there was anything to give back; if not, nothing was done or recorded."""


class TripDone(msgspec.Struct, frozen=True, kw_only=True):
    """The routes that were taken back."""

    tripped: tuple[str, ...]
    changed: bool
    """Whether there was anything left to take back; if not, nothing was done or recorded."""


class KillDone(msgspec.Struct, frozen=True, kw_only=True):
    """The kill switch as it is now."""

    is_killed: bool
    changed: bool
    """Whether it was otherwise before; if not, nothing was done or recorded."""


def operations(desk: GuardDesk) -> tuple[Operation, ...]:
    """Return what can be seen of guards and done to them."""
    return (
        Operation(
            method="GET",
            path="/api/v1/guards",
            name="listGuards",
            summary="The kill switch, and every guarded route with its evidence.",
            role=Role.VIEWER,
            handler=lambda _: desk.catalogue(),
            answer=GuardList,
        ),
        Operation(
            method="GET",
            path="/api/v1/guards/{route}",
            name="getGuard",
            summary="One route's guard: phase, cause, evidence, what each rule last found.",
            role=Role.VIEWER,
            handler=lambda call: desk.show(_guarded(desk, call)),
            answer=GuardShown,
        ),
        Operation(
            method="POST",
            path="/api/v1/guards/{route}/reset",
            name="resetGuard",
            summary="Give a tripped route, and its cohort's that tripped with it, back to its flag.",
            role=Role.OPERATOR,
            change=lambda call: desk.reset(_guarded(desk, call), call.body.reason, who=call.caller.name),
            body=WithReason,
            answer=ResetDone,
            problems=(409,),
        ),
        Operation(
            method="POST",
            path="/api/v1/guards/{route}/trip",
            name="tripGuard",
            summary="Take a route's traffic back by hand, its cohort's with it.",
            role=Role.OPERATOR,
            change=lambda call: desk.trip(_guarded(desk, call), call.body.reason, who=call.caller.name),
            body=WithReason,
            answer=TripDone,
            problems=(409,),
        ),
        Operation(
            method="POST",
            path="/api/v1/kill",
            name="kill",
            summary="Send everything to the monolith on all routes, or release that again.",
            role=Role.OPERATOR,
            change=lambda call: desk.kill(call.body.is_on, call.body.reason, who=call.caller.name),
            body=Kill,
            answer=KillDone,
            problems=(409,),
        ),
    )


def _guarded(desk: GuardDesk, call: Call) -> str:
    name = call.part("route")
    if not desk.has(name):
        raise missing("route", name, desk.names(), code="guard_missing", lacks="is guarded")
    return name
