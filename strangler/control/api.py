"""The admin API: an aiohttp application on its own port, made of one table of operations.

Everything wants a Host of this machine, so that no page on the web reads it through a name of its own (DNS rebinding).
Health and metrics are open to whoever reaches the port; everything else wants somebody with a role that the operation
is for. Errors are JSON problems (RFC 9457) and tell nothing of the inside.
"""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from strangler import __version__
from strangler.config.reading import shorten
from strangler.control import (
    auditapi,
    auth,
    configapi,
    discoveryapi,
    divergenceapi,
    flagapi,
    guardapi,
    historyapi,
    openapi,
    page,
    recordingapi,
    routesapi,
    sessionapi,
    shadowapi,
    statusapi,
    tokenapi,
)
from strangler.control.answers import HEADERS, ProblemError, as_problem, missing, problem
from strangler.control.binding import CALLER, bind, refuse
from strangler.control.callers import Callers
from strangler.control.configdesk import ConfigDesk
from strangler.control.discoverydesk import DiscoveryDesk
from strangler.control.divergencedesk import DivergenceDesk
from strangler.control.flagdesk import FlagDesk
from strangler.control.guarddesk import GuardDesk
from strangler.control.history import HistoryDesk
from strangler.control.operations import MAX_BODY_BYTES, Flaw, Operation, Role
from strangler.control.outlook import Outlook
from strangler.control.planner import Planner
from strangler.control.recordingdesk import RecordingDesk
from strangler.control.routesapi import Routes
from strangler.control.shadowdesk import ShadowDesk
from strangler.control.statusapi import Whole
from strangler.control.stream import Stream
from strangler.control.tracing import traced_application
from strangler.core.model import Address
from strangler.errors import ConfigError, EditError, FlagError, StoreError, UsageError

REFUSAL_EVERY_S = 1.0
"""Between two lines about a wrong token (OWASP ASVS 5.0, 16.3.1 asks that each be logged; the count is)."""

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """What the API shows and does; the composition provides it."""

    admin: Address
    hosts: tuple[str, ...] = ()
    """Names that the Host header may have beside this machine's own."""
    callers: Callers
    whole: Whole
    flags: FlagDesk
    guards: GuardDesk
    shadow: ShadowDesk
    recordings: RecordingDesk
    history: HistoryDesk
    stream: Stream
    discovery: DiscoveryDesk
    planner: Planner
    config: ConfigDesk
    routes: Routes
    divergences: DivergenceDesk
    outlook: Outlook


def operations(surface: Surface) -> tuple[Operation, ...]:
    """Return everything that the API offers; the document describes all of it, itself included."""
    found = (
        *statusapi.operations(surface.whole),
        *routesapi.operations(surface.routes),
        *flagapi.operations(surface.flags),
        *guardapi.operations(surface.guards),
        *shadowapi.operations(surface.shadow),
        *recordingapi.operations(surface.recordings),
        *discoveryapi.operations(surface.discovery, surface.planner),
        *configapi.operations(surface.config, surface.shadow),
        *divergenceapi.operations(surface.divergences),
        *auditapi.operations(surface.guards),
        *sessionapi.operations(surface.callers, surface.stream.ask_again),
        *tokenapi.operations(surface.callers.tokens),
        *historyapi.operations(surface.history, surface.stream, surface.callers.of),
        *page.operations(),
    )
    described: Mapping[str, Any] = {}
    own = Operation(
        method="GET",
        path="/api/v1/openapi.json",
        name="getDocument",
        summary="This document (OpenAPI 3.1).",
        role=Role.VIEWER,
        handler=lambda _: described,
        answer=dict[str, Any],
    )
    described = openapi.document((*found, own), version=__version__)
    return (*found, own)


def make_app(surface: Surface) -> web.Application:
    """Return the application, with OpenTelemetry's instrumentation applied."""
    offered = operations(surface)
    app = traced_application([_problems(offered), _admit(surface)], max_body_bytes=MAX_BODY_BYTES)
    app.on_response_prepare.append(_secure)
    bind(app, offered, tag=surface.whole.tag, who_is=surface.callers.of, moves=surface.outlook.moved)
    return app


