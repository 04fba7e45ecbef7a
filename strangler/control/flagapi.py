"""The admin API's part about flags: list, read, change, delete."""

import logging
from dataclasses import replace
from typing import Any

import msgspec

from strangler.control.answers import ProblemError, problem
from strangler.control.dryrun import Prepared
from strangler.control.flagdesk import FlagDesk
from strangler.control.operations import Call, Operation, Role, Why, WithReason
from strangler.control.tracing import trace_id
from strangler.flags.summary import FlagSummary

LOG = logging.getLogger(__name__)


class FlagChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Either how far, such as `25%`, `on`, `off` or a stage, or the whole flag in LaunchDarkly's format."""

    reason: Why
    set: str | None = None
    flag: dict[str, Any] | None = None
    create: bool = False
    """Whether `set` may make a flag that no route names; else a key that nobody knows is a 404."""


class FlagList(msgspec.Struct, frozen=True, kw_only=True):
    """All flags at a glance."""

    source: str
    version: int
    flags: tuple[FlagSummary, ...]


class FlagShown(msgspec.Struct, frozen=True, kw_only=True):
    """One flag, whole and at a glance."""

    flag: dict[str, Any]
    summary: FlagSummary


class FlagChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A flag after its change."""

    flag: dict[str, Any]
    summary: FlagSummary
    cautions: tuple[str, ...]
    """What is rarely meant."""
    changed: bool
    """False if it was like this already: nothing was written, and nobody else's change is one of something older."""


class FlagDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """A flag that there is not any more."""

    key: str
    flag: dict[str, Any]
    """As it was, so that it can be put again."""


def operations(desk: FlagDesk) -> tuple[Operation, ...]:
    """Return what can be seen of flags and done to them."""
    return (
        Operation(
            method="GET",
            path="/api/v1/flags",
            name="listFlags",
            summary="All flags at a glance.",
            role=Role.VIEWER,
            handler=lambda _: desk.catalogue(),
            answer=FlagList,
        ),
        Operation(
            method="GET",
            path="/api/v1/flags/{key}",
            name="getFlag",
            summary="One flag, whole.",
            role=Role.VIEWER,
            handler=lambda call: _show(desk, call.part("key")),
            answer=FlagShown,
        ),
        Operation(
            method="PUT",
            path="/api/v1/flags/{key}",
            name="putFlag",
            summary="Say how far a migration has come, or put a whole flag; only where flags are embedded.",
            role=Role.OPERATOR,
            change=lambda call: _change(desk, call),
            body=FlagChange,
            answer=FlagChanged,
            problems=(409, 422),
        ),
        Operation(
            method="DELETE",
            path="/api/v1/flags/{key}",
            name="deleteFlag",
            summary="Delete a flag that no route and no other flag names; only where flags are embedded.",
            role=Role.OPERATOR,
            change=lambda call: _delete(desk, call),
            body=WithReason,
            answer=FlagDeleted,
            problems=(409,),
        ),
    )


def _show(desk: FlagDesk, key: str) -> Any:
    found = desk.show(key)
    if found is None:
        raise desk.missing(key)
    return found


def _change(desk: FlagDesk, call: Call) -> Prepared:
    change: FlagChange = call.body
    wanted = change.set if change.flag is None else change.flag
    if wanted is None or (change.set is not None and change.flag is not None):
        raise ProblemError(problem(400, "bad_body", 'Give either "set" or "flag".'))
    key = call.part("key")
    prepared = desk.change(key, wanted, may_create=change.create, who=call.caller.name, why=change.reason)

    def carry_out() -> Any:
        changed = prepared.carry_out()
        fields = {"flag": key, "set": change.set or "definition", "who": call.caller.name, "trace_id": trace_id()}
        if changed["changed"]:
            LOG.info("flag_changed", extra={"fields": fields})
        return changed

    return replace(prepared, carry_out=carry_out)


def _delete(desk: FlagDesk, call: Call) -> Prepared:
    key = call.part("key")
    prepared = desk.delete(key, who=call.caller.name, why=call.body.reason)

    def carry_out() -> Any:
        deleted = prepared.carry_out()
        fields = {"flag": key, "who": call.caller.name, "trace_id": trace_id()}
        LOG.info("flag_deleted", extra={"fields": fields})
        return deleted

    return replace(prepared, carry_out=carry_out)
