"""Service: the notifications service put together."""

from aiohttp import web

from extracted import seed
from extracted.callers import Callers
from extracted.notifications.inbox import Notifications
from extracted.notifications.schema import SCHEMA
from extracted.notifications.stream import Broadcast
from extracted.options import Options
from extracted.wiring import assemble


def application(options: Options) -> web.Application:
    """Return the notifications service over `options.data`/notifications.db."""
    application, database = assemble("notifications", options, SCHEMA, seed.notifications)
    broadcast = Broadcast(options.heartbeat_s)
    application.add_routes(Notifications(database, Callers(options.now), options.now, broadcast).routes())
    application.on_shutdown.append(broadcast.close)
    return application
