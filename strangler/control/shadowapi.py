"""The admin API's part about shadow mode: what comparisons have shown, and forgetting it."""

from typing import TypeVar

import msgspec

from strangler.control.answers import ProblemError, missing
from strangler.control.operations import Call, Operation, Role, WithReason
from strangler.control.shadowdesk import ShadowDesk
from strangler.core.findings import Group

Found = TypeVar("Found")


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """How many comparisons had which result."""

    compared: int
    equal: int
    ignored: int
    different: int
    not_comparable: int
    no_answer: int
    """What the extracted side did not answer; not among `compared`, and counted against parity."""
    asked_twice: int


class Needed(msgspec.Struct, frozen=True, kw_only=True):
    """What one parity still takes."""

    parity: float
    equal_more: int | None
    """Comparisons without a difference; None if it is more than can be counted on."""


class ParityShown(msgspec.Struct, frozen=True, kw_only=True):
    """What is proven of how often both sides answer alike."""

    lower_bound: float
    """For one look (Clopper and Pearson)."""
    anytime_bound: float
    """However often it is looked at (core.anytime); `needed` is about this one."""
    confidence: float
    left_alone: int
    """Requests that the shadowed side was not asked, because it had failed before; nothing is known of them."""
    needed: tuple[Needed, ...]


class ShadowShort(msgspec.Struct, frozen=True, kw_only=True):
    """What comparisons of one route have shown, in numbers."""

    route: str
    is_in_file: bool
    mode: str | None
    """None where it is not shadowed now."""
    has_reads: bool
    """Whether there can be anything to compare."""
    sample_bp: int | None
    since: float
    last: float
    counts: Compared
    unanswered: dict[str, dict[str, int]]
    """What the shadowed side did not answer, by that side (`extracted`, `legacy`) and why."""
    dropped: dict[str, int]
    obstacles: dict[str, int]
    natures: dict[str, int]
    parity: ParityShown


class ShadowShown(ShadowShort, frozen=True, kw_only=True):
    """The same with the differences, the most frequent first, and redacted examples of them."""

    uncounted: int
    groups: tuple[Group, ...]


class ShadowList(msgspec.Struct, frozen=True, kw_only=True):
    """Every route that is shadowed, or of which something was found."""

    store_fault: str
    routes: tuple[ShadowShort, ...]


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """The routes whose findings were forgotten."""

    reset: tuple[str, ...]


def operations(desk: ShadowDesk) -> tuple[Operation, ...]:
    """Return what can be seen of comparisons and done to them."""
    return (
        Operation(
            method="GET",
            path="/api/v1/shadow",
            name="listShadow",
            summary="Every route that is shadowed, or of which something was found, in numbers.",
            role=Role.VIEWER,
            handler=lambda _: desk.catalogue(),
            answer=ShadowList,
        ),
        Operation(
            method="GET",
            path="/api/v1/shadow/{route}",
            name="getShadow",
            summary="One of them, with its differences and redacted examples.",
            role=Role.VIEWER,
            handler=lambda call: _found(desk, call, desk.show(call.part("route"))),
            answer=ShadowShown,
        ),
        Operation(
            method="POST",
            path="/api/v1/shadow/{route}/reset",
            name="resetShadow",
            summary="Forget what was found of a route, so that comparing begins anew.",
            role=Role.OPERATOR,
            change=lambda call: _found(
                desk, call, desk.reset(call.part("route"), call.body.reason, who=call.caller.name)
            ),
            body=WithReason,
            answer=Forgotten,
        ),
    )


def _found(desk: ShadowDesk, call: Call, found: Found | None) -> Found:
    if found is None:
        raise _missing(desk, call.part("route"))
    return found


def _missing(desk: ShadowDesk, name: str) -> ProblemError:
    lacks = "is shadowed, and nothing was found of one"
    return missing("route", name, desk.names(), code="shadow_missing", lacks=lacks)
