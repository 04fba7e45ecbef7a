"""Headers: what a message's header section says to the proxy, and which lines of it go on.

One pass over the parsed pairs keeps the client's bytes and order, takes out what is meant for this hop alone
(RFC 9110 section 7.6.1) and notes framing, identity of the hop and the wish to upgrade.
"""

import re
from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from strangler.core.problem import Problem, RefusedError


class _Field(Enum):
    """What a header field means to the proxy; any other field just passes."""

    CONNECTION = 0
    DROP = 1
    TE = 2
    TRANSFER_ENCODING = 3
    CONTENT_LENGTH = 4
    UPGRADE = 5
    HOST = 6
    EXPECT = 7
    FORWARDED_FOR = 8
    FORWARDED = 9
    FORWARDED_PROTO = 10
    FORWARDED_HOST = 11
    REQUEST_ID = 12
    TRACEPARENT = 13
    TRACESTATE = 14
    CLAIM = 15
    """Another word about the client, or one that only a proxy may say."""


# Because an Enum's member costs a descriptor call in Python 3.11, the frequent ones are looked up once.
_HOST = _Field.HOST
_CONNECTION = _Field.CONNECTION
_CONTENT_LENGTH = _Field.CONTENT_LENGTH


_REQUEST_FIELDS = {
    b"connection": _Field.CONNECTION,
    b"keep-alive": _Field.DROP,
    b"proxy-connection": _Field.DROP,
    b"proxy-authorization": _Field.DROP,
    b"proxy-authenticate": _Field.DROP,
    b"http2-settings": _Field.DROP,
    b"te": _Field.TE,
    b"transfer-encoding": _Field.TRANSFER_ENCODING,
    b"content-length": _Field.CONTENT_LENGTH,
    b"upgrade": _Field.UPGRADE,
    b"host": _Field.HOST,
    b"expect": _Field.EXPECT,
    b"x-forwarded-for": _Field.FORWARDED_FOR,
    b"forwarded": _Field.FORWARDED,
    b"x-forwarded-proto": _Field.FORWARDED_PROTO,
    b"x-forwarded-host": _Field.FORWARDED_HOST,
    b"x-request-id": _Field.REQUEST_ID,
    b"traceparent": _Field.TRACEPARENT,
    b"tracestate": _Field.TRACESTATE,
    b"x-real-ip": _Field.CLAIM,
}
_CLAIMS = b"x-forwarded-"
"""What begins so tells of the hop before; only a trusted one is believed."""
_KNOWN_NAMES = 1_024
"""Names whose meaning is kept: the real ones of a few applications, and a bound for those that are made up."""
_KNOWN_LENGTH = 256
"""A longer name, value or list is read anew each time, so that no sender can make a memory of ours large."""
_MAX_HOST = 261
"""RFC 1035 section 2.3.4 gives a name 255 bytes; the rest is the port."""


class _Meanings(dict[bytes, _Field | None]):
    """The meaning of a field by its name as it was sent, found once a spelling; None for one that just passes."""

    def __init__(self, find: Callable[[bytes], _Field | None]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, name: bytes) -> _Field | None:
        meaning = self._find(name.lower())
        if len(name) <= _KNOWN_LENGTH:
            if len(self) >= _KNOWN_NAMES:
                # Because made-up names may have filled it, the real ones find their place again.
                self.clear()
            self[name] = meaning
        return meaning


def _request_meaning(name: bytes) -> _Field | None:
    meaning = _REQUEST_FIELDS.get(name)
    if meaning is None and name.startswith(_CLAIMS):
        return _Field.CLAIM
    if meaning is None and b"_" in name and _is_known(name.replace(b"_", b"-")):
        # Because CGI and WSGI know one name for both spellings, and the wrong one would stand in for the right.
        return _Field.DROP
    return meaning


def _is_known(name: bytes) -> bool:
    return name in _REQUEST_FIELDS or name.startswith(_CLAIMS)


_RESPONSE_FIELDS = {
    b"connection": _Field.CONNECTION,
    b"keep-alive": _Field.DROP,
    b"proxy-connection": _Field.DROP,
    b"proxy-authenticate": _Field.DROP,
    b"transfer-encoding": _Field.TRANSFER_ENCODING,
    b"content-length": _Field.CONTENT_LENGTH,
    b"upgrade": _Field.UPGRADE,
}
_MEANINGS = _Meanings(_request_meaning)
_RESPONSE_MEANINGS = _Meanings(_RESPONSE_FIELDS.get)
_UNREMOVABLE = frozenset({b"host", b"content-length", b"transfer-encoding", b"close", b"keep-alive", b"upgrade", b"te"})
"""Names in `Connection` that take no line out: they are options, or framing that we set ourselves."""

