"""The data plane of one worker: its connections, its pools, and the snapshot that it serves."""

import asyncio
import random
import secrets
import socket
import ssl
from binascii import hexlify
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import ip_network
from time import monotonic
from typing import TYPE_CHECKING, Any

from strangler.core import forward
from strangler.core.model import ListenerLimits, Upstream
from strangler.core.problem import Problem
from strangler.core.snapshot import Snapshot
from strangler.core.tally import CONNECTIONS_REFUSED, IDEMPOTENCY_KEYS_EVICTED, WRITES_UNLISTED, Tally
from strangler.proxy.accept import Acceptor
from strangler.proxy.capture import Offers
from strangler.proxy.client import Client
from strangler.proxy.crowd import Crowd, Limit
from strangler.proxy.draining import DRAIN_GRACE_S
from strangler.proxy.keybook import KeyBook
from strangler.proxy.moving import Moving
from strangler.proxy.pool import Pool
from strangler.proxy.resolver import Resolve, resolve
from strangler.proxy.sampler import Sampler
from strangler.proxy.serving import Serving, SpareKey

if TYPE_CHECKING:
    from strangler.proxy.writelog import WriteLog

_SWEEP_S = 0.25
"""How late a time-out may be seen; one sweep replaces a timer for each request."""
_MOST_WAITING = 4_096
"""Connections that are still taken out of the queue at the end; the kernel's default bound (`somaxconn`)."""
_LINES_PER_S = 20
"""Of each kind of event, lines that are logged one by one in a second; the rest are counted only."""


