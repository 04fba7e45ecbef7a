"""Ending: how an exchange ends when it does not go well, and where it is asked again instead.

What is asked again is decided in core.fallback; here it is done.
"""

from time import monotonic
from typing import TYPE_CHECKING

from strangler.core.fallback import Next, after_failure
from strangler.core.model import Fallback, Side
from strangler.core.outcome import FAILURES, INDEX, Outcome, of_failure
from strangler.core.problem import OF_FAILURE, Problem, answer
from strangler.errors import FailureKind
from strangler.proxy import capture, keyed

if TYPE_CHECKING:
    from strangler.proxy.exchange import Exchange


def on_bad_body(exchange: "Exchange", problem: Problem) -> None:
    """The rest of the request cannot be read; the upstream sees a cut request, never a complete one."""
    drop_upstream(exchange)
    if exchange.head_sent:
        exchange.client.abort()
    elif exchange.started:
        exchange.end(Outcome.CLIENT_GONE)
        answer_problem(exchange, problem)
    else:
        exchange.problem = problem


def refuse_body(exchange: "Exchange") -> None:
    """The request's body is larger than may be; an upstream that was asked sees a cut request."""
    drop_upstream(exchange)
    exchange.end(Outcome.REFUSED)
    exchange.client.plane.on_refused(exchange.request_id.decode("ascii"), Problem.BODY_TOO_LARGE)
    if exchange.head_sent:
        exchange.client.abort()
    else:
        answer_problem(exchange, Problem.BODY_TOO_LARGE)


def on_client_gone(exchange: "Exchange") -> None:
    """Stop: nobody waits for the answer. The upstream sees a cut request, never a complete one."""
    if not exchange.is_over:
        exchange.end(Outcome.CLIENT_GONE)
    drop_upstream(exchange)


def on_time(exchange: "Exchange", now: float) -> None:
    """Give up if what is waited for is late; look again later if it is not."""
    is_up = now >= exchange.ends_at
    due = exchange.ends_at if is_up else exchange.moved_at + _limit_s(exchange)
    if due > now:
        exchange.client.rest_until(min(due, exchange.ends_at), now)
    elif _waits_for_client(exchange) and not exchange.head_sent:
        drop_upstream(exchange)
        exchange.end(Outcome.CLIENT_GONE)
        answer_problem(exchange, Problem.BODY_TIMEOUT)
    elif exchange.head_sent and exchange.client.is_writing_paused and not is_up and exchange.client.has_taken_more():
        exchange.touch()
    elif _waits_for_client(exchange) or (exchange.head_sent and exchange.client.is_writing_paused):
        exchange.client.abort()
    else:
        if exchange.upstream is not None:
            exchange.upstream.blame("no answer in time")
        drop_upstream(exchange)
        fail(exchange, FailureKind.TIMEOUT, "no answer in time", may_ask_again=not is_up)


def on_unreachable(exchange: "Exchange", detail: str) -> None:
    """No connection could be had; nothing was sent."""
    fail(exchange, FailureKind.CONNECT, detail)


def on_overload(exchange: "Exchange") -> None:
    """Too many requests already wait for this upstream; nothing was sent."""
    if _next(exchange, is_stale=False) is Next.FALL_BACK and _may_move(exchange):
        _fall_back(exchange, Outcome.REFUSED, "too many requests wait for it")
    else:
        exchange.end(Outcome.REFUSED)
        answer_problem(exchange, Problem.OVERLOADED)


def on_upstream_lost(exchange: "Exchange", *, is_clean: bool) -> None:
    """The upstream connection ended while this exchange was on it."""
    upstream, exchange.upstream = exchange.upstream, None
    if exchange.is_over:
        return
    if exchange.head_sent and exchange.until_close and is_clean:
        exchange.on_response_done(())
        return
    # Because a pooled connection may be closing just as it is used (RFC 9112 section 9.3.1).
    is_stale = upstream is not None and upstream.may_be_stale
    fail(exchange, FailureKind.RESET, "the connection ended before the answer was complete", is_stale=is_stale)


def on_upstream_failed(exchange: "Exchange", kind: FailureKind, detail: str) -> None:
    """The upstream connection was dropped because of what it brought."""
    exchange.upstream = None
    fail(exchange, kind, detail)


