"""Reading requests: bytes in, whole heads and pieces of bodies out.

The parser is llhttp, strict. What it cannot know is here: limits on heads, chunk extensions and trailers, the request
line of other protocols that it reads too, and what to do with the bytes behind a request that wishes to upgrade.
"""

from typing import Protocol

import httptools

from strangler.core.headers import RequestHead, size
from strangler.core.model import ListenerLimits
from strangler.core.problem import Problem, RefusedError
from strangler.core.request import accept

_MAX_TRAILERS = 32
"""Fields behind a chunked body. Because they are rare, a third of what a head may have."""

_SLACK_BYTES = 16_384
"""Chunk extensions and trailers of one body together. Precedent: Go's 16 KiB for extensions."""
_CHUNK_SLACK_BYTES = 24
"""What a chunk's framing takes without an extension: 16 digits, two line ends, and some room."""
_LINES = {"1.1": b"%b %b HTTP/1.1\r\n", "1.0": b"%b %b HTTP/1.0\r\n"}

Fields = list[tuple[bytes, bytes]]


class Sink(Protocol):
    """Who is told of what was read."""

    def on_begin(self) -> None:
        """A request has begun, and its head is not complete yet."""

    def on_request(self, method: bytes, target: bytes, version: str, head: RequestHead, headers: Fields) -> None:
        """A request's head is complete and accepted."""

    def on_body(self, data: bytes) -> None:
        """A piece of its body has come."""

    def on_end(self, trailers: Fields) -> None:
        """The request is complete."""

    def on_upgrade(self, rest: bytes) -> None:
        """The last request may become a tunnel; `rest` came behind its head and is not parsed yet."""

    def on_bad(self, problem: Problem) -> None:
        """What came is refused; nothing more will be read."""