_MAX_LENGTH_DIGITS = 18
"""More would not fit into the 63 bits that other parsers have for it; white space counts, too."""
_REASON_FORM = re.compile(rb"[\t \x21-\x7e\x80-\xff]*")
"""RFC 9112 section 4. Because llhttp lets other control characters through, they are refused here."""
_HOST_FORM = re.compile(
    rb"(?:[A-Za-z0-9\-._~!$&'()*+;=%]+|\[[0-9A-Fa-f:.]+(?:%25[A-Za-z0-9\-._~]+)?\])(?::[0-9]{0,5})?"
)
"""RFC 3986 section 3.2.2 without the comma, which would make a list of a value that must be one."""
_REQUEST_ID_FORM = re.compile(rb"[A-Za-z0-9._\-:/+=]{1,128}")
_TRACEPARENT_FORM = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class RequestHead:
    """What a request's headers say.

    Because one is made for each request, it is a plain class whose defaults live on the class, and not a frozen value.
    """

    lines: list[bytes]
    """The lines that go on, each with its CRLF."""
    host: bytes | None = None
    host_line = -1
    """Index of the Host line in `lines`."""
    length: int | None = None
    chunked = False
    close = False
    keep_alive = False
    upgrade: bytes | None = None
    expects_continue = False
    wants_trailers = False
    forwarded_for: bytes | None = None
    forwarded: bytes | None = None
    forwarded_proto: bytes | None = None
    forwarded_host: bytes | None = None
    request_id: bytes | None = None
    """Empty if there was more than one; the same holds for the two above and for `trace`."""
    trace: bytes | None = None
    trace_state: bytes | None = None
    claims: bytes = b""
    """Lines that pass from a trusted peer only."""

    def __init__(self) -> None:
        self.lines = []


class _Options(NamedTuple):
    """What a `Connection` header asks for."""

    close: bool
    keep_alive: bool
    upgrade: bool
    named: frozenset[bytes]
    """Fields that are meant for this hop alone."""


def is_host(value: bytes) -> bool:
    """Return whether a Host is one host of a length that names have, with at most one port."""
    return len(value) <= _MAX_HOST and _has_host_form(value)


@lru_cache(maxsize=1_024)
def _has_host_form(value: bytes) -> bool:
    return _HOST_FORM.fullmatch(value) is not None


def is_plain(name: bytes) -> bool:
    """Return whether a request field of this lower-case name means nothing to a proxy."""
    return _MEANINGS[name] is None


def is_reason(value: bytes) -> bool:
    """Return whether a reason phrase is text that may stand in a status line."""
    return _has_reason_form(value) if len(value) <= _KNOWN_LENGTH else _REASON_FORM.fullmatch(value) is not None


@lru_cache(maxsize=256)
def _has_reason_form(value: bytes) -> bool:
    return _REASON_FORM.fullmatch(value) is not None


def size(headers: Sequence[tuple[bytes, bytes]]) -> int:
    """Return the bytes of header lines, without white space that means nothing."""
    return sum(len(name) + len(value) + 4 for name, value in headers)


def is_request_id(value: bytes) -> bool:
    """Return whether a foreign request id is short and plain enough to be logged and passed on."""
    return _REQUEST_ID_FORM.fullmatch(value) is not None


def is_traceparent(value: bytes) -> bool:
    """Return whether this is a version 00 traceparent (W3C Trace Context section 3.2)."""
    return _TRACEPARENT_FORM.fullmatch(value) is not None


def read_request(headers: Sequence[tuple[bytes, bytes]]) -> RequestHead:
    """Return what a request's headers say; raise RefusedError where their meaning is in doubt.

    The parser has already refused what is not a header line, a repeated or malformed Content-Length, and
    Content-Length beside Transfer-Encoding.
    """
    head = RequestHead()
    lines = head.lines
    meanings = _MEANINGS
    connection: bytes | None = None
    for field in headers:
        name, value = field
        meaning = meanings[name]
        if meaning is None:
            lines.append(b"%b: %b\r\n" % field)
        elif meaning is _HOST:
            if head.host is not None:
                raise RefusedError(Problem.BAD_HOST)
            head.host = value
            head.host_line = len(lines)
            lines.append(b"%b: %b\r\n" % field)
        elif meaning is _CONNECTION:
            connection = value if connection is None else connection + b"," + value
        elif meaning is _CONTENT_LENGTH:
            head.length = _length(value, Problem.BAD_FRAMING)
            lines.append(b"%b: %d\r\n" % (name, head.length))
        else:
            _read_rare(head, meaning, name, value)
    if connection is None:
        head.upgrade = None
        return head
    if named := _take(head, connection):
        _remove(head, headers, named)
    return head


def _length(value: bytes, otherwise: Problem) -> int:
    # Because `int` takes signs, underscores and other white space, too, it is asked for digits alone.
    if len(value) > _MAX_LENGTH_DIGITS or not (value.isdigit() or value.strip(b" \t").isdigit()):
        raise RefusedError(otherwise)
    return int(value)


