"""One exchange: a request on its way to a side, and the answer on its way back.

It is the meeting point of a client connection and an upstream connection. Everything happens in their callbacks; there
is no task and no future on the straight path.
"""

from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING

from strangler.core import forward
from strangler.core.headers import RequestHead, ResponseHead
from strangler.core.model import SourceKind
from strangler.core.outcome import FAILURES, INDEX, Outcome, of_failure, of_status
from strangler.core.problem import OF_FAILURE, Problem, answer
from strangler.errors import FailureKind

if TYPE_CHECKING:
    from strangler.core.decide import Decision
    from strangler.proxy.client import Client
    from strangler.proxy.pool import Pool
    from strangler.proxy.serving import Serving
    from strangler.proxy.upstream import UpstreamConnection

SAFE = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE"})
"""RFC 9110 section 9.2.1."""
IDEMPOTENT = SAFE | {b"PUT", b"DELETE"}
"""RFC 9110 section 9.2.2: only these may be asked again when a pooled connection turns out to be dead."""

_COOKIE_AGE_S = 31_536_000
"""A year; browsers cap cookies at 400 days (RFC 6265bis section 5.5)."""


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "_assigned",
        "_buffered",
        "_chunked_out",
        "_decision",
        "_head_sent",
        "_is_over",
        "_keeps_alive",
        "_pool",
        "_problem",
        "_retried",
        "_serving",
        "_started",
        "_status",
        "_until_close",
        "_upstream",
        "client",
        "head",
        "headers",
        "is_http_11",
        "method",
        "request_done",
        "request_id",
        "target",
        "trace",
        "upgrade",
    )

    def __init__(
        self,
        client: "Client",
        method: bytes,
        target: bytes,
        head: RequestHead,
        headers: Sequence[tuple[bytes, bytes]],
        *,
        is_http_11: bool,
    ) -> None:
        self.client = client
        self.method = method
        self.target = target
        self.head = head
        self.headers = headers
        self.is_http_11 = is_http_11
        self.request_done = False
        self.request_id = b""
        self.trace = b""
        self.upgrade = head.upgrade
        """The protocol that the client may switch to; None for a plain request."""
        self._keeps_alive = not head.close if is_http_11 else head.keep_alive
        self._problem: Problem | None = None
        self._buffered: list[bytes] = []
        self._upstream: UpstreamConnection | None = None
        self._pool: Pool | None = None
        self._serving: Serving | None = None
        self._decision: Decision | None = None
        self._assigned = ""
        self._started = 0.0
        self._status = 0
        self._head_sent = False
        self._chunked_out = False
        self._until_close = False
        self._retried = False
        self._is_over = False

    # --- from the client connection

    def refuse(self, problem: Problem) -> None:
        """Answer with a problem when its turn comes, instead of asking an upstream."""
        self._problem = problem

    def start(self) -> None:
        """Decide where the request goes, and send it there."""
        client = self.client
        plane = client.plane
        self._started = now = monotonic()
        self._identify()
        if self._problem is not None:
            self._answer_problem(self._problem)
            return
        serving = self._serving = plane.serving
        serving.counters.in_flight += 1
        decision, self._assigned = serving.choose(self, client.peer)
        self._decision = decision
        timeouts = decision.timeouts
        client.wake_at = now + timeouts.response_s + timeouts.connect_s
        self._pool = pool = serving.pools[decision.upstream]
        pool.acquire(self, timeouts.connect_s, now)

    def on_request_body(self, data: bytes) -> None:
        """Pass on a piece of the request's body."""
        piece = b"%x\r\n%b\r\n" % (len(data), data) if self.head.chunked else data
        if self._upstream is not None:
            self._upstream.transport.write(piece)
            self._touch()
        elif not self._is_over:
            self._buffered.append(piece)
            self.client.pause_reading()

    def on_request_done(self, trailers: Sequence[tuple[bytes, bytes]]) -> None:
        """Note that the request is complete."""
        self.request_done = True
        if not self.head.chunked:
            return
        end = b"0\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % pair for pair in forward.trailers(trailers))
        if self._upstream is not None:
            self._upstream.transport.write(end)
        elif not self._is_over:
            self._buffered.append(end)

    def on_bad_body(self, problem: Problem) -> None:
        """The rest of the request cannot be read; the upstream sees a cut request, never a complete one."""
        self._drop_upstream()
        if self._head_sent:
            self.client.abort()
        elif self._started:
            self._end(Outcome.CLIENT_GONE)
            self._answer_problem(problem)
        else:
            self._problem = problem

    def on_client_gone(self) -> None:
        """Stop: nobody waits for the answer. The upstream sees a cut request, never a complete one."""
        if not self._is_over:
            self._end(Outcome.CLIENT_GONE)
        self._drop_upstream()

    def on_time(self) -> None:
        """Give up, because nothing has happened for as long as was allowed."""
        waits_for_client = not self.request_done and not self.client.is_reading_paused
        if waits_for_client and not self._head_sent:
            self._drop_upstream()
            self._end(Outcome.CLIENT_GONE)
            self._answer_problem(Problem.BODY_TIMEOUT)
        elif waits_for_client or (self._head_sent and self.client.is_writing_paused):
            self.client.abort()
        else:
            self._drop_upstream()
            self._fail(FailureKind.TIMEOUT, "no answer in time")

    def pause_upstream(self) -> None:
        """Stop reading the answer: the client does not keep up."""
        if self._upstream is not None:
            self._upstream.transport.pause_reading()

    def resume_upstream(self) -> None:
        """Read the answer again."""
        if self._upstream is not None:
            self._upstream.transport.resume_reading()
            self._touch()

    # --- from the pool and the upstream connection

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for an upstream any more."""
        return self._is_over

    @property
    def is_streaming(self) -> bool:
        """Whether an answer of unknown length is on its way."""
        return self._head_sent and (self._chunked_out or self._until_close)

    @property
    def is_idempotent(self) -> bool:
        """Whether the request may be sent a second time."""
        return self.method in IDEMPOTENT

    def on_upstream(self, upstream: "UpstreamConnection") -> None:
        """Send the request, and what has come of its body, over this connection."""
        self._upstream = upstream
        serving, decision = self._serving, self._decision
        assert serving is not None and decision is not None
        transport = upstream.transport
        transport.write(
            forward.request_head(
                method=self.method,
                target=self.target,
                head=self.head,
                forwarding=self.client.forwarding(self.head),
                request_id=self.request_id,
                trace=self.trace,
                host=serving.host(decision, upstream.address, self.head.host),
                upgrade=self.upgrade,
            )
        )
        if self._buffered:
            transport.writelines(self._buffered)
            self._buffered = []
        if not self.request_done:
            self.client.resume_reading()

    def on_unreachable(self, detail: str) -> None:
        """No connection could be had; nothing was sent."""
        self._fail(FailureKind.CONNECT, detail)

    def on_overload(self) -> None:
        """Too many requests already wait for this upstream; nothing was sent."""
        self._end(Outcome.REFUSED)
        self._answer_problem(Problem.OVERLOADED)

    def on_interim(self, status: int, reason: bytes, head: ResponseHead) -> None:
        """Pass on a 1xx; an HTTP/1.0 client would not understand it (RFC 9110 section 15.2)."""
        if self.is_http_11:
            self.client.send(forward.interim_head(status=status, reason=reason, head=head))
            self.client.flush()

    def on_switch(self, reason: bytes, head: ResponseHead) -> None:
        """Become a tunnel: from here on bytes pass as they are, both ways."""
        upstream = self._upstream
        assert upstream is not None
        self._status = 101
        self.client.send(forward.switch_head(reason=reason, head=head, extra=self._own_lines()))
        self.client.flush()
        self._end(Outcome.OK_2XX)
        self.client.open_tunnel(upstream)

    def on_response(self, status: int, reason: bytes, head: ResponseHead) -> bool:
        """Pass on the answer's head; return True when no body may follow it although it may announce one."""
        self._status = status
        self._head_sent = True
        bodyless = self.method == b"HEAD" or status in (204, 304)
        if not bodyless and head.length is None:
            self._until_close = not head.chunked
            self._chunked_out = self.is_http_11
            if not self.is_http_11:
                self._keeps_alive = False
        if not self.request_done:
            self._keeps_alive = False
        if self.client.is_draining:
            self._keeps_alive = False
        if not self._keeps_alive:
            connection = b"Connection: close\r\n"
        else:
            connection = b"" if self.is_http_11 else b"Connection: keep-alive\r\n"
        self.client.send(
            forward.response_head(
                status=status,
                reason=reason,
                head=head,
                chunked=self._chunked_out,
                connection=connection,
                extra=self._own_lines(),
            )
        )
        return self.method == b"HEAD"

    def on_response_body(self, data: bytes) -> None:
        """Pass on a piece of the answer's body at once."""
        if self._chunked_out:
            self.client.send(b"%x\r\n" % len(data))
            self.client.send(data)
            data = b"\r\n"
        self.client.send(data)

    def on_pause(self) -> None:
        """Nothing more of the answer is there just now: let go of what has come."""
        self.client.flush()
        self._touch()

    def on_response_done(self, trailers: Sequence[tuple[bytes, bytes]]) -> bool:
        """End the exchange well; return whether the upstream connection may be used again."""
        if self._chunked_out:
            lines = b"".join(b"%b: %b\r\n" % pair for pair in forward.trailers(trailers))
            self.client.send(b"0\r\n%b\r\n" % lines)
        self._upstream = None
        now = self._end(of_status(self._status))
        may_reuse = self.request_done and not self._until_close
        self.client.on_exchange_done(now, keep_alive=self._keeps_alive and self.request_done)
        return may_reuse

    def on_upstream_lost(self, *, is_clean: bool) -> None:
        """The upstream connection ended while this exchange was on it."""
        upstream, self._upstream = self._upstream, None
        if self._is_over:
            return
        if self._head_sent and self._until_close and is_clean:
            self.on_response_done(())
            return
        if self._may_retry(upstream):
            self._retried = True
            serving, decision, pool = self._serving, self._decision, self._pool
            assert serving is not None and decision is not None and pool is not None
            pool.acquire_fresh(self, decision.timeouts.connect_s)
            return
        self._fail(FailureKind.RESET, "the connection ended before the answer was complete")

    def on_upstream_failed(self, kind: FailureKind, detail: str) -> None:
        """The upstream connection was dropped because of what it brought."""
        self._upstream = None
        self._fail(kind, detail)

    # --- inside

    def _may_retry(self, upstream: "UpstreamConnection | None") -> bool:
        """A pooled connection may have been closed as the request was sent (RFC 9112 section 9.3.1)."""
        return (
            upstream is not None
            and upstream.uses > 1
            and not self._retried
            and not self._head_sent
            and self.is_idempotent
            and self.request_done
            and not self.head.chunked
            and not self.head.length
        )

    def _identify(self) -> None:
        client = self.client
        request_id = trace = None
        if client.peer.is_trusted:
            request_id, trace = forward.believed_ids(client.peer, self.head)
        self.request_id = request_id or client.plane.new_request_id()
        self.trace = trace or client.plane.new_trace()

    def _own_lines(self) -> bytes:
        serving, decision = self._serving, self._decision
        assert serving is not None and decision is not None
        lines = serving.decision_line(decision)
        if self._assigned and decision.route is not None:
            name = next(s.name for s in decision.route.identity if s.kind is SourceKind.ASSIGNED)
            lines += (
                f"Set-Cookie: {name}={self._assigned}; Path=/; Max-Age={_COOKIE_AGE_S}; HttpOnly; SameSite=Lax\r\n"
            ).encode("ascii")
        return lines

    def _touch(self) -> None:
        if self._decision is not None:
            self.client.wake_at = monotonic() + self._decision.timeouts.idle_s

    def _drop_upstream(self) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abandon()

    def _fail(self, kind: FailureKind, detail: str) -> None:
        if self._is_over:
            return
        self._end(of_failure(kind), detail)
        if self._head_sent:
            # Because a cut answer must never look complete: no terminator, no clean end.
            self.client.abort()
        else:
            self._answer_problem(OF_FAILURE[kind])

    def _answer_problem(self, problem: Problem) -> None:
        self._is_over = True
        self._head_sent = True
        close = problem.value.closes or not self._keeps_alive or not self.request_done or self.client.is_draining
        self.client.send(
            answer(problem, self.request_id.decode("ascii"), close=close, head_only=self.method == b"HEAD")
        )
        if self._serving is None:
            self.client.plane.on_refused(self.request_id.decode("ascii"), problem)
        self.client.on_exchange_done(monotonic(), keep_alive=not close)

    def _end(self, outcome: Outcome, detail: str = "") -> float:
        """Count the exchange, once, and return the time."""
        now = monotonic()
        self._is_over = True
        self._buffered = []
        serving, decision = self._serving, self._decision
        if serving is not None and decision is not None:
            seconds = now - self._started
            serving.counters.count(decision.slot, INDEX[outcome], seconds)
            serving.counters.in_flight -= 1
            if outcome in FAILURES or serving.logs_requests:
                serving.on_end(self, decision, outcome, detail, self._status, seconds)
        return now
