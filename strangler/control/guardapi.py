"""The admin API's part about guards, the kill switch and the audit log."""

import msgspec
from aiohttp import web

from strangler.control.answers import as_json, as_problem, read_body
from strangler.control.guarddesk import GuardDesk


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a reset or a trip."""

    reason: str


class Kill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of POST /api/v1/kill."""

    is_on: bool
    reason: str


def add_routes(app: web.Application, desk: GuardDesk) -> None:
    """Serve guards from this desk."""
    handlers = _Handlers(desk)
    app.router.add_get("/api/v1/guards", handlers.catalogue)
    app.router.add_get("/api/v1/guards/{route}", handlers.show)
    app.router.add_post("/api/v1/guards/{route}/reset", handlers.reset)
    app.router.add_post("/api/v1/guards/{route}/trip", handlers.trip)
    app.router.add_post("/api/v1/kill", handlers.kill)
    app.router.add_get("/api/v1/audit", handlers.audit)


class _Handlers:
    def __init__(self, desk: GuardDesk) -> None:
        self._desk = desk

    async def catalogue(self, request: web.Request) -> web.Response:
        return as_json(self._desk.catalogue())

    async def show(self, request: web.Request) -> web.Response:
        found = self._desk.show(request.match_info["route"])
        return as_problem(404, "guard_missing", "No such route is guarded.") if found is None else as_json(found)

    async def reset(self, request: web.Request) -> web.Response:
        body = await read_body(request, Reason)
        return as_json(self._desk.reset(request.match_info["route"], body.reason))

    async def trip(self, request: web.Request) -> web.Response:
        body = await read_body(request, Reason)
        return as_json(self._desk.trip(request.match_info["route"], body.reason))

    async def kill(self, request: web.Request) -> web.Response:
        body = await read_body(request, Kill)
        return as_json(self._desk.kill(body.is_on, body.reason))

    async def audit(self, request: web.Request) -> web.Response:
        try:
            limit = int(request.query.get("limit", "100"))
            before = int(request.query["before"]) if "before" in request.query else None
        except ValueError:
            return as_problem(400, "bad_query", "`limit` and `before` are whole numbers.")
        if before is not None and not 0 < before < 2**62:
            return as_problem(400, "bad_query", "`before` is the number of an entry.")
        return as_json(self._desk.audit(limit=limit, before=before))