def fail(
    exchange: "Exchange", kind: FailureKind, detail: str, *, is_stale: bool = False, may_ask_again: bool = True
) -> None:
    """Ask again where that is safe; else count the side's failure and tell the client, or cut what has begun."""
    if exchange.is_over:
        return
    then = _next(exchange, is_stale=is_stale) if may_ask_again else Next.GIVE_UP
    if then is Next.FALL_BACK and not _may_move(exchange):
        then = Next.GIVE_UP
    match then:
        case Next.AGAIN:
            _ask_again(exchange)
        case Next.FALL_BACK:
            _fall_back(exchange, of_failure(kind), detail)
        case Next.GIVE_UP:
            is_kept = bool(exchange.key) and not exchange.is_key_new and not exchange.is_written
            exchange.end(of_failure(kind), detail)
            if exchange.head_sent:
                # Because a cut answer must never look complete: no terminator, no clean end.
                exchange.client.abort()
            else:
                # Because nobody else may answer it, a repetition is told to come back.
                answer_problem(exchange, Problem.KEPT_SIDE if is_kept else OF_FAILURE[kind])


def answer_problem(exchange: "Exchange", problem: Problem) -> None:
    """Give the client our own answer in place of an upstream's."""
    exchange.is_over = True
    exchange.head_sent = True
    close = problem.value.closes or not exchange.keeps_alive or not exchange.request_done or exchange.client.is_draining
    exchange.client.send(
        answer(problem, exchange.request_id.decode("ascii"), close=close, head_only=exchange.method == b"HEAD")
    )
    if exchange.serving is None:
        exchange.client.plane.on_refused(exchange.request_id.decode("ascii"), problem)
    exchange.client.on_exchange_done(monotonic(), keep_alive=not close)


def drop_upstream(exchange: "Exchange") -> None:
    """Give up the upstream's connection: what was half sent on it is never complete, what it brings goes to nobody."""
    upstream, exchange.upstream = exchange.upstream, None
    if upstream is not None:
        upstream.abandon()


def _waits_for_client(exchange: "Exchange") -> bool:
    return exchange.upstream is not None and not exchange.request_done and not exchange.client.is_reading_paused


def _limit_s(exchange: "Exchange") -> float:
    """Return how long what the exchange waits for may take."""
    serving, decision, client = exchange.serving, exchange.decision, exchange.client
    assert serving is not None and decision is not None
    timeouts, limits = decision.timeouts, serving.snapshot.config.limits
    if exchange.upstream is None:
        return timeouts.connect_s + timeouts.response_s
    if exchange.head_sent and client.is_writing_paused:
        return limits.write_timeout_s
    if _waits_for_client(exchange):
        return limits.body_timeout_s
    return timeouts.idle_s if exchange.head_sent or not exchange.request_done else timeouts.response_s


def _next(exchange: "Exchange", *, is_stale: bool) -> Next:
    decision = exchange.decision
    assert decision is not None
    return after_failure(
        method=exchange.method,
        fallback=Fallback.OFF if decision.route is None else decision.route.fallback,
        has_other_side=decision.instead is not None and keyed.may_fall_back(exchange),
        is_begun=exchange.head_sent or exchange.interim_sent,
        is_written=exchange.is_written,
        is_whole=exchange.is_whole,
        is_stale=is_stale,
        has_retried=exchange.has_retried,
    )


def _may_move(exchange: "Exchange") -> bool:
    """Return whether the monolith may answer instead; a key that was claimed for this side is its own from now on."""
    serving = exchange.serving
    return serving is None or keyed.move(exchange, serving.book, Side.LEGACY)


def _ask_again(exchange: "Exchange") -> None:
    """Ask the same upstream once more, on a connection that nobody has used."""
    exchange.has_retried = True
    decision, pool = exchange.decision, exchange.pool
    assert decision is not None and pool is not None
    pool.acquire_fresh(exchange, decision.timeouts.connect_s)


def _fall_back(exchange: "Exchange", outcome: Outcome, detail: str) -> None:
    """Count the extracted side's failure, and ask the monolith; it has all of its own time."""
    serving, decision = exchange.serving, exchange.decision
    assert serving is not None and decision is not None and decision.instead is not None
    now = monotonic()
    seconds = now - exchange.started
    serving.counters.count(decision.slot, INDEX[outcome], seconds)
    if outcome in FAILURES:
        serving.counters.count_failure(decision.slot, is_connect=outcome is Outcome.CONNECT)
    serving.counters.count_fallback(decision.slot, INDEX[outcome])
    serving.on_end(exchange, decision, outcome, detail, exchange.status, seconds, failed=True, falls_back=True)
    if exchange.capture is not None and not exchange.capture.fall_back(exchange):
        exchange.capture = None
    exchange.decision = decision.instead
    if exchange.capture is None and decision.instead.writes is not None:
        exchange.capture = capture.begin_late(exchange, decision.instead)
    exchange.has_retried = False
    exchange.started = exchange.moved_at = now
    exchange.acquire(decision.instead, serving, now)
