"""The admin API's part about recordings: which there are, and deleting them. Their content never passes this port.

Whoever may read it can read the state directory, where the key is; the token alone is not enough.
"""

from typing import TypeVar

import msgspec

from strangler.control.answers import missing
from strangler.control.operations import Call, Operation, Role, WithReason
from strangler.control.recordingdesk import RecordingDesk

Found = TypeVar("Found")


class RecordingsShown(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one route, in numbers."""

    route: str
    keep: int | None
    """None where it does not record now."""
    for_s: float | None
    most_bytes: int | None
    count: int
    bytes: int
    kinds: int
    first: float | None
    last: float | None
    not_recorded: dict[str, int]


class RecordingList(msgspec.Struct, frozen=True, kw_only=True):
    """Every route that records, or of which there are recordings."""

    fault: str
    routes: tuple[RecordingsShown, ...]


class RecordingsForgotten(msgspec.Struct, frozen=True, kw_only=True):
    """How many recordings of which route are gone."""

    forgotten: int
    route: str


def operations(desk: RecordingDesk) -> tuple[Operation, ...]:
    """Return what can be seen of recordings and done to them."""
    return (
        Operation(
            method="GET",
            path="/api/v1/recordings",
            name="listRecordings",
            summary="Every route that records, or of which there are recordings, in numbers.",
            role=Role.VIEWER,
            handler=lambda _: desk.catalogue(),
            answer=RecordingList,
        ),
        Operation(
            method="GET",
            path="/api/v1/recordings/{route}",
            name="getRecordings",
            summary="One of them.",
            role=Role.VIEWER,
            handler=lambda call: _found(desk, call, desk.show(call.part("route"))),
            answer=RecordingsShown,
        ),
        Operation(
            method="POST",
            path="/api/v1/recordings/{route}/forget",
            name="forgetRecordings",
            summary="Delete a route's recordings.",
            role=Role.OPERATOR,
            change=lambda call: _found(
                desk, call, desk.forget(call.part("route"), call.body.reason, who=call.caller.name)
            ),
            body=WithReason,
            answer=RecordingsForgotten,
        ),
    )


def _found(desk: RecordingDesk, call: Call, found: Found | None) -> Found:
    if found is None:
        known = [one["route"] for one in desk.catalogue()["routes"]]
        lacks = "records, and nothing is kept of one"
        raise missing("route", call.part("route"), known, code="recordings_missing", lacks=lacks)
    return found
