"""The admin API's part about recordings: which there are, and deleting them. Their content never passes this port.

Whoever may read it can read the state directory, where the key is; the token alone is not enough.
"""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from strangler.control.answers import as_json, as_problem, read_body
from strangler.control.recordingdesk import RecordingDesk
from strangler.control.shadowapi import Reason


def add_routes(app: web.Application, desk: RecordingDesk) -> None:
    """Serve what this desk shows."""
    handlers = _Handlers(desk)
    app.router.add_get("/api/v1/recordings", handlers.catalogue)
    app.router.add_get("/api/v1/recordings/{route}", handlers.show)
    app.router.add_post("/api/v1/recordings/{route}/forget", handlers.forget)


class _Handlers:
    def __init__(self, desk: RecordingDesk) -> None:
        self._desk = desk

    async def catalogue(self, request: web.Request) -> web.Response:
        return as_json(self._desk.catalogue())

    async def show(self, request: web.Request) -> web.Response:
        return _found(self._desk.show(request.match_info["route"]))

    async def forget(self, request: web.Request) -> web.Response:
        body = await read_body(request, Reason)
        return _found(self._desk.forget(request.match_info["route"], body.reason))


def _found(found: Mapping[str, Any] | None) -> web.Response:
    if found is None:
        return as_problem(404, "recordings_missing", "No such route records, and nothing is kept of one.")
    return as_json(found)
