"""Sending: how an exchange's request goes to its upstream, as it comes from the client."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from strangler.core import forward

if TYPE_CHECKING:
    from strangler.proxy.exchange import Exchange
    from strangler.proxy.upstream import UpstreamConnection


def on_upstream(exchange: "Exchange", upstream: "UpstreamConnection") -> None:
    """Send the request, and what has come of its body, over this connection."""
    exchange.upstream = upstream
    serving, decision = exchange.serving, exchange.decision
    assert serving is not None and decision is not None
    transport = upstream.transport
    transport.write(
        forward.request_head(
            method=exchange.method,
            target=exchange.target,
            head=exchange.head,
            forwarding=exchange.client.forwarding(exchange.head),
            request_id=exchange.request_id,
            trace=exchange.trace,
            host=serving.host(decision, upstream.address, exchange.head.host),
            upgrade=exchange.upgrade,
        )
    )
    if exchange.buffered:
        transport.writelines(exchange.buffered)
        exchange.buffered = []
    if not exchange.request_done:
        exchange.client.resume_reading()


def on_request_body(exchange: "Exchange", data: bytes) -> None:
    """Pass on a piece of the request's body."""
    piece = b"%x\r\n%b\r\n" % (len(data), data) if exchange.head.chunked else data
    if exchange.upstream is not None:
        exchange.upstream.transport.write(piece)
        exchange.touch()
    elif not exchange.is_over:
        exchange.buffered.append(piece)
        exchange.client.pause_reading()


def on_request_done(exchange: "Exchange", trailers: Sequence[tuple[bytes, bytes]]) -> None:
    """Note that the request is complete."""
    exchange.request_done = True
    if not exchange.head.chunked:
        return
    end = b"0\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % pair for pair in forward.trailers(trailers))
    if exchange.upstream is not None:
        exchange.upstream.transport.write(end)
    elif not exchange.is_over:
        exchange.buffered.append(end)
