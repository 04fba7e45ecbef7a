"""Wiring: what every service's application has."""

from collections.abc import Callable

from aiohttp import web

from extracted.database import Database, open_database
from extracted.faults import FaultControl
from extracted.options import Options
from extracted.problems import as_problems
from extracted.requestlog import logged
from extracted.tracing import traced_application


def assemble(
    name: str, options: Options, schema: str, fill: Callable[[Database], None]
) -> tuple[web.Application, Database]:
    """Return an application without endpoints of its own, and its database, which it closes."""
    control = FaultControl() if options.faults else None
    application = traced_application(
        name,
        [
            *([logged(name, options.log)] if options.log else []),
            as_problems,
            *([control.inject] if control else []),
        ],
        options.provider,
    )
    database = open_database(options.data / f"{name}.db", schema, fill)
    application.router.add_get("/healthz", _health)
    if control is not None:
        application.add_routes(control.routes())
        application.on_shutdown.append(control.stop)

    async def sign(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["X-Served-By"] = name

    async def close_database(_: web.Application) -> None:
        database.close()

    application.on_response_prepare.append(sign)
    application.on_cleanup.append(close_database)
    return application, database


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})
