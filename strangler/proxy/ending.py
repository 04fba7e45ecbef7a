"""Giving up: how an exchange ends when it does not go well, and when it is asked again instead."""

from time import monotonic
from typing import TYPE_CHECKING

from strangler.core.outcome import Outcome, of_failure
from strangler.core.problem import OF_FAILURE, Problem, answer
from strangler.errors import FailureKind

if TYPE_CHECKING:
    from strangler.proxy.exchange import Exchange
    from strangler.proxy.upstream import UpstreamConnection


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


def on_client_gone(exchange: "Exchange") -> None:
    """Stop: nobody waits for the answer. The upstream sees a cut request, never a complete one."""
    if not exchange.is_over:
        exchange.end(Outcome.CLIENT_GONE)
    drop_upstream(exchange)


def on_time(exchange: "Exchange") -> None:
    """Give up, because nothing has happened for as long as was allowed."""
    waits_for_client = not exchange.request_done and not exchange.client.is_reading_paused
    if waits_for_client and not exchange.head_sent:
        drop_upstream(exchange)
        exchange.end(Outcome.CLIENT_GONE)
        answer_problem(exchange, Problem.BODY_TIMEOUT)
    elif waits_for_client or (exchange.head_sent and exchange.client.is_writing_paused):
        exchange.client.abort()
    else:
        drop_upstream(exchange)
        fail(exchange, FailureKind.TIMEOUT, "no answer in time")


def on_unreachable(exchange: "Exchange", detail: str) -> None:
    """No connection could be had; nothing was sent."""
    fail(exchange, FailureKind.CONNECT, detail)


def on_overload(exchange: "Exchange") -> None:
    """Too many requests already wait for this upstream; nothing was sent."""
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
    if may_retry(exchange, upstream):
        exchange.retried = True
        serving, decision, pool = exchange.serving, exchange.decision, exchange.pool
        assert serving is not None and decision is not None and pool is not None
        pool.acquire_fresh(exchange, decision.timeouts.connect_s)
        return
    fail(exchange, FailureKind.RESET, "the connection ended before the answer was complete")


def on_upstream_failed(exchange: "Exchange", kind: FailureKind, detail: str) -> None:
    """The upstream connection was dropped because of what it brought."""
    exchange.upstream = None
    fail(exchange, kind, detail)


def fail(exchange: "Exchange", kind: FailureKind, detail: str) -> None:
    """Count the side's failure and tell the client: with a problem, or by cutting an answer that has begun."""
    if exchange.is_over:
        return
    exchange.end(of_failure(kind), detail)
    if exchange.head_sent:
        # Because a cut answer must never look complete: no terminator, no clean end.
        exchange.client.abort()
    else:
        answer_problem(exchange, OF_FAILURE[kind])


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


def may_retry(exchange: "Exchange", upstream: "UpstreamConnection | None") -> bool:
    """Return whether to ask again: a pooled connection may be closing as it is used (RFC 9112 section 9.3.1)."""
    return (
        upstream is not None
        and upstream.uses > 1
        and not exchange.retried
        and not exchange.head_sent
        and exchange.is_idempotent
        and exchange.request_done
        and not exchange.head.chunked
        and not exchange.head.length
    )
