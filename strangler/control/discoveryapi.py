"""The admin API's part about discovery: endpoints, progress, stubs, and what other routes would do."""

import msgspec

from strangler.config.document import MAX_BYTES
from strangler.control.answers import ProblemError, problem
from strangler.control.discoverydesk import DiscoveryDesk, EndpointList, Progress, StubShown
from strangler.control.operations import Call, Operation, Role, Why
from strangler.control.planner import Planner, PlanShown
from strangler.errors import ConfigError

MOST_FAULTS = 20
"""Faults of a file that are told; `strangler check` tells all of them."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A routes file that is not served."""

    text: str
    """In YAML."""


class WhichEndpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An endpoint as it is listed."""

    method: str
    template: str


class StubChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An endpoint as it is listed, and why it gets a route."""

    reason: Why
    method: str
    template: str


def operations(desk: DiscoveryDesk, planner: Planner) -> tuple[Operation, ...]:
    """Return what can be seen of live paths, and done with them."""
    return (
        Operation(
            method="GET",
            path="/api/v1/discovery",
            name="listEndpoints",
            summary="The endpoints of live traffic, how far each has come, and how much it is asked for.",
            role=Role.VIEWER,
            handler=lambda _: desk.endpoints(),
            answer=EndpointList,
        ),
        Operation(
            method="GET",
            path="/api/v1/progress",
            name="getProgress",
            summary="How much of the monolith is left, and how it became less over the days.",
            role=Role.VIEWER,
            handler=lambda _: desk.progress(),
            answer=Progress,
        ),
        Operation(
            method="GET",
            path="/api/v1/discovery/stub",
            name="proposeStub",
            summary="The change of the routes file that gives an endpoint a route; nothing is written.",
            role=Role.VIEWER,
            handler=lambda call: desk.propose(
                call.query.method, call.query.template, is_whole=call.caller.role >= Role.OPERATOR
            ),
            query=WhichEndpoint,
            answer=StubShown,
            problems=(409,),
        ),
        Operation(
            method="POST",
            path="/api/v1/discovery/stub",
            name="addStub",
            summary="Write a route for an endpoint into the routes file; the monolith answers it as before.",
            role=Role.OPERATOR,
            change=lambda call: desk.add(
                call.body.method, call.body.template, who=call.caller.name, why=call.body.reason.strip()
            ),
            body=StubChange,
            answer=StubShown,
            problems=(409,),
        ),
        Operation(
            method="POST",
            path="/api/v1/plan",
            name="plan",
            summary="What another routes file would do with the requests of the last hour; nothing is applied.",
            # Because a text names files whose presence its faults tell of, it is not for whoever may only read.
            role=Role.OPERATOR,
            handler=lambda call: _plan(planner, call),
            no_dry_run="it changes nothing",
            body=Proposal,
            answer=PlanShown,
            problems=(409, 422),
            max_body_bytes=2 * MAX_BYTES,
        ),
    )


async def _plan(planner: Planner, call: Call) -> PlanShown:
    try:
        return await planner.plan(call.body.text)
    except ConfigError as error:
        faults = [str(fault) for fault in error.faults]
        more = [f"and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
        detail = "\n".join((*faults[:MOST_FAULTS], *more))
        raise ProblemError(problem(422, "bad_routes", detail)) from error
