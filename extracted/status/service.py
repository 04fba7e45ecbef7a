"""Service: the status service put together."""

from aiohttp import web

from extracted import seed
from extracted.options import Options
from extracted.status.board import Status
from extracted.status.schema import SCHEMA
from extracted.wiring import assemble


def application(options: Options) -> web.Application:
    """Return the status service over `options.data`/status.db."""
    application, database = assemble("status", options, SCHEMA, seed.status)
    application.add_routes(Status(database).routes())
    return application
