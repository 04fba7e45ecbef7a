"""The admin port's door: how many connections it takes, how long each may take, and who makes room for whom.

Whoever keeps us waiting, between requests, for a head, for a body or with an answer that is not read, makes room for
who comes, and if nobody does, the stranger who has been there longest: so no flood of connections shuts a health check
or an operator out. What somebody with a role is being answered stays, event streams too.
"""

import asyncio
import errno
import logging
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from functools import partial
from ipaddress import ip_network
from ssl import SSLContext

from strangler.control.answers import problem, wired
from strangler.control.metrics import DoorReading
from strangler.core.forward import Networks, Peer, peer_of
from strangler.core.model import ListenerLimits
from strangler.proxy.crowd import Crowd, Limit
from strangler.runtime.adminconnection import Connection

LIMITS = ListenerLimits(connections=256, connections_per_address=64)
"""Some forty browsers, which open six each at most; a quarter of them from one address, which may be a whole team's."""
RETRY_AFTER_S = 2
SWEEP_S = 0.25
"""As the data plane's: each time-out may be late by so much."""
_BATCH = 16
"""Connections taken in one turn of the loop, which has guards to judge by."""
_PAUSE_S = 1.0
"""For which nothing is accepted when descriptors or memory have run out, as asyncio's own servers do."""
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_MOST_UNREAD = 65_536
_GOODBYE_S = 2.0
"""How long a client over TLS may take to say goodbye."""
_LOOPBACK = ("127.0.0.0/8", "::1/128")

LOG = logging.getLogger(__name__)


class Cut(StrEnum):
    """Why a connection was ended. A closed set."""

    REFUSED = "refused"
    """There was no room for it."""
    DISPLACED = "displaced"
    """It kept us waiting, or was a stranger's, and another one needed its place."""
    HANDSHAKE = "handshake"
    """Its TLS handshake failed, or took too long."""
    LATE = "late"
    """A request's head did not come in time."""
    UNREAD = "unread"
    """Its answer was not read in time."""


class Door:
    """Counts connections, and ends those that may not stay."""

    def __init__(self, *, limits: ListenerLimits = LIMITS, trusted: Sequence[str] = ()) -> None:
        """Networks that are `trusted`, and this machine, may have every place, because many may come from there."""
        self.limits = limits
        self._trusted: Networks = tuple(ip_network(network) for network in (*_LOOPBACK, *trusted))
        self._crowd = Crowd()
        self._inside: dict[Connection, Peer] = {}
        self._cut = Counter(dict.fromkeys(Cut, 0))

    def reading(self) -> DoorReading:
        """Return how many there are, and how many were ended."""
        return DoorReading(
            connections=self._crowd.total, cut=tuple((why.value, count) for why, count in self._cut.items())
        )

    def admit(self, address: str, make: Callable[[], Connection]) -> Connection | None:
        """Return a place for a connection from an address, if need be another one's; None if there is none."""
        peer = peer_of(address, self._trusted)
        if (refusal := self._crowd.refusal(peer, self.limits)) is not None:
            origin = peer.origin if refusal is Limit.ONE_ADDRESS else None
            several = [one for one, its in self._inside.items() if one.may_go and origin in (None, its.origin)]
            if not several:
                self._cut[Cut.REFUSED] += 1
                return None
            # Because who has shown a token is no part of a flood of strangers, they go last.
            self.cut(min(several, key=lambda one: one.rank), Cut.DISPLACED)
        connection = make()
        self._crowd.enter(peer)
        self._inside[connection] = peer
        return connection

    def leave(self, connection: Connection) -> None:
        """Give a place back."""
        peer = self._inside.pop(connection, None)
        if peer is not None:
            self._crowd.leave(peer)

    def cut(self, connection: Connection, why: Cut) -> None:
        """End a connection now, and count it."""
        self._cut[why] += 1
        self.leave(connection)
        connection.end(is_late=why is Cut.LATE)

    def sweep(self, now: float) -> None:
        """End what takes too long."""
        limits = self.limits
        for connection in tuple(self._inside):
            if connection.is_stuck(now, limits.write_timeout_s):
                self.cut(connection, Cut.UNREAD)
            elif connection.is_late(now, limits.header_timeout_s):
                self.cut(connection, Cut.LATE)


class Listening:
    """Accepts on the admin port's socket, which it owns."""

    def __init__(
        self, door: Door, listener: socket.socket, make: Callable[[], Connection], context: SSLContext | None
    ) -> None:
        self._door = door
        self._listener = listener
        self._make = make
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._openings: set[asyncio.Task[None]] = set()
        self._is_closed = False
        listener.setblocking(False)
        self._loop.add_reader(listener.fileno(), self._accept)
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)

    async def close(self) -> None:
        """Accept no more, and let go of what is not open yet; what is open stays."""
        self._is_closed = True
        self._sweeper.cancel()
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()
        openings = tuple(self._openings)
        for opening in openings:
            opening.cancel()
        if openings:
            await asyncio.wait(openings)

    def _sweep(self) -> None:
        self._door.sweep(self._loop.time())
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)

    def _accept(self) -> None:
        for _ in range(_BATCH):
            try:
                sock, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._pause(error)
                    return
                # Because a client that left while it waited is no reason to keep the others waiting (accept(2)).
                continue
            sock.setblocking(False)
            connection = self._door.admit(address[0], self._make)
            if connection is None:
                self._refuse(sock)
                continue
            # Because the loop has no other way to take an accepted socket over; the set is the task's owner.
            task = self._loop.create_task(self._open(sock, connection), name="admin.open")
            connection.opening = task
            self._openings.add(task)
            task.add_done_callback(self._openings.discard)
            task.add_done_callback(partial(_let_go, sock))

    def _pause(self, error: OSError) -> None:
        LOG.warning("admin_accept_paused", extra={"fields": {"why": error.strerror}})
        self._loop.remove_reader(self._listener.fileno())
        self._loop.call_later(_PAUSE_S, self._resume)

    def _resume(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    def _refuse(self, sock: socket.socket) -> None:
        with sock:
            if self._context is not None:
                return
            detail = "The admin port has as many connections as it takes; ask again in a moment."
            headers = {"Retry-After": str(RETRY_AFTER_S)}
            with suppress(OSError):
                sock.send(wired(problem(503, "too_many_connections", detail), headers=headers))
                # Because what was sent and not read would make the system cut the answer off.
                sock.recv(_MOST_UNREAD)

    async def _open(self, sock: socket.socket, connection: Connection) -> None:
        limits, is_tls = self._door.limits, self._context is not None
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection,
                sock,
                ssl=self._context,
                ssl_handshake_timeout=limits.handshake_timeout_s if is_tls else None,
                ssl_shutdown_timeout=_GOODBYE_S if is_tls else None,
            )
        except OSError:
            connection.opening = None
            self._door.cut(connection, Cut.HANDSHAKE)
        finally:
            connection.opening = None


def _let_go(sock: socket.socket, opening: asyncio.Task[None]) -> None:
    # Because a task that is cancelled before its first step hands the socket to nobody.
    if opening.cancelled():
        sock.close()
