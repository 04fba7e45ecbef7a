"""Sending: how an exchange's request goes to its upstream, as it comes from the client.

What is sent of a body is forgotten, but for a little of one that could be needed again (core.fallback).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from strangler.core import forward
from strangler.core.fallback import KEPT_BYTES, may_be_needed_again
from strangler.core.model import Fallback
from strangler.proxy import ending

if TYPE_CHECKING:
    from strangler.proxy.exchange import Exchange
    from strangler.proxy.upstream import UpstreamConnection


def on_upstream(exchange: "Exchange", upstream: "UpstreamConnection") -> None:
    """Send the request, and what has come of its body, over this connection."""
    exchange.upstream = upstream
    exchange.is_written = True
    serving, decision = exchange.serving, exchange.decision
    assert serving is not None and decision is not None
    head = exchange.head
    transport = upstream.transport
    transport.write(
        forward.request_head(
            exchange.method,
            exchange.target,
            head,
            exchange.client.account.lines(head),
            exchange.request_id,
            exchange.trace,
            serving.host(decision, upstream.address) if decision.sets_host or head.host is None else None,
            exchange.upgrade,
        )
    )
    if exchange.buffered:
        transport.writelines(exchange.buffered)
        _forget(exchange)
    if exchange.client.is_reading_paused:
        # Also where the request is complete: who is not read leaves unseen.
        exchange.client.resume_reading()


def on_request_body(exchange: "Exchange", data: bytes) -> None:
    """Pass on a piece of the request's body."""
    if exchange.capture is not None and not exchange.capture.take_request(data):
        exchange.capture = None
    piece = data
    if exchange.head.chunked:
        exchange.body_bytes += len(data)
        decision = exchange.decision
        if decision is not None and exchange.body_bytes > decision.max_body_bytes and not exchange.is_over:
            ending.refuse_body(exchange)
            return
        piece = b"%x\r\n%b\r\n" % (len(data), data)
    if exchange.upstream is not None:
        exchange.touch()
        exchange.upstream.transport.write(piece)
        if exchange.is_whole:
            _keep(exchange, piece)
    elif not exchange.is_over:
        _keep(exchange, piece)
        exchange.client.pause_reading()


def on_request_done(exchange: "Exchange", trailers: Sequence[tuple[bytes, bytes]]) -> None:
    """Note that the request is complete."""
    exchange.request_done = True
    if not exchange.head.chunked:
        return
    end = b"0\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % pair for pair in forward.trailers(trailers))
    if exchange.upstream is not None:
        exchange.upstream.transport.write(end)
        if exchange.is_whole:
            _keep(exchange, end)
        exchange.touch()
    elif not exchange.is_over:
        _keep(exchange, end)


def _keep(exchange: "Exchange", piece: bytes) -> None:
    """Keep a piece of the body until it is sent, and longer if the request could be sent a second time."""
    exchange.buffered.append(piece)
    exchange.kept_bytes += len(piece)
    if exchange.upstream is not None:
        _forget(exchange)


def _forget(exchange: "Exchange") -> None:
    """Let go of what was sent of the body, if it is too much to keep or will not be needed again."""
    decision = exchange.decision
    if (
        decision is None
        or exchange.kept_bytes > KEPT_BYTES
        or not may_be_needed_again(
            method=exchange.method,
            fallback=Fallback.OFF if decision.route is None else decision.route.fallback,
            has_other_side=decision.instead is not None,
        )
    ):
        exchange.buffered = []
        exchange.is_whole = False
