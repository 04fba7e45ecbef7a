"""The connections of one worker to one upstream.

Idle ones wait in a stack, so that the warmest is used first and the coldest grow old. A request that must not be sent
twice only rides a connection that was in use within the last second: an older one may be closing at the other end
just now.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from strangler.core.model import Address, Upstream
from strangler.proxy.upstream import UpstreamConnection

if TYPE_CHECKING:
    from strangler.proxy.exchange import Exchange

_IDLE_S = 55.0
"""An idle connection is closed a little before nginx's `keepalive_timeout` (60 s and more) would do so."""
_FRESH_S = 1.0
"""Shorter than any server's keep-alive time-out that we know of (gunicorn: 2 s)."""
MAX_PENDING = 1_024
"""Requests that wait for a connection. Precedent: Envoy's circuit breaker `max_pending_requests` 1,024."""


class Pool:
    """Gives each exchange a connection, or tells it that there is none to be had."""

    def __init__(self, upstream: Upstream, on_crash: Callable[[str, BaseException], None]) -> None:
        self.upstream = upstream
        self._on_crash = on_crash
        self._idle: list[UpstreamConnection] = []
        self._pending: deque[tuple[Exchange, float]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._rotation = 0
        self._is_closed = False
        self.open = 0
        """Connections that are open or being opened."""

    @property
    def pending(self) -> int:
        """Requests that wait for a connection."""
        return len(self._pending)

    def acquire(self, exchange: "Exchange", connect_s: float, now: float) -> None:
        """Begin the exchange on a connection: at once on an idle one, else as soon as there is one."""
        idle = self._idle
        while idle:
            if now - idle[-1].idle_since > _FRESH_S and not exchange.is_idempotent:
                break
            connection = idle.pop()
            if not connection.transport.is_closing():
                connection.begin(exchange)
                return
        if self.open < self.upstream.max_connections:
            self._open(exchange, connect_s)
        elif idle:
            # Because at the limit the oldest idle connection makes room for a new one.
            idle.pop(0).transport.close()
            self._pending.append((exchange, connect_s))
        elif len(self._pending) < MAX_PENDING:
            self._pending.append((exchange, connect_s))
        else:
            exchange.on_overload()

    def acquire_fresh(self, exchange: "Exchange", connect_s: float) -> None:
        """Begin the exchange on a connection that nobody has used."""
        self._open(exchange, connect_s)

    # --- proxy.upstream.Owner

    def release(self, connection: UpstreamConnection) -> None:
        if self._is_closed or connection.transport.is_closing():
            connection.transport.close()
            return
        while self._pending:
            exchange, _ = self._pending.popleft()
            if exchange.waits_at(self):
                connection.begin(exchange)
                return
        if len(self._idle) >= self.upstream.max_idle:
            connection.transport.close()
            return
        connection.idle_since = monotonic()
        self._idle.append(connection)

    def lost(self, connection: UpstreamConnection) -> None:
        self.open -= 1
        if connection in self._idle:
            self._idle.remove(connection)
        while self._pending and self.open < self.upstream.max_connections:
            exchange, connect_s = self._pending.popleft()
            if exchange.waits_at(self):
                self._open(exchange, connect_s)

    # --- from the plane

    def sweep(self, now: float) -> None:
        """Close what has been idle for too long."""
        while self._idle and now - self._idle[0].idle_since > _IDLE_S:
            self._idle.pop(0).transport.close()

    def close(self) -> None:
        """Close idle connections now and the others when their exchange ends."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().transport.close()

    async def close_now(self) -> None:
        """End idle connections and those being opened."""
        self.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.sleep(0)

    # --- inside

    def _open(self, exchange: "Exchange", connect_s: float) -> None:
        self.open += 1
        task = asyncio.get_running_loop().create_task(self._connect(exchange, connect_s), name="upstream connect")
        self._tasks.add(task)
        task.add_done_callback(self._on_connected)

    def _on_connected(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_crash("upstream connect", error)

    async def _connect(self, exchange: "Exchange", connect_s: float) -> None:
        """Try each address in turn, for `connect_s` in all."""
        loop = asyncio.get_running_loop()
        failures: list[str] = []
        connection: UpstreamConnection | None = None
        try:
            async with asyncio.timeout(connect_s):
                for address in self._addresses():
                    try:
                        _, connection = await loop.create_connection(
                            partial(UpstreamConnection, self, str(address)), address.host, address.port
                        )
                        break
                    except OSError as error:
                        failures.append(f"{address}: {error.strerror or error}")
        except TimeoutError:
            failures.append(f"no connection within {connect_s:g} s")
        if connection is None:
            self.open -= 1
            if exchange.waits_at(self):
                exchange.on_unreachable("; ".join(failures))
        elif not exchange.waits_at(self):
            self.release(connection)
        else:
            connection.begin(exchange)

    def _addresses(self) -> tuple[Address, ...]:
        addresses = self.upstream.addresses
        self._rotation = (self._rotation + 1) % len(addresses)
        return addresses[self._rotation :] + addresses[: self._rotation]