def _problems(known: Sequence[Operation]) -> Middleware:
    """Turn every error into a problem; the operator's own errors keep their text, ours do not."""

    @web.middleware
    async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ProblemError as error:
            return as_problem(error.problem, headers=error.headers)
        except web.HTTPMethodNotAllowed as error:
            return _wrong_method(request, error)
        except web.HTTPNotFound:
            # Because nobody is told which paths there are, but for those that are open to all.
            role = request[CALLER].role
            paths = sorted({one.path for one in known if one.role <= role})
            error_of_path = missing("path", request.path, paths, code="not_found")
            return as_problem(error_of_path.problem)
        except web.HTTPException as error:
            return as_problem(problem(error.status, error.reason.lower().replace(" ", "_"), error.reason))
        except ConfigError as error:
            detail = f"The routes file has {len(error.faults)} faults; the first: {error.faults[0]}"
            return as_problem(problem(422, "bad_routes", detail, faults=error.faults))
        except EditError as error:
            return as_problem(problem(409, "not_written", str(error)))
        except FlagError as error:
            return as_problem(problem(422, "bad_flag", str(error)))
        except UsageError as error:
            return as_problem(problem(409, "refused", str(error)))
        except StoreError:
            LOG.exception("admin_store_failed", extra={"fields": {"path": request.path}})
            return as_problem(problem(503, "store", "The state store cannot be read or written; see the log."))
        # Because this is an admin request's outermost step.
        except Exception:
            LOG.exception("admin_request_failed", extra={"fields": {"path": request.path}})
            return as_problem(problem(500, "internal", "The request failed; see the log."))

    return problems


def _wrong_method(request: web.Request, error: web.HTTPMethodNotAllowed) -> web.Response:
    allowed = ", ".join(sorted(error.allowed_methods))
    detail = f"{shorten(request.method)} is not possible here. Possible: {allowed}."
    return as_problem(problem(405, "method_not_allowed", detail), headers={"Allow": allowed})


class _Refusals:
    """Logs who was refused, once a second at most, so that guessing tokens fills no disk."""

    def __init__(self) -> None:
        self._told = -math.inf
        self._untold = 0

    def tell(self, request: web.Request, why: str) -> None:
        """Log a request without the right token; what it carried instead is no part of the line."""
        now = time.monotonic()
        if now - self._told < REFUSAL_EVERY_S:
            self._untold += 1
            return
        asked = {"peer": request.remote, "method": request.method, "path": request.path}
        LOG.warning("admin_unauthorized", extra={"fields": {**asked, "why": why, "before": self._untold}})
        self._told, self._untold = now, 0


def _admit(surface: Surface) -> Middleware:
    """Find out who asks; what an operation lets them do is its own matter."""
    refusals = _Refusals()

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        if not auth.is_own_host(host, surface.admin, surface.hosts, is_secure=request.secure):
            raise ProblemError(problem(421, "bad_host", "The Host header must name the admin address."))
        caller = request[CALLER] = surface.callers.of(request)
        try:
            # Because nobody is told which paths there are.
            if caller.role is Role.NOBODY and request.match_info.http_exception is not None and _is_api(request):
                raise refuse(caller.refusal)
            return await handler(request)
        except ProblemError as error:
            if error.problem.status == 401:
                refusals.tell(request, error.problem.title)
                # Because whoever holds a token that is over guesses nothing.
                if error.problem.title == Flaw.WRONG and (wait_s := surface.callers.fail(request)):
                    raise _too_many(wait_s) from error
            raise

    return admit


def _too_many(wait_s: int) -> ProblemError:
    detail = f"Too many wrong tokens came from this address; wait {wait_s} s. The right one is taken all the same."
    return ProblemError(problem(429, "too_many_failures", detail), {"Retry-After": str(wait_s)})


def _is_api(request: web.Request) -> bool:
    return request.path.startswith("/api/")


async def _secure(_request: web.Request, response: web.StreamResponse) -> None:
    """Put on every answer what keeps browsers from doing more with it than is meant."""
    response.headers.update(HEADERS)
