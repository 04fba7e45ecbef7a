"""The connections of one worker to one upstream: which of its endpoints a request goes to, and who waits.

A request that must not be sent twice only rides a connection that was in use within the last second: an older one may
be closing at the other end just now.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import TYPE_CHECKING, Any

from strangler.config.tls import client_context
from strangler.core import ejection
from strangler.core.balance import WINDOW, fewest
from strangler.core.ejection import Event
from strangler.core.model import Upstream
from strangler.proxy.connect import connect
from strangler.proxy.endpoint import Endpoint
from strangler.proxy.resolver import Names, Resolve

if TYPE_CHECKING:
    from strangler.proxy.exchange import Exchange

_IDLE_S = 55.0
"""An idle connection is closed a little before nginx's `keepalive_timeout` (60 s and more) would do so."""
_FRESH_S = 1.0
"""Shorter than any server's keep-alive time-out that we know of (gunicorn: 2 s)."""
_PURGE_S = 0.05
"""How often a full queue is searched for requests that nobody waits for any more."""

Notify = Callable[[str, dict[str, Any]], None]


class Pool:
    """Gives each exchange a connection, or tells it that there is none to be had."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        resolve: Resolve,
        on_notice: Notify,
        on_crash: Callable[[str, BaseException], None],
        unhealthy: frozenset[str] = frozenset(),
    ) -> None:
        self.upstream = upstream
        self.context: ssl.SSLContext | None = None if upstream.tls is None else client_context(upstream.tls)
        self.open = 0
        """Connections that are open or being opened."""
        self.idle = 0
        """Connections that nobody uses."""
        self.pending: deque[tuple[Exchange, float, float]] = deque()
        """Requests that wait: each with its time to connect, and when its patience ends."""
        self.is_closed = False
        self._on_notice = on_notice
        self._on_crash = on_crash
        self._tasks: set[asyncio.Task[None]] = set()
        self._endpoints: tuple[Endpoint, ...] = ()
        self._usable: tuple[Endpoint, ...] = ()
        """What requests go to: every endpoint that nothing speaks against, or all if there is none."""
        self._only: Endpoint | None = None
        """The one usable endpoint, if it is one: the straight path."""
        self._is_failing_open = False
        self._unhealthy = unhealthy
        self._rotation = 0
        self._purged_at = 0.0
        self._names = Names(
            upstream.addresses,
            resolve=resolve,
            every_s=upstream.resolve_s,
            on_change=self._follow_names,
            on_notice=self._notice,
        )
        self._follow_names()
        if self._names.names:
            self._spawn("resolve", self._names.follow())

    # --- what an exchange asks for

    def acquire(self, exchange: "Exchange", connect_s: float, now: float) -> None:
        """Begin the exchange on a connection: at once on an idle one, else as soon as there is one."""
        endpoint = self._only
        if endpoint is None:
            if not self._usable:
                self._await_name(exchange, connect_s, now)
                return
            endpoint = self._turn(self._usable)
        idle = endpoint.idle
        while idle:
            if now - idle[-1].idle_since > _FRESH_S and not exchange.is_idempotent:
                break
            connection = idle.pop()
            self.idle -= 1
            if connection.is_quiet:
                connection.begin(exchange)
                return
            connection.transport.abort()
        if self.open < self.upstream.max_connections:
            self._open(exchange, endpoint, connect_s)
        else:
            self._queue(exchange, connect_s, now)

    def acquire_fresh(self, exchange: "Exchange", connect_s: float) -> None:
        """Begin the exchange on a connection that nobody has used, in place of one that was just lost."""
        if self._usable:
            self._open(exchange, self._only or self._turn(self._usable), connect_s)
        else:
            self._await_name(exchange, connect_s, monotonic())

    # --- from its endpoints

    def next_pending(self, endpoint: Endpoint) -> "Exchange | None":
        """Return the request that waits longest and may go to this endpoint, which is then its own."""
        if endpoint not in self._usable:
            return None
        while self.pending:
            exchange, _, _ = self.pending.popleft()
            if exchange.waits_at(self):
                return exchange
        return None

    def on_room(self) -> None:
        """Let those that wait have connections, one for each that is gone."""
        self.open -= 1
        self._serve_pending()

    def on_failure(self, endpoint: Endpoint, why: str) -> None:
        """Judge an endpoint that failed."""
        endpoint.is_suspect = True
        self._judge(endpoint, Event.FAILURE, why)

    def on_success(self, endpoint: Endpoint) -> None:
        """Judge an endpoint that has served again."""
        endpoint.is_suspect = False
        self._judge(endpoint, Event.SUCCESS, "")

    # --- from the plane

    @property
    def ejected(self) -> int:
        """Endpoints that are left out because they failed."""
        return sum(endpoint.standing.is_ejected for endpoint in self._endpoints)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """All addresses that the names stand for now."""
        return self._endpoints

    def take_verdicts(self, unhealthy: frozenset[str]) -> None:
        """Leave out the endpoints with these labels; all others count as healthy."""
        self._unhealthy = unhealthy
        for endpoint in self._endpoints:
            endpoint.is_healthy = endpoint.label not in unhealthy
            if not endpoint.is_healthy:
                endpoint.close_idle()
        self._choose()

    def sweep(self, now: float) -> None:
        """Do what is due: close what has been idle for too long, bring ejected endpoints back, end long waits."""
        for endpoint in self._endpoints:
            endpoint.sweep(now - _IDLE_S)
            if endpoint.standing.wake_at <= now:
                self._judge(endpoint, Event.TIME, "", now)
        if self.pending:
            self._purge(now)

    def close(self) -> None:
        """Close idle connections now and the others when their exchange ends; look up no more names."""
        self.is_closed = True
        for task in self._tasks:
            if task.get_name() == "upstream resolve":
                task.cancel()
        for endpoint in self._endpoints:
            endpoint.close_idle()

    async def close_now(self) -> None:
        """End idle connections and those being opened."""
        self.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.sleep(0)

    # --- inside

    def _turn(self, endpoints: tuple[Endpoint, ...]) -> Endpoint:
        """Pick for the next request; among equals it is the next one's turn."""
        self._rotation += 1
        return self._pick(endpoints)

    def _pick(self, endpoints: tuple[Endpoint, ...]) -> Endpoint:
        size = len(endpoints)
        if size <= WINDOW:
            return endpoints[fewest([endpoint.open - len(endpoint.idle) for endpoint in endpoints], self._rotation)]
        window = [endpoints[(self._rotation + step) % size] for step in range(WINDOW)]
        return window[fewest([endpoint.load for endpoint in window], 0)]

    def _open(self, exchange: "Exchange", endpoint: Endpoint, connect_s: float) -> None:
        self.open += 1
        endpoint.open += 1
        self._spawn("connect", self._connect(exchange, endpoint, connect_s))

    async def _connect(self, exchange: "Exchange", endpoint: Endpoint, connect_s: float) -> None:
        """Connect for an exchange, to another endpoint if this one cannot be had; nothing has been sent yet."""
        opening = endpoint
        tried: list[Endpoint] = []

        def follow(following: Endpoint) -> None:
            nonlocal opening
            opening.open -= 1
            opening = following
            opening.open += 1

        def another() -> Endpoint | None:
            tried.append(opening)
            left = tuple(one for one in self._usable if one not in tried)
            return self._pick(left) if left else None

        connection = None
        try:
            connection, failures = await connect(
                endpoint,
                another=another,
                follow=follow,
                tls=self.upstream.tls,
                context=self.context,
                budget_s=connect_s,
            )
        finally:
            if connection is None:
                opening.open -= 1
                self.open -= 1
        if connection is None:
            if exchange.waits_at(self):
                exchange.on_unreachable("; ".join(failures))
            self._serve_pending()
        elif not exchange.waits_at(self):
            connection.idle_since = monotonic()
            opening.release(connection)
        else:
            exchange.touch()
            connection.begin(exchange)

    def _queue(self, exchange: "Exchange", connect_s: float, now: float) -> None:
        """Have an exchange wait for a connection, if there is room for one more."""
        if len(self.pending) >= self.upstream.max_pending and now - self._purged_at > _PURGE_S:
            self._purge(now)
        if len(self.pending) >= self.upstream.max_pending:
            exchange.on_overload()
            return
        self.pending.append((exchange, connect_s, now + connect_s))
        if self.idle:
            # Because at the limit an idle connection, of another endpoint or too old, makes room for a new one.
            oldest = min((one for one in self._endpoints if one.idle), key=lambda one: one.idle[0].idle_since)
            self.idle -= 1
            oldest.idle.pop(0).transport.close()

    def _await_name(self, exchange: "Exchange", connect_s: float, now: float) -> None:
        """Have an exchange wait for the first look-up; there is nowhere to send it if that has failed."""
        if self._names.failures:
            exchange.on_unreachable("; ".join(self._names.failures))
        else:
            self._queue(exchange, connect_s, now)

    def _serve_pending(self) -> None:
        """Open connections for those that wait, as far as they may be had."""
        while self.pending and self._usable and self.open < self.upstream.max_connections:
            exchange, connect_s, _ = self.pending.popleft()
            if exchange.waits_at(self):
                self._open(exchange, self._only or self._turn(self._usable), connect_s)

    def _purge(self, now: float) -> None:
        """Forget waiting requests whose clients are gone, and end those whose patience is over."""
        self._purged_at = now
        waiting = self.pending
        self.pending = deque(entry for entry in waiting if entry[2] > now and entry[0].waits_at(self))
        if len(self.pending) == len(waiting):
            return
        for exchange, connect_s, until in waiting:
            if until > now or not exchange.waits_at(self):
                continue
            if self._usable:
                exchange.on_overload()
            else:
                exchange.on_unreachable(f"no address within {connect_s:g} s")

    def _follow_names(self) -> None:
        """Take over what the names stand for now."""
        known = {(one.address, one.ip): one for one in self._endpoints}
        wanted = [(address, ip) for address, ips in self._names.known.items() for ip in ips]
        if wanted != list(known):
            self._endpoints = tuple(known.get(key) or Endpoint(self, *key) for key in wanted)
            for key, endpoint in known.items():
                if key not in wanted:
                    endpoint.drain()
            for endpoint in self._endpoints:
                endpoint.is_healthy = endpoint.label not in self._unhealthy
            self._choose()
        if self._endpoints:
            self._serve_pending()
        elif self._names.failures:
            while self.pending:
                exchange, _, _ = self.pending.popleft()
                if exchange.waits_at(self):
                    exchange.on_unreachable("; ".join(self._names.failures))

    def _judge(self, endpoint: Endpoint, event: Event, why: str, now: float | None = None) -> None:
        rules = self.upstream.ejection
        if rules is None:
            return
        before = endpoint.standing
        endpoint.standing = after = ejection.after(
            before,
            event,
            now=monotonic() if now is None else now,
            rules=rules,
            may_eject=ejection.may_eject(rules, ejected=self.ejected, total=len(self._endpoints)),
        )
        if after.is_ejected == before.is_ejected:
            return
        if after.is_ejected:
            endpoint.close_idle()
            lasts_s = ejection.lasts_s(rules, after.ejections)
            self._notice("upstream_ejected", {"address": endpoint.label, "why": why, "for_s": lasts_s})
        else:
            self._notice("upstream_returned", {"address": endpoint.label})
        self._choose()

    def _choose(self) -> None:
        """Set anew which endpoints take requests; if something speaks against each of them, all do."""
        good = tuple(endpoint for endpoint in self._endpoints if endpoint.is_usable)
        self._usable = good or self._endpoints
        self._only = self._usable[0] if len(self._usable) == 1 else None
        is_failing_open = bool(self._endpoints) and not good
        if is_failing_open != self._is_failing_open:
            self._is_failing_open = is_failing_open
            self._notice(
                "upstream_all_down" if is_failing_open else "upstream_usable",
                {"addresses": [endpoint.label for endpoint in self._usable]},
            )

    def _notice(self, event: str, fields: dict[str, Any]) -> None:
        self._on_notice(event, {"upstream": self.upstream.name, **fields})

    def _spawn(self, name: str, coro: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coro, name=f"upstream {name}")
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_crash(task.get_name(), error)
