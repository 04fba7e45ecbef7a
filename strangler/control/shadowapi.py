"""The admin API's part about shadow mode: what comparisons have shown, and forgetting it."""

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from strangler.control.answers import as_json, as_problem, read_body
from strangler.control.shadowdesk import ShadowDesk


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a reset."""

    reason: str


def add_routes(app: web.Application, desk: ShadowDesk) -> None:
    """Serve findings from this desk."""
    handlers = _Handlers(desk)
    app.router.add_get("/api/v1/shadow", handlers.catalogue)
    app.router.add_get("/api/v1/shadow/{route}", handlers.show)
    app.router.add_post("/api/v1/shadow/{route}/reset", handlers.reset)


class _Handlers:
    def __init__(self, desk: ShadowDesk) -> None:
        self._desk = desk

    async def catalogue(self, request: web.Request) -> web.Response:
        return as_json(self._desk.catalogue())

    async def show(self, request: web.Request) -> web.Response:
        return _found(self._desk.show(request.match_info["route"]))

    async def reset(self, request: web.Request) -> web.Response:
        body = await read_body(request, Reason)
        return _found(self._desk.reset(request.match_info["route"], body.reason))


def _found(found: Mapping[str, Any] | None) -> web.Response:
    if found is None:
        return as_problem(404, "shadow_missing", "No such route is shadowed, and nothing was found of one.")
    return as_json(found)
