"""The admin API's part about the past: what was counted and done in an hour or a day, and the stream of what is new."""

import asyncio
import math
from collections.abc import Callable
from typing import Literal

import msgspec
from aiohttp import web

from strangler.control.answers import InPieces, ProblemError, problem
from strangler.control.history import History, HistoryDesk
from strangler.control.operations import Call, Caller, Operation, Role
from strangler.control.stream import Listener, Stream, farewell

MOST_ROUTES = 100
"""Routes that one question may name."""
WRITE_S = 10.0
"""How long one message may take to be sent; a page that reads nothing for so long is let go."""


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part of the past."""

    span: Literal["hour", "day"] = "hour"
    routes: str = ""
    """Names of routes with commas between them, 100 at most; all if there are none."""
    since: float = 0.0
    """Only slots that end after this, in seconds since the epoch."""


class StreamQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a page goes on."""

    last: str = ""
    """The id of the last event that it saw, where the header Last-Event-ID cannot be sent."""


WhoIs = Callable[[web.Request], Caller]


def operations(desk: HistoryDesk, stream: Stream, who_is: WhoIs) -> tuple[Operation, ...]:
    """Return what can be seen of the past, and as it comes; `who_is` tells who asks, as it is by now."""
    return (
        Operation(
            method="GET",
            path="/api/v1/history",
            name="getHistory",
            summary="Requests, failures and latency of both sides over an hour or a day, and what was done meanwhile.",
            role=Role.VIEWER,
            handler=lambda call: _history(desk, call.query),
            query=HistoryQuery,
            answer=History,
            problems=(503,),
        ),
        Operation(
            method="GET",
            path="/api/v1/stream",
            name="getStream",
            summary="Everything that the dashboard shows, as server-sent events: the state, then what changes.",
            role=Role.VIEWER,
            handler=lambda call: _listen(stream, call, who_is),
            query=StreamQuery,
            answer=None,
            content_type="text/event-stream",
            problems=(429, 503),
        ),
    )


def _history(desk: HistoryDesk, query: HistoryQuery) -> InPieces:
    if not math.isfinite(query.since):
        raise ProblemError(problem(400, "bad_query", "`since` is no time."))
    routes = [name for name in query.routes.split(",") if name]
    if len(routes) > MOST_ROUTES:
        raise ProblemError(problem(400, "bad_query", f"`routes` names more than {MOST_ROUTES} routes."))
    return InPieces(desk.show(query.span, routes=routes, since=query.since))


async def _listen(stream: Stream, call: Call, who_is: WhoIs) -> web.StreamResponse:
    if call.request.method == "HEAD":
        # Because an answer to HEAD has no content (RFC 9110 section 9.3.2), there is nothing to listen to; but a page
        # that was refused, which a browser's event source does not tell it, learns so why.
        stream.check_room(call.caller.name)
        return web.Response(headers={"Content-Type": "text/event-stream"})
    last = call.request.headers.get("Last-Event-ID") or call.query.last
    listener = await stream.open(last, who=call.caller.name)
    try:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(call.request)
        keeps_up = await _send(response, listener, lambda: who_is(call.request))
        if not keeps_up and call.request.transport is not None:
            # Because an end in good order would wait for what is not read to be read.
            call.request.transport.abort()
        return response
    finally:
        stream.forget(listener)


async def _send(response: web.StreamResponse, listener: Listener, who: Callable[[], Caller]) -> bool:
    """Send what comes until the listener is let go; return whether it kept up.

    Before each message it is asked who listens: a token may have been revoked, a session ended.
    """
    is_out = False
    while not is_out and (message := await listener.wait_message()) is not None:
        caller = who()
        if is_out := caller.role < Role.VIEWER:
            message = farewell("the session has ended" if caller.refusal is None else caller.refusal.detail)
        try:
            async with asyncio.timeout(WRITE_S):
                await response.write(message)
        except (TimeoutError, ConnectionError):
            return False
    return not listener.is_slow
