"""One client connection: requests come in, and their answers go out in the same order.

Requests that arrive before the former one is answered (pipelining) wait in a short queue, and nothing more is read
meanwhile; so what a client can make the proxy remember is bounded by one read. Neither is a request begun while the
client does not take the answers that it has.
"""

import asyncio
from collections import deque
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, cast

from strangler.core import forward
from strangler.core.headers import RequestHead
from strangler.core.problem import Problem
from strangler.proxy.account import Account
from strangler.proxy.draining import DRAIN_GRACE_S, has_unread
from strangler.proxy.exchange import Exchange
from strangler.proxy.reader import Fields, RequestReader
from strangler.proxy.resets import cut, is_reset
from strangler.proxy.tunnel import Tunnel
from strangler.proxy.untaken import untaken

if TYPE_CHECKING:
    from strangler.core.decide import Decision
    from strangler.proxy.plane import Plane
    from strangler.proxy.upstream import UpstreamConnection

_SLICE = 16_384
"""Most bytes that are parsed before looking whether requests queue up, and that are copied to be sent in one piece."""
_LINGER_S = 2.0
"""How long a closed connection swallows what still comes. Precedent: nginx `lingering_timeout` 5 s, shortened."""
LOOK_S = 1.0
"""How often a client that is not read is looked after, so that its leaving is known in less than two seconds."""