class RequestReader:
    """Parses one client's requests, one after the other."""

    __slots__ = (
        "_body",
        "_body_only",
        "_data",
        "_head",
        "_head_bytes",
        "_headers",
        "_is_chunked",
        "_is_first",
        "_is_in_message",
        "_is_left",
        "_is_made_up",
        "_limits",
        "_line",
        "_parser",
        "_piece",
        "_sink",
        "_slack",
        "_target",
        "is_dead",
    )

    def __init__(self, sink: Sink, limits: ListenerLimits) -> None:
        self._sink = sink
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head: RequestHead | None = None
        self._head_bytes = -1
        """Bytes read of a head that is not complete; -1 when none is under way."""
        self._piece = 0
        self._data = b""
        """The piece that is being parsed."""
        self._line: bytearray | None = None
        """What came before it of a head that is not complete."""
        self._body: list[bytes] = []
        """What this piece brings of a chunked body; because a client may send chunks of one byte, they go on as one."""
        self._is_chunked = False
        self._slack = 0
        """Bytes that chunked framing and trailers may still take."""
        self._is_first = False
        """Whether the next head to be complete begins with the piece."""
        self._is_in_message = False
        """Whether a head is complete whose message is not."""
        self._is_left = False
        """Whether llhttp leaves the body to the protocol that the request wishes to upgrade to."""
        self._is_made_up = False
        self._body_only = False
        self.is_dead = False
        """Whether nothing more is read, because what came was refused or its sender said that it was the last."""

    @property
    def is_between(self) -> bool:
        """Whether no head has been begun that is not complete."""
        return self._head_bytes < 0

    def feed(self, data: bytes) -> None:
        """Parse bytes, telling the sink; after on_bad, or behind the last request, they are ignored."""
        if self.is_dead:
            return
        self._piece = len(data)
        self._data = data
        self._is_first = not self._is_in_message and self._head_bytes < 0
        if self._head_bytes >= 0:
            self._head_bytes += len(data)
        elif self._is_chunked:
            self._slack -= len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as switch:
            self._on_upgrade(data[switch.args[0] :])
            return
        except httptools.HttpParserInvalidURLError:
            self._refuse(Problem.BAD_TARGET)
        except httptools.HttpParserError as error:
            self._refuse(_problem_of(str(error)))
        if self._body:
            self._pass_body()
        if self._head_bytes >= 0:
            self._look_at_part()
        elif self._is_chunked and self._slack < 0:
            self._refuse(Problem.HEADERS_TOO_LARGE)

    def go_on(self, rest: bytes) -> None:
        """Read on as HTTP behind a request whose upgrade was not granted."""
        self._parser = httptools.HttpRequestParser(self)
        if rest:
            self.feed(rest)

    # --- httptools callbacks

    def on_message_begin(self) -> None:
        if self._is_made_up or self.is_dead:
            return
        if self._body_only:
            # Because only the body of the request before was to be read, this is a request too many.
            self.is_dead = True
            return
        self._target = b""
        self._headers = []
        self._head = None
        self._is_chunked = False
        self._line = None
        # Because the message began somewhere in this piece, the count is a little high, and never low.
        self._head_bytes = self._piece

    def on_url(self, target: bytes) -> None:
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        headers, self._headers = self._headers, []
        if self._is_made_up or self.is_dead:
            return
        counted, self._head_bytes = self._head_bytes, -1
        parser = self._parser
        limits = self._limits
        method = parser.get_method()
        # Because most requests begin a piece, and asking the parser for the version costs as much as reading a header.
        is_usual = self._is_first and self._data.startswith(b"%b %b HTTP/1.1\r\n" % (method, self._target))
        self._is_first = False
        self._is_in_message = True
        version = "1.1" if is_usual else parser.get_http_version()
        try:
            if counted > limits.header_bytes and len(self._target) + size(headers) > limits.header_bytes:
                raise RefusedError(self._too_large())
            if not is_usual and not self._has(_LINES.get(version, b"%b %b HTTP/2.0\r\n") % (method, self._target)):
                # Because llhttp reads RTSP and ICE as well, and more than one space.
                raise RefusedError(Problem.BAD_REQUEST)
            target, head = accept(method, self._target, version, headers, limits)
        except RefusedError as error:
            self._refuse(error.problem)
            return
        self._is_left = (head.chunked or bool(head.length)) and bool(parser.should_upgrade())
        if self._is_left and head.upgrade is None:
            # Because the body is read in another way, which ends with it.
            head.close = True
        self._head = head
        if head.chunked:
            self._is_chunked = True
            self._slack = _SLACK_BYTES
        self._sink.on_request(method, target, version, head, headers)

    def on_chunk_header(self) -> None:
        self._slack += _CHUNK_SLACK_BYTES

    def on_body(self, data: bytes) -> None:
        if self.is_dead:
            return
        if self._is_chunked:
            self._slack += len(data)
            self._body.append(data)
        else:
            self._sink.on_body(data)

    def on_message_complete(self) -> None:
        head = self._head
        self._is_in_message = False
        if self._body:
            self._pass_body()
        if self.is_dead or head is None or self._is_left:
            return
        trailers, self._headers = self._headers, []
        if self._is_chunked and (len(trailers) > _MAX_TRAILERS or self._slack + self._piece < 0):
            self._refuse(Problem.HEADERS_TOO_LARGE)
            return
        self._is_chunked = False
        self._sink.on_end(trailers)

    # --- inside

    def _on_upgrade(self, rest: bytes) -> None:
        """llhttp stops behind the head of each request that wishes to upgrade, body or not."""
        head = self._head
        if self.is_dead or head is None:
            return
        if head.upgrade is not None:
            self._sink.on_upgrade(rest)
        elif head.chunked or head.length:
            self._read_body(head, rest)
        else:
            self.go_on(rest)

    def _read_body(self, head: RequestHead, rest: bytes) -> None:
        """Read the body that llhttp would not: with a second parser, behind a made-up head of the same framing."""
        framing = b"Transfer-Encoding: chunked" if head.chunked else b"Content-Length: %d" % (head.length or 0)
        self._parser = httptools.HttpRequestParser(self)
        self._is_made_up = True
        self._is_left = False
        self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing)
        self._is_made_up = False
        self._body_only = True
        if rest:
            self.feed(rest)

    def _pass_body(self) -> None:
        pieces, self._body = self._body, []
        if not self.is_dead:
            self._sink.on_body(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def _look_at_part(self) -> None:
        """Refuse a head that is too large before it is complete, and keep it until then."""
        if self._head_bytes > 2 * self._limits.header_bytes + self._piece:
            # Because a complete head is measured without its white space, twice as much may come.
            self._refuse(self._too_large())
        elif self._line is None:
            self._line = bytearray(self._data)
            self._sink.on_begin()
        else:
            self._line += self._data

    def _has(self, line: bytes) -> bool:
        """Whether a request line came as it should, behind another request or in pieces."""
        return line in (self._data if self._line is None else self._line + self._data)

    def _refuse(self, problem: Problem) -> None:
        if self.is_dead:
            return
        self.is_dead = True
        self._sink.on_bad(problem)

    def _too_large(self) -> Problem:
        too_long = len(self._target) > self._limits.target_bytes
        return Problem.TARGET_TOO_LONG if too_long else Problem.HEADERS_TOO_LARGE


def _problem_of(error: str) -> Problem:
    """Return what to answer to one of llhttp's complaints."""
    if "HTTP version" in error:
        return Problem.VERSION
    return Problem.BAD_FRAMING if "Length" in error or "ncoding" in error else Problem.BAD_REQUEST
