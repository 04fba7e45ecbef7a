"""One connection to an upstream: it carries one exchange at a time, and is pooled in between.

It is reused only if the request went out whole, the answer came in whole, and not one byte came after it: what is left
on a connection must never become the next request's answer.
"""

import asyncio
from fcntl import ioctl
from termios import FIONREAD
from typing import TYPE_CHECKING, Protocol, cast

import httptools

from strangler.core.headers import ResponseHead, is_reason, read_response, size
from strangler.core.problem import RefusedError
from strangler.errors import FailureKind

if TYPE_CHECKING:
    from strangler.proxy.exchange import Exchange

MAX_INTERIM = 16
"""Interim (1xx) answers to one request; more is an upstream gone wrong (Go's net/http stops at 5)."""
MAX_HEAD_BYTES = 65_536
"""An answer's head. Envoy's `max_response_headers_kb` default is 60 KiB."""
SLACK_BYTES = 16_384
"""Chunk extensions and trailers of one body together. Precedent: nginx's 8 KiB buffer, Go's 4 KiB and 16 KiB."""
CHUNK_SLACK_BYTES = 24
"""What a chunk's framing takes without an extension: 16 digits, two line ends, and some room."""
_VERSIONS = ("1.1", "1.0")


_UNREAD = bytearray(4)
"""Where the kernel writes how many bytes wait; one for all, because nothing comes between."""
_NOTHING = bytes(4)


class Owner(Protocol):
    """Who a connection goes back to."""

    is_suspect: bool
    """Whether the last exchange failed."""

    def release(self, connection: "UpstreamConnection") -> None:
        """Take back a connection that may be used again."""

    def lost(self, connection: "UpstreamConnection") -> None:
        """Forget a connection that is gone."""

    def failed(self, why: str) -> None:
        """Note that an exchange went wrong by the upstream's fault."""

    def succeeded(self) -> None:
        """Note that an exchange went well after one that had not."""


class TunnelEnd(Protocol):
    """The client's end of a tunnel."""

    def on_tunnel_data(self, data: bytes) -> None:
        """Send bytes to the client."""

    def on_tunnel_end(self) -> None:
        """The upstream sends no more."""

    def on_tunnel_lost(self) -> None:
        """The upstream is gone."""

    def pause_reading(self) -> None:
        """Take no more from the client."""

    def resume_reading(self) -> None:
        """Take more again."""


