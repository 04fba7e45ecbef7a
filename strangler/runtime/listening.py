"""Listening: where this start gets its sockets from, the kernel or the workers of a control process that died."""

import asyncio
import logging
import socket
from collections.abc import Sequence
from pathlib import Path

from strangler.core.model import Address
from strangler.errors import UsageError
from strangler.runtime import handover, sockets
from strangler.runtime.handover import Orphan
from strangler.runtime.worker import DRAIN_S

LOG = logging.getLogger(__name__)


def open_listener(address: Address, state_dir: Path, orphans: Sequence[Orphan]) -> socket.socket:
    """Return the socket for client traffic: the orphans' own if it is on this address, else a new one."""
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
        asyncio.run(handover.end_all(orphans, DRAIN_S))
        return sockets.bind(address, "listen")


def open_admin(address: Address) -> socket.socket:
    """Return the socket of the admin port; refuses an address that other machines can reach."""
    if not sockets.is_loopback(address, "admin"):
        raise UsageError(
            f"admin: {address} can be reached from other machines, and the admin port has no TLS yet. Set `admin` in "
            "the routes file or --admin to a loopback address such as 127.0.0.1:9900."
        )
    return sockets.bind(address, "admin")
