"""An endpoint: one resolved address of an upstream, with its connections and what is known of how it does.

Idle connections wait in a stack, so that the warmest is used first and the coldest grow old.
"""

from typing import TYPE_CHECKING

from strangler.core import ejection
from strangler.core.ejection import Standing
from strangler.core.model import Address
from strangler.proxy.upstream import UpstreamConnection

if TYPE_CHECKING:
    from strangler.proxy.pool import Pool


class Endpoint:
    """Where the connections to one address come from and go back to (proxy.upstream.Owner)."""

    __slots__ = ("_pool", "address", "idle", "ip", "is_gone", "is_healthy", "is_suspect", "label", "open", "standing")

    def __init__(self, pool: "Pool", address: Address, ip: str) -> None:
        self.address = address
        """As the file has it; its host is what TLS asks for and what `host: upstream` sends."""
        self.ip = ip
        self.label = str(Address(host=ip, port=address.port))
        self.idle: list[UpstreamConnection] = []
        self.open = 0
        """Connections that are open or being opened."""
        self.is_gone = False
        """Whether the name does not stand for this address any more."""
        self.is_healthy = True
        """What control's checks say."""
        self.is_suspect = False
        """Whether the last exchange failed, so that a good one has to be told."""
        self.standing: Standing = ejection.NEW
        self._pool = pool

    @property
    def load(self) -> int:
        """Requests under way here, those included that wait for their connection."""
        return self.open - len(self.idle)

    @property
    def is_usable(self) -> bool:
        """Whether nothing speaks against this address."""
        return self.is_healthy and not self.standing.is_ejected and not self.is_gone

    def drain(self) -> None:
        """Close idle connections now, and the others when their exchange ends."""
        self.is_gone = True
        self.close_idle()

    def close_idle(self) -> None:
        """Close what nobody uses."""
        self._pool.idle -= len(self.idle)
        idle, self.idle = self.idle, []
        for connection in idle:
            connection.transport.close()

    def sweep(self, before: float) -> None:
        """Close what has been idle since a moment before this one."""
        idle = self.idle
        while idle and idle[0].idle_since < before:
            self._pool.idle -= 1
            idle.pop(0).transport.close()

    # --- proxy.upstream.Owner

    def release(self, connection: UpstreamConnection) -> None:
        """Take back a connection that may be used again: for the request that waits longest, or for later."""
        pool = self._pool
        if self.is_gone or pool.is_closed or connection.transport.is_closing():
            connection.transport.close()
            return
        if pool.pending and connection.is_quiet:
            exchange = pool.next_pending(self)
            if exchange is not None:
                exchange.touch()
                connection.begin(exchange)
                return
        if pool.idle >= pool.upstream.max_idle or pool.pending:
            # Because what still waits may not be sent here, this connection makes room for another.
            connection.transport.close()
            return
        pool.idle += 1
        connection.was_idle = True
        self.idle.append(connection)

    def lost(self, connection: UpstreamConnection) -> None:
        """Forget a connection that is gone."""
        self.open -= 1
        if connection in self.idle:
            self._pool.idle -= 1
            self.idle.remove(connection)
        self._pool.on_room()

    def failed(self, why: str) -> None:
        """Note that an exchange, or a try to connect, went wrong here."""
        self._pool.on_failure(self, why)

    def succeeded(self) -> None:
        """Note that an exchange went well after one that had not."""
        self._pool.on_success(self)
