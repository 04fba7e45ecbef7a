"""Service: the users service put together."""

from aiohttp import web

from extracted import seed
from extracted.callers import Callers
from extracted.database import Database
from extracted.options import Options
from extracted.users.kyc import Kyc
from extracted.users.passwords import digest
from extracted.users.people import Users
from extracted.users.schema import SCHEMA
from extracted.wiring import assemble


def application(options: Options) -> web.Application:
    """Return the users service over `options.data`/users.db."""
    application, database = assemble("users", options, SCHEMA, _fill)
    callers = Callers(options.now)
    application.add_routes(Users(database, callers, options.now).routes())
    application.add_routes(Kyc(database, callers, options.now).routes())
    return application


def _fill(database: Database) -> None:
    seed.users(database, digest)
