"""The admin port: the API on its socket, over TLS if the file says so, and who is let in."""

import logging
import socket
from pathlib import Path

from aiohttp import web

from strangler.control import api, auth
from strangler.control.api import Surface
from strangler.control.callers import Callers
from strangler.control.sessions import Sessions
from strangler.control.store import Store
from strangler.control.tokendesk import TokenDesk
from strangler.core.access import AdminAccess
from strangler.core.model import ListenerTls
from strangler.proxy.tls import open_tls

GRACE_S = 1.0
"""How long an admin request that is under way may take to finish at the end; all of them take milliseconds."""

_UNTOLD = logging.Logger("admin port", logging.CRITICAL + 1)
"""For what is no HTTP: aiohttp would log each with a traceback that quotes it, and with it a token."""


def callers(state_dir: Path, store: Store, access: AdminAccess) -> Callers:
    """Return who may ask: the token of the state directory, made at the first start, and those in the store.

    Raises UsageError and StoreError.
    """
    return Callers(
        token=auth.load_token(state_dir),
        tokens=TokenDesk(store.tokens),
        sessions=Sessions(store.tokens),
        access=access,
    )


async def serve(surface: Surface, listener: socket.socket, tls: ListenerTls | None) -> web.AppRunner:
    """Serve the admin API on a socket; cleaning up the runner ends it."""
    runner = web.AppRunner(
        api.make_app(surface), handle_signals=False, access_log=None, logger=_UNTOLD, shutdown_timeout=GRACE_S
    )
    await runner.setup()
    context = None if tls is None else open_tls(tls).context
    await web.SockSite(runner, listener, ssl_context=context).start()
    return runner
