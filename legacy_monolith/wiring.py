"""Wiring: all areas on one database in one application."""

from collections.abc import Callable
from pathlib import Path

from aiohttp import web
from opentelemetry.sdk.trace import TracerProvider

from legacy_monolith import seed
from legacy_monolith.admin import Admin
from legacy_monolith.callers import Callers
from legacy_monolith.clock import Clock, wall_clock
from legacy_monolith.database import open_database
from legacy_monolith.invoices import Invoices
from legacy_monolith.kyc import Kyc
from legacy_monolith.notifications import Notifications
from legacy_monolith.payments import Payments
from legacy_monolith.payroll import Payroll
from legacy_monolith.problems import as_problems
from legacy_monolith.requestlog import logged
from legacy_monolith.schema import SCHEMA
from legacy_monolith.status import Status
from legacy_monolith.stream import HEARTBEAT_S, Broadcast
from legacy_monolith.tracing import traced_application
from legacy_monolith.users import Users

NAME = "monolith"


def application(
    data: Path,
    *,
    now: Clock = wall_clock,
    provider: TracerProvider | None = None,
    log: Callable[[str], None] | None = None,
    heartbeat_s: float = HEARTBEAT_S,
) -> web.Application:
    """Return the monolith over `data`/monolith.db; `log` gets a line for each request, if given."""
    application = traced_application(NAME, ([logged(NAME, log)] if log else []) + [as_problems], provider)
    database = open_database(data / "monolith.db", SCHEMA, seed.fill)
    callers = Callers(now)
    broadcast = Broadcast(heartbeat_s)
    for area in (
        Status(database),
        Users(database, callers, now),
        Kyc(database, callers, now),
        Payments(database, callers, now),
        Invoices(database, callers, now),
        Payroll(database, callers, now),
        Notifications(database, callers, now, broadcast),
        Admin(database),
    ):
        application.add_routes(area.routes())
    application.router.add_get("/healthz", _health)
    application.on_response_prepare.append(_sign)
    application.on_shutdown.append(broadcast.close)

    async def close_database(_: web.Application) -> None:
        database.close()

    application.on_cleanup.append(close_database)
    return application


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _sign(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["X-Served-By"] = NAME
