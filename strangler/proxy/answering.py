"""Answering: how an upstream's answer goes to the client, as it comes."""

from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING

from strangler.core import forward
from strangler.core.headers import ResponseHead
from strangler.core.outcome import Outcome, of_status

if TYPE_CHECKING:
    from strangler.proxy.exchange import Exchange


def on_interim(exchange: "Exchange", status: int, reason: bytes, head: ResponseHead) -> None:
    """Pass on a 1xx; an HTTP/1.0 client would not understand it (RFC 9110 section 15.2)."""
    if exchange.is_http_11:
        exchange.interim_sent = True
        exchange.client.send(forward.interim_head(status=status, reason=reason, head=head))
        exchange.client.flush()


def on_switch(exchange: "Exchange", reason: bytes, head: ResponseHead) -> None:
    """Become a tunnel: from here on bytes pass as they are, both ways."""
    upstream = exchange.upstream
    assert upstream is not None
    exchange.status = 101
    exchange.client.send(forward.switch_head(reason=reason, head=head, extra=exchange.own_lines()))
    exchange.client.flush()
    exchange.end(Outcome.OK_2XX)
    exchange.drop_capture()
    exchange.client.open_tunnel(upstream, exchange.decision)


_EVENT_STREAM = b"content-type: text/event-strea"
"""As the lines of a head are written here; the rest of the name and its parameters make no difference."""


def on_response(exchange: "Exchange", status: int, reason: bytes, head: ResponseHead) -> bool:
    """Pass on the answer's head; return True when no body may follow it although it may announce one."""
    exchange.status = status
    exchange.head_sent = True
    bodyless = exchange.method == b"HEAD" or status in (204, 304)
    if not bodyless and head.length is None:
        exchange.until_close = not head.chunked
        exchange.chunked_out = exchange.is_http_11
        exchange.is_event_stream = any(line[:30].lower().startswith(_EVENT_STREAM) for line in head.lines)
        if exchange.is_event_stream:
            exchange.streams_from = monotonic()
        if not exchange.is_http_11:
            exchange.keeps_alive = False
    if exchange.capture is not None:
        _capture_head(exchange, status, head, has_body=not bodyless)
    if not exchange.request_done:
        exchange.keeps_alive = False
    if exchange.client.is_draining:
        exchange.keeps_alive = False
    if not exchange.keeps_alive:
        connection = b"Connection: close\r\n"
    else:
        connection = b"" if exchange.is_http_11 else b"Connection: keep-alive\r\n"
    exchange.client.send(
        forward.response_head(
            status,
            reason,
            head,
            exchange.chunked_out,
            connection,
            exchange.own_lines(),
        )
    )
    return exchange.method == b"HEAD"


def _capture_head(exchange: "Exchange", status: int, head: ResponseHead, *, has_body: bool) -> None:
    capture = exchange.capture
    if capture is None:
        return
    if exchange.is_event_stream:
        if not capture.take_stream():
            exchange.capture = None
    elif not capture.take_head(status, head, has_body=has_body):
        exchange.capture = None


def on_response_body(exchange: "Exchange", data: bytes) -> None:
    """Pass on a piece of the answer's body at once."""
    if exchange.capture is not None and not exchange.capture.take_answer(data):
        exchange.capture = None
    if exchange.chunked_out:
        exchange.client.send(b"%x\r\n" % len(data))
        exchange.client.send(data)
        data = b"\r\n"
    exchange.client.send(data)


def on_pause(exchange: "Exchange") -> None:
    """Nothing more of the answer is there just now: let go of what has come."""
    if exchange.head_sent:
        # Because a head that drips must not put off its own end, only a body counts as movement.
        exchange.client.flush()
        exchange.touch()


def on_response_done(exchange: "Exchange", trailers: Sequence[tuple[bytes, bytes]]) -> bool:
    """End the exchange well; return whether the upstream connection may be used again."""
    if exchange.chunked_out:
        lines = b"".join(b"%b: %b\r\n" % pair for pair in forward.trailers(trailers))
        exchange.client.send(b"0\r\n%b\r\n" % lines)
    exchange.upstream = None
    now = exchange.end(of_status(exchange.status))
    if exchange.capture is not None:
        exchange.capture.finish(exchange)
        exchange.capture = None
    may_reuse = exchange.request_done and not exchange.until_close
    if exchange.head.expects_continue and not exchange.interim_sent:
        # Because an upstream that never asked for the body may take it for the next request.
        may_reuse = False
    exchange.client.on_exchange_done(now, keep_alive=exchange.keeps_alive and exchange.request_done)
    return may_reuse


def pause_upstream(exchange: "Exchange") -> None:
    """Stop reading the answer: the client does not keep up."""
    if exchange.upstream is not None:
        exchange.upstream.transport.pause_reading()


def resume_upstream(exchange: "Exchange") -> None:
    """Read the answer again."""
    if exchange.upstream is not None:
        exchange.upstream.transport.resume_reading()
        exchange.touch()