class UpstreamConnection(asyncio.Protocol):
    """Speaks HTTP/1.1 to one upstream address for one exchange after the other."""

    __slots__ = (
        "_done",
        "_ended_well",
        "_exchange",
        "_fd",
        "_head_bytes",
        "_headers",
        "_in_head",
        "_interim",
        "_is_chunked",
        "_is_error",
        "_is_http_11",
        "_is_last",
        "_owner",
        "_parser",
        "_reason",
        "_skips_body",
        "_slack",
        "_stray",
        "_tunnel",
        "address",
        "idle_since",
        "is_counted",
        "transport",
        "uses",
        "was_idle",
    )

    transport: asyncio.Transport

    def __init__(self, owner: Owner, address: str) -> None:
        self.address = address
        self.idle_since = 0.0
        self.uses = 0
        """Exchanges begun on this connection."""
        self.was_idle = False
        """Whether it has waited in the pool for an exchange."""
        self.is_counted = False
        """Whether the owner was given this connection, and so is told of its end."""
        self._is_http_11 = False
        """Whether the next head to be complete is known to be of HTTP/1.1."""
        self._is_error = False
        """Whether the answer says that the upstream failed."""
        self._ended_well = False
        """Whether the upstream has said, as far as its transport can, that nothing more comes."""
        self._owner = owner
        self._exchange: Exchange | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._reason = b""
        self._head_bytes = 0
        self._in_head = True
        self._interim = 0
        self._done = False
        self._stray = False
        self._skips_body = False
        self._is_chunked = False
        self._slack = 0
        """Bytes that chunked framing and trailers may still take."""
        self._is_last = False
        """Whether the answer says that no other follows on this connection."""
        self._tunnel: TunnelEnd | None = None

    # --- what the exchange asks for

    def begin(self, exchange: "Exchange") -> None:
        """Carry one exchange; the exchange writes its request to `transport`."""
        self._exchange = exchange
        self.uses += 1
        self._done = self._stray = self._skips_body = self._is_chunked = self._is_error = False
        self._interim = self._head_bytes = 0
        self._in_head = True
        exchange.on_upstream(self)

    @property
    def is_quiet(self) -> bool:
        """Whether an idle connection may be used: it is open, and nothing has come that the loop has not read yet.

        An answer that nobody asked for may wait in the kernel while a request of the same turn looks for a connection.
        """
        if self.transport.is_closing():
            return False
        ioctl(self._fd, FIONREAD, _UNREAD)
        return _UNREAD == _NOTHING

    @property
    def may_be_stale(self) -> bool:
        """Whether the upstream may have meant to end it before it saw the exchange that is on it."""
        return self.uses > 1 or self.was_idle

    def blame(self, why: str) -> None:
        """Note that the upstream does not do its part of the exchange."""
        self._owner.failed(why)

    def abandon(self) -> None:
        """Give up the exchange and the connection: what it still brings goes to nobody."""
        self._exchange = None
        self.transport.abort()

    def open_tunnel(self, end: TunnelEnd) -> None:
        """Pass all further bytes on as they are (after a 101)."""
        self._exchange = None
        self._tunnel = end
        self._judge()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._fd: int = transport.get_extra_info("socket").fileno()

    def data_received(self, data: bytes) -> None:
        if self._tunnel is not None:
            self._tunnel.on_tunnel_data(data)
            return
        if self._exchange is None:
            # An answer that nobody asked for.
            self.transport.abort()
            return
        if self._in_head:
            if not self._head_bytes and not self._interim:
                # Because most answers begin a piece, and asking the parser for the version costs as much as a header.
                self._is_http_11 = data.startswith(b"HTTP/1.1 ")
                if not self._is_http_11 and data[:1] != b"H":
                    # Because llhttp skips empty lines, and reads RTSP and ICE as well.
                    self._broken("the status line is not HTTP/1.1")
                    return
            self._head_bytes += len(data)
        elif self._is_chunked:
            self._slack -= len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as switch:
            self._switch(data[switch.args[0] :])
            return
        except httptools.HttpParserError as error:
            if self._done:
                self._stray = True
            else:
                self._broken(str(error))
                return
        if self._done:
            self._finish()
        elif self._in_head and self._head_bytes > 2 * MAX_HEAD_BYTES:
            # Because a head that is complete is measured without its white space, this one may have twice as much.
            self._broken("the head is too large")
        elif self._slack < 0:
            self._broken("the chunk extensions or trailers are too large")
        elif self._exchange is not None:
            self._exchange.on_pause()

    def eof_received(self) -> bool:
        # Because over TLS this is the other end's goodbye (close_notify); a bare end of TCP below it may be somebody's
        # cut (RFC 8446 section 6.1), and only ends in connection_lost.
        self._ended_well = True
        if self._tunnel is not None:
            self._tunnel.on_tunnel_end()
            # Because TLS ends both ways at once here, there is no half to keep open.
            return self.transport.get_extra_info("ssl_object") is None
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        exchange, self._exchange = self._exchange, None
        try:
            if exchange is not None:
                is_clean = exc is None and self._ended_well
                is_stale = self.may_be_stale and self._in_head
                if is_clean and exchange.head_sent and exchange.until_close:
                    self._judge()
                elif not is_stale:
                    self._owner.failed("the connection ended before the answer was complete")
                exchange.on_upstream_lost(is_clean=is_clean)
            elif self._tunnel is not None:
                self._tunnel.on_tunnel_lost()
        finally:
            # Because a request that is asked again takes this one's place, those that wait come after it.
            if self.is_counted:
                self._owner.lost(self)

    def pause_writing(self) -> None:
        if self._exchange is not None:
            self._exchange.client.pause_reading()
        elif self._tunnel is not None:
            self._tunnel.pause_reading()

    def resume_writing(self) -> None:
        if self._exchange is not None:
            self._exchange.client.resume_reading()
        elif self._tunnel is not None:
            self._tunnel.resume_reading()

    # --- httptools callbacks

    def on_message_begin(self) -> None:
        if self._done:
            self._stray = True
        self._headers = []
        self._reason = b""

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        exchange = self._exchange
        if exchange is None or self._done:
            return
        status = self._parser.get_status_code()
        headers = self._headers
        if self._head_bytes > MAX_HEAD_BYTES and size(headers) > MAX_HEAD_BYTES:
            self._broken("the head is too large")
            return
        version = "1.1" if self._is_http_11 else self._parser.get_http_version()
        if version not in _VERSIONS or (self._reason != b"OK" and not is_reason(self._reason)):
            self._broken("the status line is not HTTP/1.1")
            return
        try:
            head = read_response(headers)
        except RefusedError as error:
            self._broken(error.problem.value.code)
            return
        self._headers = []
        self._is_last = head.close or (version == "1.0" and not head.keep_alive)
        if status < 200:
            self._on_interim(exchange, status, head)
            return
        self._in_head = False
        if head.chunked:
            self._is_chunked = True
            self._slack = SLACK_BYTES
        if status == 204 and (head.chunked or head.length):
            # Because it announces a body that it must not have, who knows what follows.
            self._is_last = True
        self._is_error = status >= 500
        if exchange.on_response(status, self._reason, head):
            self._skips_body = self._done = True

    def on_chunk_header(self) -> None:
        self._slack += CHUNK_SLACK_BYTES

    def on_body(self, data: bytes) -> None:
        if self._done:
            self._stray = True
        elif self._exchange is not None:
            if self._is_chunked:
                self._slack += len(data)
            self._exchange.on_response_body(data)

    def on_message_complete(self) -> None:
        if self._exchange is None or self._in_head:
            return
        self._done = True

    # --- inside

    def _on_interim(self, exchange: "Exchange", status: int, head: ResponseHead) -> None:
        if status == 101:
            if exchange.upgrade is None or head.upgrade is None:
                self._broken("an upgrade that nobody asked for")
                return
            self._in_head = False
            exchange.on_switch(self._reason, head)
            return
        self._interim += 1
        if status < 100 or self._interim > MAX_INTERIM:
            self._broken("too many interim answers" if status >= 100 else "a status below 100")
            return
        self._head_bytes = 0
        self._is_http_11 = False
        exchange.on_interim(status, self._reason, head)

    def _judge(self) -> None:
        """Tell the owner how a complete answer speaks for the upstream."""
        if self._is_error:
            self._owner.failed("an answer with 5xx")
        elif self._owner.is_suspect:
            self._owner.succeeded()

    def _switch(self, early: bytes) -> None:
        if self._tunnel is None:
            self._broken("an upgrade that nobody asked for")
        elif early:
            self._tunnel.on_tunnel_data(early)

    def _broken(self, detail: str) -> None:
        exchange, self._exchange = self._exchange, None
        self.transport.abort()
        if exchange is not None:
            self._owner.failed(f"not HTTP: {detail}")
            exchange.on_upstream_failed(FailureKind.BAD_FRAMING, detail)

    def _finish(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        trailers = () if self._skips_body else self._headers
        if self._is_error or self._owner.is_suspect:
            self._judge()
        may_reuse = exchange.on_response_done(trailers) and not self._stray and not self._is_last
        if self._skips_body:
            # Because the parser waits for the body that an answer to HEAD announces and does not have.
            self._parser = httptools.HttpResponseParser(self)
        if self.transport.get_write_buffer_size():
            # Because whoever has answered need not read the rest: it must not come before another request, and a close
            # would wait for it.
            self.transport.abort()
        elif may_reuse:
            self.idle_since = exchange.moved_at
            self._owner.release(self)
        else:
            self.transport.close()
