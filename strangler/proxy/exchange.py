"""One exchange: a request on its way to a side, and the answer on its way back.

It is the meeting point of a client connection and an upstream connection. Everything happens in their callbacks; there
is no task and no future on the straight path. Here is what an exchange knows and how it begins and is counted; sending,
answering and ending are in files of their own.
"""

from collections.abc import Sequence
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from strangler.core import forward
from strangler.core.fallback import IDEMPOTENT
from strangler.core.headers import RequestHead
from strangler.core.model import SourceKind
from strangler.core.outcome import ANSWERED, FAILURES, INDEX, Outcome
from strangler.core.problem import Problem, RefusedError
from strangler.proxy import answering, capture, ending, sending

if TYPE_CHECKING:
    from strangler.core.decide import Decision
    from strangler.proxy.capture import Taker
    from strangler.proxy.client import Client
    from strangler.proxy.pool import Pool
    from strangler.proxy.serving import Serving
    from strangler.proxy.upstream import UpstreamConnection

_COOKIE_AGE_S = 31_536_000
"""A year; browsers cap cookies at 400 days (RFC 6265bis section 5.5)."""


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "assigned",
        "body_bytes",
        "buffered",
        "capture",
        "chunked_out",
        "client",
        "decision",
        "ends_at",
        "has_retried",
        "head",
        "head_sent",
        "headers",
        "interim_sent",
        "is_event_stream",
        "is_http_11",
        "is_key_new",
        "is_over",
        "is_whole",
        "is_written",
        "keeps_alive",
        "kept_bytes",
        "key",
        "method",
        "moved_at",
        "pool",
        "problem",
        "request_done",
        "request_id",
        "serving",
        "started",
        "status",
        "streams_from",
        "target",
        "trace",
        "until_close",
        "upgrade",
        "upstream",
    )

    ends_at: float
    """When the time for the whole exchange is up."""
    moved_at: float
    """When something moved last; the waits that have a limit begin there."""
    streams_from: float
    """When the answer of an event stream began, which is what its client has waited for."""

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
        """Whether the client has sent all of its request."""
        self.request_id = b""
        self.trace = b""
        self.upgrade = head.upgrade
        """The protocol that the client may switch to; None for a plain request."""
        self.keeps_alive = not head.close if is_http_11 else head.keep_alive
        self.problem: Problem | None = None
        """What to answer when its turn comes, instead of asking an upstream."""
        self.buffered: list[bytes] = []
        """What has come of the body and waits for a connection, or is kept to be sent a second time."""
        self.body_bytes = 0
        """What has come of a body of unknown length."""
        self.kept_bytes = 0
        self.is_whole = True
        """Whether all that has come of the body is at hand, so that the request can be sent from its beginning."""
        self.is_written = False
        """Whether a byte of the request has been written to an upstream."""
        self.upstream: UpstreamConnection | None = None
        self.pool: Pool | None = None
        self.serving: Serving | None = None
        self.decision: Decision | None = None
        self.assigned = ""
        """The key that the answer assigns to its client; empty when it has one."""
        self.started = 0.0
        self.status = 0
        self.head_sent = False
        """Whether the client has seen anything of the final answer."""
        self.chunked_out = False
        self.is_event_stream = False
        """Whether the answer goes on for as long as both sides like (text/event-stream)."""
        self.until_close = False
        """Whether the upstream's connection ends its answer."""
        self.interim_sent = False
        """Whether the client has seen an interim answer."""
        self.capture: Taker | None = None
        """What sees it pass because the other side is to have it too."""
        self.key = b""
        """The digest of its idempotency key; empty for a request that is no keyed write."""
        self.is_key_new = False
        self.has_retried = False
        """Whether this side has been asked twice."""
        self.is_over = False
        """Whether it is counted, and nobody waits for an upstream any more."""

    # Because each callback is on the straight path, the functions of the other files are the methods themselves.

    on_upstream = sending.on_upstream
    on_request_body = sending.on_request_body
    on_request_done = sending.on_request_done

    on_interim = answering.on_interim
    on_switch = answering.on_switch
    on_response = answering.on_response
    on_response_body = answering.on_response_body
    on_pause = answering.on_pause
    on_response_done = answering.on_response_done
    pause_upstream = answering.pause_upstream
    resume_upstream = answering.resume_upstream

    on_bad_body = ending.on_bad_body
    on_client_gone = ending.on_client_gone
    on_time = ending.on_time
    on_unreachable = ending.on_unreachable
    on_overload = ending.on_overload
    on_upstream_lost = ending.on_upstream_lost
    on_upstream_failed = ending.on_upstream_failed

    def refuse(self, problem: Problem) -> None:
        """Answer with a problem when its turn comes, instead of asking an upstream."""
        self.problem = problem

    def start(self) -> None:
        """Decide where the request goes, and send it there."""
        client = self.client
        plane = client.plane
        self.started = self.moved_at = now = monotonic()
        if client.peer.is_trusted:
            self._believe_ids(client.peer)
        if not self.request_id:
            self.request_id = plane.new_request_id()
        if not self.trace:
            self.trace = plane.new_trace()
        if self.problem is not None:
            ending.answer_problem(self, self.problem)
            return
        serving = plane.serving
        try:
            decision, self.assigned = serving.choose(self, client.peer)
        except RefusedError as error:
            ending.answer_problem(self, error.problem)
            return
        self.serving = serving
        serving.counters.in_flight += 1
        self.decision = decision
        if decision.shadow is not None or decision.writes is not None:
            self.capture = capture.begin(self, decision, plane)
        timeouts = decision.timeouts
        self.ends_at = now + timeouts.total_s if timeouts.total_s else inf
        if (self.head.length or self.body_bytes) > decision.max_body_bytes:
            ending.refuse_body(self)
        else:
            self.acquire(decision, serving, now)

    def acquire(self, decision: "Decision", serving: "Serving", now: float) -> None:
        """Ask for a connection to where the decision says; `moved_at` is now."""
        wake_at = now + decision.patience_s
        if wake_at > self.ends_at:
            wake_at = self.ends_at
        self.client.wake_at = wake_at
        self.pool = pool = serving.pools[decision.upstream]
        pool.acquire(self, decision.timeouts.connect_s, now)

    @property
    def awaits_upgrade(self) -> bool:
        """Whether nobody knows yet what the bytes behind this request are."""
        return self.upgrade is not None and self.request_done

    @property
    def is_streaming(self) -> bool:
        """Whether an answer of unknown length is on its way."""
        return self.head_sent and (self.chunked_out or self.until_close)

    def waits_at(self, pool: "Pool") -> bool:
        """Whether a connection of this pool is still wanted: the exchange may be over, or ask elsewhere by now."""
        return self.pool is pool and self.upstream is None and not self.is_over

    @property
    def is_idempotent(self) -> bool:
        """Whether the request may be sent a second time as it is."""
        return self.method in IDEMPOTENT and not self.head.chunked and not self.head.length

    def own_lines(self) -> bytes:
        """Return the header lines that the proxy adds to the answer."""
        serving, decision = self.serving, self.decision
        assert serving is not None and decision is not None
        if not self.assigned and not serving.explains:
            return b""
        lines = serving.decision_line(decision) if serving.explains else b""
        if self.assigned and decision.route is not None:
            name = next(s.name for s in decision.route.identity if s.kind is SourceKind.ASSIGNED)
            lines += (
                f"Set-Cookie: {name}={self.assigned}; Path=/; Max-Age={_COOKIE_AGE_S}; HttpOnly; SameSite=Lax\r\n"
            ).encode("ascii")
        return lines

    def touch(self) -> None:
        """Note that something has moved: the idle time begins anew."""
        if self.decision is not None:
            self.moved_at = now = monotonic()
            wake_at = now + self.decision.patience_s
            if wake_at > self.ends_at:
                wake_at = self.ends_at
            self.client.wake_at = wake_at

    def end(self, outcome: Outcome, detail: str = "") -> float:
        """Count the exchange, once, and return the time."""
        self.moved_at = now = monotonic()
        self.is_over = True
        if self.buffered:
            self.buffered = []
        if self.capture is not None and outcome not in ANSWERED:
            self.drop_capture()
        serving, decision = self.serving, self.decision
        if serving is not None and decision is not None:
            seconds = now - self.started
            # Because a client keeps a stream open for as long as it likes, its length says nothing of a side.
            waited = self.streams_from - self.started if self.is_event_stream else seconds
            serving.counters.count(decision.slot, INDEX[outcome], waited)
            serving.counters.in_flight -= 1
            sampler = serving.sampler
            sampler.left -= 1
            if sampler.left < 0:
                sampler.take(self, decision, outcome)
            failed = outcome in FAILURES
            if decision.failing is not None and outcome in ANSWERED:
                failed = self.status in decision.failing
            if failed:
                serving.counters.count_failure(decision.slot, is_connect=outcome is Outcome.CONNECT)
            if failed or serving.logs_requests:
                serving.on_end(self, decision, outcome, detail, self.status, seconds, failed=failed)
        return now

    def drop_capture(self) -> None:
        """End what sees it pass: no answer of its side comes whole."""
        taker, self.capture = self.capture, None
        if taker is not None:
            taker.drop(self)

    def _believe_ids(self, peer: forward.Peer) -> None:
        request_id, trace = forward.believed_ids(peer, self.head)
        self.request_id, self.trace = request_id or b"", trace or b""