class Plane:
    """Serves clients on the sockets it is given; what it serves is swapped whole by `apply`."""

    def __init__(self, *, on_notice: Callable[[str, dict[str, Any]], None], resolve: Resolve = resolve) -> None:
        self._on_notice = on_notice
        self._resolve = resolve
        self._unhealthy: dict[str, frozenset[str]] = {}
        self._clients: set[Client] = set()
        self._listeners: list[socket.socket] = []
        """Those that the loop accepts on by itself."""
        self._servers: list[asyncio.Server] = []
        self._acceptors: list[Acceptor] = []
        self._crowd = Crowd()
        self._pools: dict[str, Pool] = {}
        self._past: list[Serving] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._request_prefix = secrets.token_hex(8).encode("ascii")
        self._requests = 0
        self._random = random.Random(secrets.randbits(128))  # noqa: S311 (a trace id is no secret)
        self._spare_key = SpareKey()
        self._refused = 0
        self._logged: Counter[str] = Counter()
        """By event, the lines of this second and those beyond the budget; events are a closed set."""
        self._log_second = 0
        self._is_draining = False
        self._drained = asyncio.Event()
        self._peer: Callable[[str], forward.Peer] = lambda address: forward.peer_of(address, ())
        self.serving: Serving
        """What new exchanges are decided by."""
        self.limits = ListenerLimits()
        self.tls: ssl.SSLContext | None = None
        """What new handshakes are made with; the owner swaps it when certificates change."""
        self._moving = Moving()
        self.sampler = Sampler()
        """Where shapes of requests are taken."""
        self.offers: Offers | None = None
        """Where captures for the shadow plane go."""
        self.book: KeyBook | None = None
        """Where keyed writes are remembered; set before a snapshot with such routes is applied."""
        self.writes: WriteLog | None = None
        """Where writes for both sides are noted; set before a snapshot with such routes is applied."""

    # --- what the worker asks for

    def apply(self, snapshot: Snapshot) -> None:
        """Serve new requests by this snapshot; those under way keep theirs."""
        config = snapshot.config
        wanted = {upstream.name: upstream for upstream in config.upstreams}
        pools = {
            name: kept
            if (kept := self._pools.get(name)) is not None and kept.upstream == upstream
            else self._pool(upstream)
            for name, upstream in wanted.items()
        }
        for name, pool in self._pools.items():
            if pools.get(name) is not pool:
                pool.close()
        self._pools = pools
        before = self.serving.snapshot if hasattr(self, "serving") else None
        if before is not None:
            self._past.append(self.serving)
        self.limits = config.limits
        trusted = tuple(ip_network(network) for network in config.trusted_proxies)
        scheme = "http" if config.tls is None else "https"
        self._peer = lru_cache(maxsize=4_096)(lambda address: forward.peer_of(address, trusted, scheme))
        self.serving = Serving(snapshot, pools, self._notify, self._spare_key, self.book, self.sampler)
        if before is not None and snapshot.overrides != before.overrides:
            self._moving.begin(self._clients, before, snapshot, monotonic())

    def take_verdicts(self, unhealthy: Iterable[tuple[str, str]]) -> None:
        """Leave out these addresses of upstreams, until other verdicts come; the snapshot stays what it is."""
        found: dict[str, set[str]] = {}
        for upstream, address in unhealthy:
            found.setdefault(upstream, set()).add(address)
        self._unhealthy = {upstream: frozenset(addresses) for upstream, addresses in found.items()}
        for name, pool in self._pools.items():
            pool.take_verdicts(self._unhealthy.get(name, frozenset()))

    async def serve(self, sockets: Sequence[socket.socket]) -> None:
        """Accept clients on bound sockets; a snapshot must have been applied, and `tls` be there if it asks for it."""
        loop = asyncio.get_running_loop()
        config = self.serving.snapshot.config
        if (config.tls is None) != (self.tls is None):
            raise ValueError("TLS is asked for and not there, or there and not asked for")
        for listener in sockets:
            if config.tls is None and not config.proxy_protocol:
                self._servers.append(await loop.create_server(lambda: Client(self), sock=listener))
                self._listeners.append(listener)
            else:
                acceptor = Acceptor(self, listener, proxy_protocol=config.proxy_protocol, tls=config.tls is not None)
                self._acceptors.append(acceptor)
        self._sweeper = loop.call_later(_SWEEP_S, self._sweep)

    def take_tallies(self) -> tuple[Tally, ...]:
        """Return what was counted since the last call, and start again from zero."""
        tallies = [tally for serving in (*self._past, self.serving) for tally in serving.counters.take()]
        self._past = [serving for serving in self._past if serving.counters.in_flight]
        return tuple(tallies)

    def gauges(self) -> dict[str, int]:
        """Return how many of each bounded thing there are now."""
        return {
            "client_connections": len(self._clients),
            "client_handshakes": self._pending,
            "requests_in_flight": sum(s.counters.in_flight for s in (*self._past, self.serving)),
            "upstream_connections": sum(pool.open for pool in self._pools.values()),
            "upstream_pending": sum(len(pool.pending) for pool in self._pools.values()),
            "upstream_ejected": sum(pool.ejected for pool in self._pools.values()),
        }

    def counters(self) -> dict[str, int]:
        """Return what was counted since the start, beside the exchanges; each only grows."""
        return {
            CONNECTIONS_REFUSED: self._refused,
            IDEMPOTENCY_KEYS_EVICTED: 0 if self.book is None else self.book.evicted,
            WRITES_UNLISTED: 0 if self.writes is None else self.writes.unlisted,
        }

    async def drain(self, deadline_s: float) -> None:
        """Stop accepting, finish what is under way, and end what is left after `deadline_s`.

        Connections that wait in the queue are served too: where this was the last process that listens, the kernel
        would reset them.
        """
        self._is_draining = True
        waiting = [client for listener in self._listeners for client in _accept_waiting(listener)]
        for server in self._servers:
            server.close()
        for acceptor in self._acceptors:
            acceptor.take_waiting(_MOST_WAITING)
            acceptor.close()
        loop = asyncio.get_running_loop()
        for client_socket in waiting:
            await loop.connect_accepted_socket(lambda: Client(self), client_socket)
        now = monotonic()
        for client in self._clients:
            client.is_draining = True
            if client.is_idle:
                client.wake_at = now + DRAIN_GRACE_S
        self._note_drained()
        try:
            async with asyncio.timeout(deadline_s):
                await self._drained.wait()
        except TimeoutError:
            self._on_notice("drain_cut", {"connections": len(self._clients)})
        await self.close()

    async def close(self) -> None:
        """End everything now."""
        for server in self._servers:
            server.close()
        for acceptor in self._acceptors:
            acceptor.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for client in tuple(self._clients):
            client.abort()
        for pool in self._pools.values():
            await pool.close_now()
        if self.writes is not None:
            self.writes.close()

    # --- what its clients ask for

    def add(self, client: Client, *, is_admitted: bool) -> None:
        """Take in a new connection; beyond the limits it is ended at once."""
        if not is_admitted and not self.admits(client.peer):
            client.transport.abort()
        self._crowd.enter(client.peer)
        self._clients.add(client)
        if self._is_draining:
            client.is_draining = True
            client.wake_at = monotonic() + DRAIN_GRACE_S

    def remove(self, client: Client) -> None:
        """Forget a connection that has ended."""
        self._clients.discard(client)
        self.leave(client.peer)

    def admits(self, peer: forward.Peer) -> bool:
        """Return whether one more connection of this peer is within the limits."""
        refusal = self._crowd.refusal(peer, self.limits)
        if refusal is not None:
            self._refused += 1
            self._notify("connection_refused", self._told(refusal, peer))
        return refusal is None

    def enter(self, peer: forward.Peer) -> None:
        """Count a connection that is no client yet."""
        self._crowd.enter(peer)

    def leave(self, peer: forward.Peer) -> None:
        """Count it no more."""
        self._crowd.leave(peer)
        if self._is_draining:
            self._note_drained()

    def peer(self, peername: Any) -> forward.Peer:
        """Return who is at the other end."""
        return self._peer(peername[0] if isinstance(peername, tuple) else "")

    def new_request_id(self) -> bytes:
        """Return an id that no other request of any worker has."""
        self._requests += 1
        return b"%b%08x" % (self._request_prefix, self._requests)

    def new_trace(self) -> bytes:
        """Return a fresh traceparent, not sampled (W3C Trace Context section 3.2)."""
        digits = hexlify(self._random.getrandbits(192).to_bytes(24))
        return b"00-%b-%b-00" % (digits[:32], digits[32:])

    def on_refused(self, request_id: str, problem: Problem) -> None:
        """Tell of a request that was refused before any upstream was asked."""
        self._notify("request_refused", {"request_id": request_id, "problem": problem.value.code})

    def on_handshakes_failed(self, why: dict[str, int]) -> None:
        """Tell of connections that never became clients, by reason."""
        self._on_notice("handshakes_failed", {"why": why})

    def on_accept_paused(self, why: str) -> None:
        """Tell that the system has no room for another connection."""
        self._on_notice("accept_paused", {"why": why})

    # --- inside

    def _told(self, refusal: Limit, peer: forward.Peer) -> dict[str, Any]:
        match refusal:
            case Limit.ALL:
                return {"limit": self.limits.connections}
            case Limit.ONE_ADDRESS:
                return {"limit": self.limits.connections_per_address, "address": peer.origin}

    @property
    def _pending(self) -> int:
        return sum(acceptor.pending for acceptor in self._acceptors)

    def _note_drained(self) -> None:
        if not self._crowd.total:
            self._drained.set()

    def _pool(self, upstream: Upstream) -> Pool:
        return Pool(
            upstream,
            resolve=self._resolve,
            on_notice=self._notify,
            on_crash=lambda what, error: self._on_notice("crash", {"what": what, "error": repr(error)}),
            unhealthy=self._unhealthy.get(upstream.name, frozenset()),
        )

    def _notify(self, event: str, fields: dict[str, Any]) -> None:
        """Pass a notice on, unless there are too many of its kind this second; a sample of requests always passes.

        Because refusals cost an attacker nothing, they must not push out what tells of failures.
        """
        if event != "request":
            second = int(monotonic())
            if second != self._log_second:
                self._log_second = second
                self._tell_unlogged()
            self._logged[event] += 1
            if self._logged[event] > _LINES_PER_S:
                return
        self._on_notice(event, fields)

    def _tell_unlogged(self) -> None:
        events = {event: count - _LINES_PER_S for event, count in self._logged.items() if count > _LINES_PER_S}
        self._logged.clear()
        if events:
            self._on_notice("unlogged", {"events": events})

    def _sweep(self) -> None:
        now = monotonic()
        for client in [client for client in self._clients if client.wake_at <= now]:
            client.on_time(now)
        self._moving.sweep(now)
        if self.writes is not None:
            self.writes.sweep(now)
        for acceptor in self._acceptors:
            acceptor.sweep(now)
        for pool in self._pools.values():
            pool.sweep(now)
        self._sweeper = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)


def _accept_waiting(listener: socket.socket) -> Iterator[socket.socket]:
    """Take all connections that wait in the queue now."""
    for _ in range(_MOST_WAITING):
        try:
            client, _ = listener.accept()
        except OSError:
            # None waits, or one that waited has left, or descriptors are short; then nothing more can be taken.
            return
        client.setblocking(False)
        yield client
