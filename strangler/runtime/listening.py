"""Listening: where this start gets its sockets from.

That is the service manager, the workers of a control process that died, or the kernel.
"""

import asyncio
import logging
import socket
from collections.abc import Sequence
from pathlib import Path

from strangler.core.model import Address
from strangler.errors import UsageError
from strangler.runtime import handover, sockets
from strangler.runtime.handover import Orphan

LOG = logging.getLogger(__name__)


def open_listener(
    address: Address, state_dir: Path, orphans: Sequence[Orphan], *, drain_s: float, given: socket.socket | None = None
) -> socket.socket:
    """Return the socket for client traffic: the one given, else the orphans' own if it is there, else a new one."""
    if given is not None:
        LOG.info("listener_given", extra={"fields": {"listen": str(sockets.bound(given))}})
        return given
    offered = [listener for orphan in orphans for listener in handover.take_listeners(state_dir, orphan)]
    _, (host, port) = sockets.resolve(address, "listen")
    taken: socket.socket | None = None
    for listener in offered:
        there = sockets.bound(listener)
        if taken is None and there.host == host and port in (0, there.port):
            taken = listener
        else:
            listener.close()
    if taken is not None:
        fields = {"listen": str(sockets.bound(taken)), "from": [orphan.process.pid for orphan in orphans]}
        LOG.warning("listener_taken_over", extra={"fields": fields})
        return taken
    try:
        return sockets.bind(address, "listen")
    except UsageError:
        if not orphans or offered:
            raise
        # Because an orphan that offers nothing may be what holds the port; a short gap is better than no start.
        LOG.warning("orphans_ended_first", extra={"fields": {"pids": [one.process.pid for one in orphans]}})
        asyncio.run(handover.end_all(orphans, drain_s))
        return sockets.bind(address, "listen")


def open_admin(address: Address, *, may_be_reached: bool = False, given: socket.socket | None = None) -> socket.socket:
    """Return the socket of the admin port, the one given if there is one; refuses what others reach but may not."""
    if given is not None:
        address = sockets.bound(given)
    if not may_be_reached and not sockets.is_loopback(address, "admin"):
        raise UsageError(
            f"admin: {address} can be reached from other machines, and tokens would pass in the clear. Give the admin "
            "port TLS (`admin_access: {tls: {cert: ..., key: ...}}`), or a loopback address such as 127.0.0.1:9900; "
            "`admin_access: {allow_plain: true}` is for a network that nobody else is on."
        )
    return given or sockets.bind(address, "admin")