class Client(asyncio.Protocol):
    """Speaks HTTP/1.0 and HTTP/1.1 to one client."""

    __slots__ = (
        "_active",
        "_admitted",
        "_backlog",
        "_has_ended",
        "_incoming",
        "_is_closing",
        "_is_serving_waiting",
        "_out",
        "_reader",
        "_tunnel",
        "_unsent",
        "_waiting",
        "account",
        "is_draining",
        "is_reading_paused",
        "is_writing_paused",
        "peer",
        "plane",
        "transport",
        "wake_at",
    )

    transport: asyncio.Transport
    peer: forward.Peer
    account: Account

    def __init__(self, plane: "Plane", peer: forward.Peer | None = None) -> None:
        """`peer` is given by who has accepted and admitted the connection already."""
        self.plane = plane
        self._admitted = peer
        self.wake_at = inf
        """When (monotonic) on_time is due."""
        self.is_draining = False
        self.is_reading_paused = False
        self.is_writing_paused = False
        self._reader = RequestReader(self, plane.limits)
        self._incoming: Exchange | None = None
        """The request whose body is being read."""
        self._active: Exchange | None = None
        """The request that is being answered."""
        self._waiting: deque[Exchange] = deque()
        self._backlog = b""
        """Bytes that are not parsed yet."""
        self._out: list[bytes] = []
        self._is_closing = False
        """Whether no further request is served."""
        self._has_ended = False  # Because the client sends no more; what it has sent is still answered.
        self._is_serving_waiting = False
        self._unsent = 0
        """Bytes that the client had not taken when it was looked last."""
        self._tunnel: Tunnel | None = None

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        admitted = self._admitted
        self.peer = admitted or self.plane.peer(transport.get_extra_info("peername"))
        self.account = Account(self.peer)
        self.wake_at = monotonic() + self.plane.limits.idle_timeout_s
        self.plane.add(self, is_admitted=admitted is not None)

    def data_received(self, data: bytes) -> None:
        if self._tunnel is not None:
            self._tunnel.on_client_data(data)
        elif self._is_closing:
            return
        elif self.is_reading_paused:
            self._backlog += data
        elif len(data) <= _SLICE:
            self._reader.feed(data)
        else:
            self._feed(data)

    def eof_received(self) -> bool:
        if self._tunnel is not None:
            self._tunnel.on_client_end()
            return self.transport.can_write_eof()
        if not self.transport.can_write_eof():
            # Because the loop's TLS has no half-close: who has said goodbye reads no answer.
            return False
        active = self._active
        if active is None or not active.request_done or active.is_streaming:
            # Because nobody shuts a half down in the middle of an endless answer: the client has left.
            return False
        # Because a client may shut its half down and still read the answers.
        self._has_ended = True
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.wake_at = inf
        self._is_closing = True
        self.plane.remove(self)
        active, self._active = self._active, None
        self._waiting.clear()
        self._backlog = b""
        if active is not None:
            active.on_client_gone()
        if self._tunnel is not None:
            self._tunnel.on_client_lost()

    def pause_writing(self) -> None:
        self.is_writing_paused = True
        self._unsent = untaken(self.transport)
        if self._tunnel is not None:
            self._tunnel.pause_upstream()
        elif self._active is not None:
            self._active.pause_upstream()
        elif not self._is_closing:
            self._rest(monotonic())

    def resume_writing(self) -> None:
        self.is_writing_paused = False
        if self._tunnel is not None:
            self._tunnel.resume_upstream()
        elif self._active is not None:
            self._active.resume_upstream()
        elif not self._is_closing:
            self._rest(monotonic())
            self._serve_waiting()

    # --- proxy.reader.Sink

    def on_begin(self) -> None:
        if self._active is None and not self.is_writing_paused and not self._is_closing:
            self.wake_at = monotonic() + self.plane.limits.header_timeout_s

    def on_request(self, method: bytes, target: bytes, version: str, head: RequestHead, headers: Fields) -> None:
        if self._is_closing:
            # Because it stood in the same piece as the end of the last one that is served.
            self._incoming = None
            return
        exchange = Exchange(self, method, target, head, headers, is_http_11=version == "1.1")
        self._incoming = exchange
        self._enqueue(exchange)

    def on_body(self, data: bytes) -> None:
        if self._incoming is not None:
            self._incoming.on_request_body(data)

    def on_end(self, trailers: Fields) -> None:
        exchange, self._incoming = self._incoming, None
        if exchange is not None:
            exchange.on_request_done(trailers)

    def on_upgrade(self, rest: bytes) -> None:
        # Because nobody knows yet what these bytes are, they wait for the answer.
        self._backlog = rest
        self.pause_reading()

    def on_bad(self, problem: Problem) -> None:
        exchange, self._incoming = self._incoming, None
        if exchange is not None:
            # The body of a request that is already on its way turned out bad.
            exchange.on_bad_body(problem)
        elif not self._is_closing:
            refused = Exchange(self, b"", b"", RequestHead(), [], is_http_11=True)
            refused.refuse(problem)
            self._enqueue(refused)

    # --- what an exchange asks for

    def send(self, data: bytes) -> None:
        """Have bytes sent with the next flush; the head and body of a small answer leave in one packet."""
        self._out.append(data)

    def flush(self) -> None:
        """Send what is to be sent, unless the client is gone."""
        out = self._out
        if not out:
            return
        self._out = []
        if self.transport.is_closing():
            return
        if len(out) == 1:
            self.transport.write(out[0])
        elif (len(out[0]) + len(out[1]) if len(out) == 2 else sum(map(len, out))) <= _SLICE:
            self.transport.write(b"".join(out))
        else:
            self.transport.writelines(out)

    def abort(self) -> None:
        """End the connection so that a cut answer cannot look complete."""
        self._is_closing = True
        cut(self.transport, is_told=self._active is None or self._active.is_http_11)

    def pause_reading(self) -> None:
        """Take no more from the client for now."""
        if not self.is_reading_paused:
            self.is_reading_paused = True
            if not self.transport.is_closing():
                self.transport.pause_reading()
            # Because a reset is not seen while nothing is read, it is looked for.
            self.wake_at = min(self.wake_at, monotonic() + LOOK_S)

    def resume_reading(self) -> None:
        """Take more again, first of all what has been received already; requests in the queue go before."""
        if self._waiting or (self._active and self._active.awaits_upgrade):
            return
        if self.is_reading_paused:
            self.is_reading_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()
        if self._backlog:
            backlog, self._backlog = self._backlog, b""
            self._feed(backlog)

    def on_exchange_done(self, now: float, *, keep_alive: bool) -> None:
        """Serve the next request, or end the connection."""
        self.flush()
        done, self._active = self._active, None
        if not keep_alive or self._is_closing:
            self._close(is_request_done=done is None or done.request_done)
            return
        if done is not None and done.upgrade is not None:
            self._reader.go_on(b"")
        self._rest(now)
        if self._waiting:
            self._serve_waiting()
        elif self.is_reading_paused:
            self.resume_reading()
        if self._has_ended:
            self._end_if_done()

    def open_tunnel(self, upstream: "UpstreamConnection", decision: "Decision | None") -> None:
        """Pass bytes both ways as they are, first those that the client sent early."""
        self._active = None
        early, self._backlog = self._backlog, b""
        self._tunnel = Tunnel(self, upstream, early, decision)
        if self.is_reading_paused:
            self.is_reading_paused = False
            self.transport.resume_reading()

    def rest_until(self, due: float, now: float) -> None:
        """Look again when `due` has come, or sooner where the client could leave unseen."""
        self.wake_at = min(due, now + LOOK_S) if self.is_reading_paused else due

    def has_taken_more(self) -> bool:
        """Return whether the client has taken something of what was written since this was asked last."""
        before, self._unsent = self._unsent, untaken(self.transport)
        return self._unsent < before

    # --- from the plane

    @property
    def is_idle(self) -> bool:
        """Whether no request is being read or answered."""
        return self._active is None and self._incoming is None and self._tunnel is None

    @property
    def lasting(self) -> "Decision | None":
        """The decision by which a tunnel or an event stream is under way."""
        if self._tunnel is not None:
            return self._tunnel.decision
        return self._active.decision if self._active is not None and self._active.is_event_stream else None

    def on_time(self, now: float) -> None:
        """Do what is due at `wake_at`."""
        self.wake_at = inf
        if self.is_reading_paused and is_reset(self.transport):
            self.abort()
        elif self._active is not None:
            self.wake_at = now + _LINGER_S
            self._active.on_time(now)
        elif self.transport.is_closing() or (self.is_writing_paused and self._tunnel is None):
            if self.has_taken_more():
                self.wake_at = now + self.plane.limits.write_timeout_s
            else:
                self.abort()
        elif self.is_draining and self.is_idle and not self._is_closing and has_unread(self.transport):
            self.wake_at = now
        elif self._tunnel is not None and (due := self._tunnel.ends_at) > now:
            self.rest_until(due, now)
        elif self._is_closing or self._tunnel is not None or self._reader.is_between:
            self.close()
            if not self._unsent and not self.transport.can_write_eof():
                # Because over TLS a close waits for the client's goodbye, which an idle one may never say.
                self.wake_at = now + _LINGER_S
        else:
            self.on_bad(Problem.HEADER_TIMEOUT)

    def close(self) -> None:
        """End the connection once what was written is sent; a client that does not take it has the time for a write."""
        self._is_closing = True
        self._waiting.clear()
        self._unsent = untaken(self.transport)
        self.transport.close()
        self.wake_at = monotonic() + self.plane.limits.write_timeout_s

    # --- inside

    def _feed(self, data: bytes) -> None:
        """Parse what came, in slices, until a request has to wait."""
        if len(data) <= _SLICE:
            self._reader.feed(data)
            return
        view = memoryview(data)
        position = 0
        while position < len(view):
            if self.is_reading_paused or self._tunnel is not None:
                self._backlog += bytes(view[position:])
                return
            self._reader.feed(bytes(view[position : position + _SLICE]))
            position += _SLICE

    def _enqueue(self, exchange: Exchange) -> None:
        if self._active is None and not self.is_writing_paused:
            self._active = exchange
            exchange.start()
        else:
            self._waiting.append(exchange)
            self.pause_reading()

    def _serve_waiting(self) -> None:
        """Start the requests that wait, one after the other as long as they end at once."""
        if self._is_serving_waiting:
            # Because an exchange that ends at once calls back here, the loop below goes on and not the recursion.
            return
        self._is_serving_waiting = True
        while self._waiting and self._active is None and not self._is_closing and not self.is_writing_paused:
            self._active = self._waiting.popleft()
            self._active.start()
        self._is_serving_waiting = False
        if self._active is None and not self._waiting and not self._is_closing:
            self.resume_reading()

    def _rest(self, now: float) -> None:
        """Set how long the client may take for its next move when no request is being answered."""
        limits = self.plane.limits
        if self.is_draining:
            self.wake_at = now + DRAIN_GRACE_S
        elif self.is_writing_paused:
            self.wake_at = now + limits.write_timeout_s
        elif self._reader.is_between:
            self.wake_at = now + limits.idle_timeout_s
        else:
            self.wake_at = now + limits.header_timeout_s

    def _end_if_done(self) -> None:
        """Close when a client that sends no more has all of its answers."""
        if self._active is None and not self._waiting and not self._is_closing:
            self.close()

    def _close(self, *, is_request_done: bool) -> None:
        """Close, and swallow what still comes: a reset would take the answer with it (RFC 9112 section 9.6)."""
        can_write_eof = self.transport.can_write_eof()
        if is_request_done and not can_write_eof:
            # Because TLS has no half-close, a client that reads to the end would wait for it.
            self.close()
            return
        self._is_closing = True
        self._waiting.clear()
        self._backlog = b""
        if can_write_eof:
            self.transport.write_eof()
        self.wake_at = monotonic() + _LINGER_S
        if self.is_reading_paused:
            self.is_reading_paused = False
            self.transport.resume_reading()