def _read_rare(head: RequestHead, meaning: _Field, name: bytes, value: bytes) -> None:
    match meaning:
        case _Field.TRANSFER_ENCODING:
            if head.chunked or value.lower() != b"chunked":
                raise RefusedError(Problem.TRANSFER_CODING)
            head.chunked = True
        case _Field.EXPECT:
            if value.lower() != b"100-continue":
                raise RefusedError(Problem.EXPECTATION)
            head.expects_continue = True
        case _Field.UPGRADE:
            head.upgrade = value if head.upgrade is None else head.upgrade + b", " + value
        case _Field.TE:
            head.wants_trailers = head.wants_trailers or b"trailers" in _tokens(value)
        case _Field.FORWARDED_FOR:
            head.forwarded_for = value if head.forwarded_for is None else head.forwarded_for + b", " + value
        case _Field.FORWARDED:
            head.forwarded = value if head.forwarded is None else head.forwarded + b", " + value
        case _Field.FORWARDED_PROTO:
            head.forwarded_proto = value if head.forwarded_proto is None else b""
        case _Field.FORWARDED_HOST:
            head.forwarded_host = value if head.forwarded_host is None else b""
        case _Field.REQUEST_ID:
            head.request_id = value if head.request_id is None else b""
        case _Field.TRACEPARENT:
            head.trace = value if head.trace is None else b""
        case _Field.TRACESTATE:
            # W3C Trace Context section 3.3.1.1: several lines are one list.
            head.trace_state = value if head.trace_state is None else head.trace_state + b"," + value
        case _Field.CLAIM:
            head.claims += b"%b: %b\r\n" % (name, value)
        case _:
            pass


def _take(head: "RequestHead | ResponseHead", connection: bytes) -> frozenset[bytes]:
    """Take what the Connection field says of the hop, and return the fields that it names."""
    options = _options(connection)
    head.close = options.close
    head.keep_alive = options.keep_alive
    if not options.upgrade:
        head.upgrade = None
    return options.named


def _options(value: bytes) -> _Options:
    return _known_options(value) if len(value) <= _KNOWN_LENGTH else _read_options(value)


def _read_options(value: bytes) -> _Options:
    tokens = frozenset(_tokens(value))
    close = b"close" in tokens
    return _Options(close, b"keep-alive" in tokens and not close, b"upgrade" in tokens, tokens - _UNREMOVABLE)


_known_options = lru_cache(maxsize=256)(_read_options)


def _tokens(value: bytes) -> list[bytes]:
    return [token.strip().lower() for token in value.split(b",")]


def _remove(head: RequestHead, headers: Sequence[tuple[bytes, bytes]], named: frozenset[bytes]) -> None:
    kept: list[bytes] = []
    for name, value in headers:
        lower = name.lower()
        if lower in named or _MEANINGS[lower] not in (None, _Field.HOST, _Field.CONTENT_LENGTH):
            continue
        if lower == b"host":
            head.host_line = len(kept)
        elif lower == b"content-length":
            value = b"%d" % (head.length or 0)
        kept.append(b"%b: %b\r\n" % (name, value))
    head.lines = kept
    if b"x-request-id" in named:
        head.request_id = None


class ResponseHead:
    """What an answer's headers say; a plain class for the same reason as RequestHead."""

    lines: list[bytes]
    length: int | None = None
    length_line = -1
    chunked = False
    close = False
    keep_alive = False
    upgrade: bytes | None = None

    def __init__(self) -> None:
        self.lines = []


def read_response(headers: Sequence[tuple[bytes, bytes]]) -> ResponseHead:
    """Return what an answer's headers say; raise RefusedError(UPSTREAM_FRAMING) where its length is in doubt."""
    head = ResponseHead()
    lines = head.lines
    meanings = _RESPONSE_MEANINGS
    connection: bytes | None = None
    for field in headers:
        name, value = field
        meaning = meanings[name]
        if meaning is None:
            lines.append(b"%b: %b\r\n" % field)
        elif meaning is _CONTENT_LENGTH:
            head.length = _length(value, Problem.UPSTREAM_FRAMING)
            head.length_line = len(lines)
            lines.append(b"%b: %d\r\n" % (name, head.length))
        elif meaning is _CONNECTION:
            connection = value if connection is None else connection + b"," + value
        elif meaning is _Field.TRANSFER_ENCODING:
            if head.chunked or value.lower() != b"chunked":
                raise RefusedError(Problem.UPSTREAM_FRAMING)
            head.chunked = True
        elif meaning is _Field.UPGRADE:
            head.upgrade = value
    if connection is not None:
        if named := _take(head, connection):
            head.lines = [line for line in lines if line[: line.index(b":")].lower() not in named]
            head.length_line = next(
                (i for i, line in enumerate(head.lines) if line[:15].lower() == b"content-length:"), -1
            )
    elif head.upgrade is not None:
        # Because the parser takes no 101 for a switch without the option (RFC 9110 section 7.8), neither do we.
        head.upgrade = None
    return head
