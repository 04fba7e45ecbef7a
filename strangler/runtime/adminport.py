"""The admin port: the API on its socket, over TLS if the file says so, and who is let in."""

import asyncio
import logging
import socket
from pathlib import Path

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage

from strangler.control import api, auth
from strangler.control.api import Surface
from strangler.control.callers import Callers
from strangler.control.sessions import Sessions
from strangler.control.store import Store
from strangler.control.tokendesk import TokenDesk
from strangler.core.access import AdminAccess
from strangler.core.model import ListenerTls
from strangler.proxy.tls import open_tls
from strangler.runtime.adminconnection import Connection
from strangler.runtime.admindoor import Door, Listening

GRACE_S = 1.0
"""How long an admin request that is under way may take to finish at the end; all of them take milliseconds."""
LINGER_S = 2.0
"""How long the rest of a body that nobody asked for is read, so that its sender reads the answer; nginx has 5 s."""

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


class AdminPort:
    """The admin API as it is served on a socket."""

    def __init__(self, runner: web.AppRunner, listening: Listening) -> None:
        self._runner = runner
        self._listening = listening

    async def close(self) -> None:
        """Accept no more, and end what is open, requests under way after `GRACE_S` at the latest."""
        await self._listening.close()
        await self._runner.cleanup()


async def serve(surface: Surface, listener: socket.socket, tls: ListenerTls | None, door: Door) -> AdminPort:
    """Serve the admin API on a socket, to those whom the door lets in."""
    runner = web.AppRunner(api.make_app(surface), handle_signals=False, shutdown_timeout=GRACE_S)
    await runner.setup()
    server = runner.server
    assert server is not None
    make_request = server.request_factory

    def begin(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        request = make_request(message, payload, protocol, writer, task)
        if isinstance(protocol, Connection):
            protocol.begin(request)
        return request

    server.request_factory = begin

    def connection() -> Connection:
        return Connection(
            server,
            on_end=door.leave,
            access_log=None,
            logger=_UNTOLD,
            keepalive_timeout=door.limits.idle_timeout_s,
            lingering_time=LINGER_S,
            max_headers=door.limits.header_count,
        )

    return AdminPort(runner, Listening(door, listener, connection, None if tls is None else open_tls(tls).context))
