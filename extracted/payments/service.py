"""Service: the payments service put together."""

from aiohttp import web

from extracted import seed
from extracted.callers import Callers
from extracted.database import Database
from extracted.options import Options
from extracted.payments.ledger import Payments
from extracted.payments.money import fee_cents, payment_id
from extracted.payments.schema import SCHEMA
from extracted.wiring import assemble


def application(options: Options) -> web.Application:
    """Return the payments service over `options.data`/payments.db."""
    application, database = assemble("payments", options, SCHEMA, _fill)
    application.add_routes(Payments(database, Callers(options.now), options.now).routes())
    return application


def _fill(database: Database) -> None:
    seed.payments(database, payment_id, fee_cents)
