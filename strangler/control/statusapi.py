"""The admin API's part about the proxy as a whole: health, metrics, status, restarts, and where a request would go."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from strangler.control.answers import ProblemError, problem
from strangler.control.dryrun import Foreseen, Prepared, changed
from strangler.control.metrics import Exposition
from strangler.control.operations import Answer, Operation, Role, WithReason
from strangler.control.status import Readiness, RestartStatus, Status, WorkerStatus
from strangler.core.explain import Explanation
from strangler.errors import UsageError

RUNNING = ("replacing", "draining")
"""States of a rolling restart that others join."""


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request that was not sent."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained(Explanation):
    """Where a request would go, and why; the key itself is not part of it."""

    why: str
    """The reason in words."""


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """What is served, and what each worker serves."""

    generation: int
    tag: str
    """What a change gives as If-Match."""
    workers: tuple[WorkerStatus, ...]


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """Control's loop runs; whether traffic is served is another question."""

    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What is shown of the proxy as a whole, and done to it."""

    status: Callable[[], Awaitable[Status]]
    readiness: Callable[[], Readiness]
    tag: Callable[[], str]
    """The entity tag of what is served now."""
    restart: Callable[[], RestartStatus]
    check_restart: Callable[[], None]
    """Raise UsageError if there cannot be a rolling restart."""
    ask_restart: Callable[[str, str], None]
    """Start a rolling restart for somebody and a reason, or join the one that runs; raises UsageError if there cannot
    be one."""
    exposition: Exposition
    explain: Callable[[Question], Awaitable[Mapping[str, Any]]]


def operations(whole: Whole) -> tuple[Operation, ...]:
    """Return what can be seen of the whole proxy and done to it."""
    return (
        Operation(
            method="GET",
            path="/healthz",
            name="isAlive",
            summary="Whether control's loop runs.",
            role=Role.NOBODY,
            handler=lambda _: Alive(status="alive"),
            answer=Alive,
        ),
        Operation(
            method="GET",
            path="/readyz",
            name="isReady",
            summary="Whether traffic should be sent here and why not, and what else is not as it should be.",
            role=Role.NOBODY,
            handler=lambda _: _ready(whole.readiness()),
            answer=Readiness,
            also=(503,),
        ),
        Operation(
            method="GET",
            path="/metrics",
            name="getMetrics",
            summary="Everything that is counted, for Prometheus.",
            role=Role.NOBODY,
            handler=lambda _: _metrics(whole.exposition),
            answer=None,
            content_type="text/plain",
        ),
        Operation(
            method="GET",
            path="/api/v1/status",
            name="getStatus",
            summary="The whole proxy as it is now; what `strangler status --json` prints.",
            role=Role.VIEWER,
            handler=lambda _: whole.status(),
            answer=Status,
        ),
        Operation(
            method="GET",
            path="/api/v1/generation",
            name="getGeneration",
            summary="The generation that is to be served, and the one that each worker serves.",
            role=Role.VIEWER,
            handler=lambda _: _generation(whole),
            answer=Generation,
        ),
        Operation(
            method="GET",
            path="/api/v1/restart",
            name="getRestart",
            summary="The latest rolling restart of the workers as it stands.",
            role=Role.VIEWER,
            handler=lambda _: whole.restart(),
            answer=RestartStatus,
        ),
        Operation(
            method="POST",
            path="/api/v1/restart",
            name="restart",
            summary="Replace the workers one after another, or join the restart that runs.",
            role=Role.OPERATOR,
            change=lambda call: _restart(whole, call.caller.name, call.body.reason),
            body=WithReason,
            answer=RestartStatus,
            status=202,
            problems=(409,),
        ),
        Operation(
            method="POST",
            path="/api/v1/explain",
            name="explain",
            summary="Where a request would go, and why; nothing is sent.",
            role=Role.VIEWER,
            handler=lambda call: _explained(whole, call.body),
            no_dry_run="it changes nothing",
            body=Question,
            answer=Explained,
        ),
    )


async def _explained(whole: Whole, question: Question) -> Mapping[str, Any]:
    try:
        return await whole.explain(question)
    except UsageError as error:
        raise ProblemError(problem(400, "bad_body", str(error))) from error


def _ready(readiness: Readiness) -> Answer:
    return Answer(value=readiness, status=200 if readiness.status == "ready" else 503)


def _generation(whole: Whole) -> Generation:
    readiness = whole.readiness()
    return Generation(generation=readiness.generation, tag=whole.tag(), workers=readiness.workers)


async def _metrics(exposition: Exposition) -> web.Response:
    return web.Response(body=await exposition.render(), headers={"Content-Type": exposition.content_type})


def _restart(whole: Whole, who: str, why: str) -> Prepared:
    whole.check_restart()

    def carry_out() -> RestartStatus:
        whole.ask_restart(who, why)
        return whole.restart()

    return Prepared(carry_out=carry_out, foresee=lambda: _foreseen(whole))


def _foreseen(whole: Whole) -> Foreseen:
    running = whole.restart()
    if running.state in RUNNING:
        return Foreseen(notes=("it would join the restart that runs, which replaces all workers too",))
    workers = whole.readiness().workers
    replaced = (changed("worker", str(worker.index), process=(worker.pid, "another one")) for worker in workers)
    return Foreseen(changes=tuple(change for each in replaced for change in each))
