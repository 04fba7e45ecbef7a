"""Connecting: a new connection to one endpoint, or to another while there is time; nothing is sent on it yet."""

import asyncio
import ssl
from collections.abc import Callable
from functools import partial

from strangler.core.model import UpstreamTls
from strangler.proxy.endpoint import Endpoint
from strangler.proxy.upstream import UpstreamConnection

MAX_TRIES = 3
"""Endpoints that are tried for one request. Precedent: HAProxy `retries` 3."""
_SHUTDOWN_S = 1.0
"""How long a closed TLS connection waits for the other end's goodbye; its place is taken as long."""


async def connect(
    endpoint: Endpoint,
    *,
    another: Callable[[], Endpoint | None],
    follow: Callable[[Endpoint], None],
    tls: UpstreamTls | None,
    context: ssl.SSLContext | None,
    budget_s: float,
) -> tuple[UpstreamConnection | None, list[str]]:
    """Return a connection to the endpoint that was `follow`ed last, or none; and why tries before have failed.

    Each try may take half of what is left of the time, and the last one all of it.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + budget_s
    failures: list[str] = []
    trying: Endpoint | None = endpoint
    tries = 0
    while trying is not None:
        if tries:
            follow(trying)
        tries += 1
        following = another() if tries < MAX_TRIES else None
        left_s = max(deadline - loop.time(), 0.0)
        patience_s = left_s / 2 if following is not None else left_s
        try:
            async with asyncio.timeout(patience_s):
                connection = await _open(trying, tls, context)
            if not connection.transport.is_closing():
                connection.is_counted = True
                return connection, failures
            why = "the connection was closed at once"
        except TimeoutError:
            why = f"no connection within {patience_s:.3g} s"
        except OSError as error:
            why = explain(error)
        failures.append(f"{trying.label}: {why}")
        trying.failed(why)
        trying = following
    return None, failures


def explain(error: OSError) -> str:
    """Return why there is no connection; of a certificate, what is wrong with it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS handshake failed: {(error.reason or str(error)).lower().replace('_', ' ')}"
    return error.strerror or str(error) or type(error).__name__


async def _open(endpoint: Endpoint, tls: UpstreamTls | None, context: ssl.SSLContext | None) -> UpstreamConnection:
    loop = asyncio.get_running_loop()
    make = partial(UpstreamConnection, endpoint, str(endpoint.address))
    if tls is None or context is None:
        _, connection = await loop.create_connection(make, endpoint.ip, endpoint.address.port)
    else:
        _, connection = await loop.create_connection(
            make,
            endpoint.ip,
            endpoint.address.port,
            ssl=context,
            server_hostname=tls.server_name or endpoint.address.host,
            ssl_shutdown_timeout=_SHUTDOWN_S,
        )
    return connection
