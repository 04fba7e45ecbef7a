"""The admin API: an aiohttp application on its own port.

Everything wants a Host of this machine, so that no page on the web reads it through a name of its own (DNS rebinding).
Health and metrics are open to whoever reaches the port, which only this machine can; everything under /api/ wants the
bearer token, and a body there is JSON and says so. Errors are JSON problems (RFC 9457) and tell nothing of the inside.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from strangler.control import auth, guardapi, recordingapi, shadowapi
from strangler.control.answers import as_json, as_problem, read_body
from strangler.control.flagdesk import FlagDesk
from strangler.control.guarddesk import GuardDesk
from strangler.control.metrics import Exposition
from strangler.control.recordingdesk import RecordingDesk
from strangler.control.shadowdesk import ShadowDesk
from strangler.control.status import Readiness, RestartStatus, Status
from strangler.control.tracing import trace_id, traced_application
from strangler.core.model import Address
from strangler.errors import FlagError, StoreError, UsageError

MAX_BODY_BYTES = 64 * 1024
"""A flag with a thousand targets fits."""

REFUSAL_EVERY_S = 1.0
"""Between two lines about a wrong token (OWASP ASVS 5.0, 16.3.1 asks that each be logged; the count is)."""

LOG = logging.getLogger(__name__)


class FlagChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a PUT: either how far, or the whole flag in LaunchDarkly's format."""

    set: str | None = None
    flag: dict[str, Any] | None = None


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of POST /api/v1/explain: a request that was not sent."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """What the API shows and does; the composition provides it."""

    admin: Address
    token: str
    status: Callable[[], Status]
    readiness: Callable[[], Readiness]
    restart: Callable[[], RestartStatus]
    ask_restart: Callable[[], None]
    """Start a rolling restart, or join the one that runs; raises UsageError if there cannot be one."""
    exposition: Exposition
    flags: FlagDesk
    guards: GuardDesk
    shadow: ShadowDesk
    recordings: RecordingDesk
    explain: Callable[[Question], Mapping[str, Any]]


def make_app(surface: Surface) -> web.Application:
    """Return the application, with OpenTelemetry's instrumentation applied."""
    app = traced_application([_problems, _guard(surface)], max_body_bytes=MAX_BODY_BYTES)
    app.on_response_prepare.append(_hide_server)
    handlers = _Handlers(surface)
    app.router.add_get("/healthz", handlers.healthz)
    app.router.add_get("/readyz", handlers.readyz)
    app.router.add_get("/metrics", handlers.metrics)
    app.router.add_get("/api/v1/status", handlers.status)
    app.router.add_get("/api/v1/restart", handlers.restart)
    app.router.add_post("/api/v1/restart", handlers.ask_restart)
    app.router.add_get("/api/v1/flags", handlers.list_flags)
    app.router.add_get("/api/v1/flags/{key}", handlers.get_flag)
    app.router.add_put("/api/v1/flags/{key}", handlers.put_flag)
    app.router.add_post("/api/v1/explain", handlers.explain)
    guardapi.add_routes(app, surface.guards)
    shadowapi.add_routes(app, surface.shadow)
    recordingapi.add_routes(app, surface.recordings)
    return app


class _Handlers:
    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    async def healthz(self, request: web.Request) -> web.Response:
        """Say that control's loop runs; whether traffic is served is another question."""
        return as_json({"status": "alive"})

    async def readyz(self, request: web.Request) -> web.Response:
        """Say whether traffic should be sent here and why not, and what else is not as it should be."""
        readiness = self._surface.readiness()
        return as_json(readiness, status=200 if readiness.status == "ready" else 503)

    async def restart(self, request: web.Request) -> web.Response:
        return as_json(self._surface.restart())

    async def ask_restart(self, request: web.Request) -> web.Response:
        self._surface.ask_restart()
        return as_json(self._surface.restart(), status=202)

    async def metrics(self, request: web.Request) -> web.Response:
        exposition = self._surface.exposition
        return web.Response(body=exposition.render(), headers={"Content-Type": exposition.content_type})

    async def status(self, request: web.Request) -> web.Response:
        return as_json(self._surface.status())

    async def list_flags(self, request: web.Request) -> web.Response:
        return as_json(self._surface.flags.catalogue())

    async def get_flag(self, request: web.Request) -> web.Response:
        flag = self._surface.flags.show(request.match_info["key"])
        return as_problem(404, "flag_missing", "There is no such flag.") if flag is None else as_json(flag)

    async def put_flag(self, request: web.Request) -> web.Response:
        change = await read_body(request, FlagChange)
        wanted = change.set if change.flag is None else change.flag
        if wanted is None or (change.set is not None and change.flag is not None):
            return as_problem(400, "bad_body", 'Give either "set" or "flag".')
        key = request.match_info["key"]
        changed = self._surface.flags.change(key, wanted)
        fields = {"flag": key, "set": change.set or "definition", "trace_id": trace_id()}
        LOG.info("flag_changed", extra={"fields": fields})
        return as_json(changed)

    async def explain(self, request: web.Request) -> web.Response:
        return as_json(self._surface.explain(await read_body(request, Question)))


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into a problem; the operator's own errors keep their text, ours do not."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        allow = error.headers.get("Allow")
        headers = {} if allow is None else {"Allow": allow}
        return as_problem(error.status, error.reason.lower().replace(" ", "_"), error.reason, headers=headers)
    except msgspec.MsgspecError as error:
        return as_problem(400, "bad_body", str(error))
    except FlagError as error:
        return as_problem(422, "bad_flag", str(error))
    except UsageError as error:
        return as_problem(409, "refused", str(error))
    except StoreError:
        LOG.exception("admin_store_failed", extra={"fields": {"path": request.path}})
        return as_problem(503, "store", "The state store cannot be read or written; see the log.")
    # Because this is an admin request's outermost step.
    except Exception:
        LOG.exception("admin_request_failed", extra={"fields": {"path": request.path}})
        return as_problem(500, "internal", "The request failed; see the log.")


class _Refusals:
    """Logs who was refused, once a second at most, so that guessing tokens fills no disk."""

    def __init__(self) -> None:
        self._told = -math.inf
        self._untold = 0

    def tell(self, request: web.Request) -> None:
        """Log a request without the right token; what it carried instead is no part of the line."""
        now = time.monotonic()
        if now - self._told < REFUSAL_EVERY_S:
            self._untold += 1
            return
        fields = {"peer": request.remote, "method": request.method, "path": request.path, "before": self._untold}
        LOG.warning("admin_unauthorized", extra={"fields": fields})
        self._told, self._untold = now, 0


def _guard(surface: Surface) -> Middleware:
    refusals = _Refusals()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not auth.is_own_host(request.headers.get("Host", ""), surface.admin):
            return as_problem(421, "bad_host", "The Host header must name the admin address.")
        if not request.path.startswith("/api/"):
            return await handler(request)
        if not auth.is_authorized(request.headers.get("Authorization", ""), surface.token):
            refusals.tell(request)
            return as_problem(
                401,
                "unauthorized",
                f"A bearer token is required; it is in the state directory's file {auth.TOKEN_FILE}.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if request.can_read_body and request.content_type != "application/json":
            return as_problem(415, "bad_content_type", "A body is JSON; send it as application/json.")
        return await handler(request)

    return guard


async def _hide_server(_request: web.Request, response: web.StreamResponse) -> None:
    """Name neither Python's nor aiohttp's version."""
    response.headers["Server"] = "strangler"
