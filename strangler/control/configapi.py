"""The admin API's part about the routes file: read it, try another text, write it, accept a difference."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import msgspec

from strangler.config.changes import Change
from strangler.config.document import MAX_BYTES
from strangler.control.configdesk import ConfigDesk, ConfigShown, Proposed, Written
from strangler.control.dryrun import Foreseen, Prepared, removed
from strangler.control.operations import Call, Operation, Role, Why
from strangler.control.shadowdesk import ShadowDesk
from strangler.core.findings import Findings
from strangler.core.ignoring import Spot, cautions, ignored
from strangler.core.jsonpath import parse_path

_MOST_BODY = 2 * MAX_BYTES + 64 * 1024
"""The largest file, with a backslash before each quote and line."""

Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A routes file that is not served."""

    text: str


class ConfigChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A routes file that is to be served."""

    text: str
    digest: Digest
    """Of the file that it was made from, as the proposal gave it."""
    reason: Why


class Acceptance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A difference that is meant."""

    path: Annotated[str, msgspec.Meta(min_length=1)]
    """As the findings have it, such as `$.items[*].price`."""
    reason: Why


def operations(desk: ConfigDesk, shadow: ShadowDesk) -> tuple[Operation, ...]:
    """Return what can be seen of the routes file and done to it; `shadow` knows what differs."""
    return (
        Operation(
            method="GET",
            path="/api/v1/config",
            name="getConfig",
            summary="The routes file, its digest, and whether it is what is served; its secrets are for operators.",
            role=Role.VIEWER,
            handler=lambda call: desk.show(is_whole=call.caller.role >= Role.OPERATOR),
            answer=ConfigShown,
            problems=(422,),
        ),
        Operation(
            method="POST",
            path="/api/v1/config/proposals",
            name="proposeConfig",
            summary="What another text of the routes file would mean: every fault with its line, or every route, "
            "upstream and setting that would be otherwise. Nothing is applied.",
            # Because a text names files whose presence its faults tell of, it is not for whoever may only read.
            role=Role.OPERATOR,
            handler=lambda call: desk.propose(call.body.text),
            no_dry_run="it changes nothing",
            body=Draft,
            answer=Proposed,
            problems=(409, 422),
            max_body_bytes=_MOST_BODY,
        ),
        Operation(
            method="PUT",
            path="/api/v1/config",
            name="putConfig",
            summary="Write the routes file, if it is still the one that was looked at; it is served at once.",
            role=Role.OPERATOR,
            change=lambda call: desk.write(
                call.body.text, digest=call.body.digest, who=call.caller.name, why=call.body.reason.strip()
            ),
            body=ConfigChange,
            answer=Written,
            problems=(409, 422),
            max_body_bytes=_MOST_BODY,
        ),
        Operation(
            method="POST",
            path="/api/v1/shadow/{route}/accept",
            name="acceptDifference",
            summary="Make a difference that is meant a rule of the route, in the routes file; nothing else of it "
            "changes.",
            role=Role.OPERATOR,
            change=lambda call: _accept(desk, shadow, call),
            body=Acceptance,
            answer=Written,
            problems=(409, 422),
        ),
    )


async def _accept(desk: ConfigDesk, shadow: ShadowDesk, call: Call) -> Prepared:
    route, path = call.part("route"), call.body.path
    prepared = await desk.accept(route, path, who=call.caller.name, why=call.body.reason.strip())

    async def foresee() -> Foreseen:
        foreseen = await prepared.foreseen()
        if not foreseen.diff:
            return replace(foreseen, notes=(f"{path} is ignored already",))
        told, changes = _ignored(route, path, shadow.find(route) or Findings(route=route, since=0.0))
        return replace(foreseen, notes=(*foreseen.notes, *told), changes=(*foreseen.changes, *changes))

    return replace(prepared, foresee=foresee)


def _ignored(route: str, path: str, found: Findings) -> tuple[Sequence[str], Sequence[Change]]:
    """Return what is to be known of a rule before it is written, and the differences that it would ignore."""
    wanted = parse_path(path)
    spots = [Spot(place=group.place, kind=group.kind, count=group.count) for group in found.groups]
    gone = [removed("difference", spot.place, kind=spot.kind, count=spot.count) for spot in ignored(wanted, spots)]
    return cautions(route, wanted, found.compared, spots), gone
