"""The corpus of bad requests: what is refused, with which status; each is one that some server has let through.

Each row names the rule that it breaks. The bytes that a test sends behind a row must never become a request.
"""

from dataclasses import dataclass

START = b"HTTP/1.1\r\nHost: shop.example\r\n"
"""The end of a request line and one good Host."""
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: shop.example\r\n\r\n"
CANARY = b"cana-ry"
"""Stands in each row that can carry it; no answer may have it in its head."""


@dataclass(frozen=True, slots=True)
class Bad:
    """One bad request."""

    name: str
    raw: bytes
    statuses: frozenset[int]
    is_ambiguous: bool = True
    """Whether two strict servers could disagree about it, so that no proxy may pass it on as it is."""


def _get(name: str, line: bytes, *statuses: int, ambiguous: bool = True) -> Bad:
    return Bad(name, line + b"\r\nHost: shop.example\r\n\r\n", frozenset(statuses or (400,)), ambiguous)


def _field(name: str, field: bytes, *statuses: int, ambiguous: bool = True) -> Bad:
    return Bad(name, b"GET /x " + START + field + b"\r\n\r\n", frozenset(statuses or (400,)), ambiguous)


def _framed(name: str, fields: bytes, *statuses: int, body: bytes = b"0\r\n\r\n", version: bytes = b"1.1") -> Bad:
    raw = b"POST /x HTTP/%b\r\nHost: shop.example\r\nX-Mark: %b\r\n%b\r\n\r\n%b" % (version, CANARY, fields, body)
    return Bad(name, raw, frozenset(statuses or (400,)))


_CHUNKED_SPELLINGS = (
    b"Transfer-Encoding: chunked", b"transfer-encoding:chunked", b"TRANSFER-ENCODING: CHUNKED",
    b"Transfer-Encoding:\tchunked", b"Transfer-Encoding:  chunked ", b"Transfer-Encoding : chunked",
    b"Transfer-Encoding\t: chunked", b" Transfer-Encoding: chunked", b"X: y\r\n Transfer-Encoding: chunked",
    b"X: y\nTransfer-Encoding: chunked", b"X: y\rTransfer-Encoding: chunked",
    b"X: y\x00\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding:\r\n chunked", b"Transfer-Encoding\x00: chunked", b"Transfer-Encoding: identity",
    b"Transfer-Encoding: xchunked", b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: cow\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: 'chunked'", b'Transfer-Encoding: "chunked"', b"Transfer-Encoding: chunk",
)  # fmt: skip

BOTH_LENGTHS = tuple(
    _framed(f"CL and TE {order}: {spelling!r}", b"\r\n".join(pair), 400, 501)
    for spelling in _CHUNKED_SPELLINGS
    for order, pair in (
        ("CL first", (b"Content-Length: 5", spelling)),
        ("TE first", (spelling, b"Content-Length: 5")),
    )
)

_BAD_LENGTHS = (
    b"5, 5", b"5,6", b"5;5", b"+5", b"-5", b"-0", b"0x5", b"5_0", b"5.0", b"5e0", b"5 5", b"", b"5\x0b", b"\x0b5",
    b"5\x0c",
    b"5\x00", b"\xc2\xb2", b"\xd9\xa5", b"five", b"9" * 19, b"18446744073709551615", b"18446744073709551616",
    b"18446744073709551621", b"0" * 30 + b"5", b"5\r\n ", b"(5)", b'"5"', b"5,", b",5", b"2147483648x",
)  # fmt: skip

LENGTHS = (
    *(_framed(f"Content-Length {value!r}", b"Content-Length: " + value, body=b"hello") for value in _BAD_LENGTHS),
    _framed("Content-Length twice, equal", b"Content-Length: 5\r\nContent-Length: 5", body=b"hello"),
    _framed("Content-Length twice, different", b"Content-Length: 5\r\nContent-Length: 6", body=b"hello!"),
    _framed("Content-Length twice, other case", b"Content-Length: 5\r\ncontent-length: 0", body=b"hello"),
    _framed("Content-Length with a space before the colon", b"Content-Length : 5", body=b"hello"),
    _framed("Content-Length folded", b"Content-Length:\r\n 5", body=b"hello"),
)

_BAD_CODINGS = (
    b"xchunked", b'"chunked"', b"chunked;q=1", b"chunked, gzip", b"chunked, chunked", b"chunked,", b",chunked",
    b"gzip",
    b"identity", b"", b"gzip, chunked", b"deflate,chunked", b"\x0bchunked", b"chunked\x0b", b"chunked\x00",
    b"chunked x",
    b"chunked\xa0", b"chunke\xc4\x8f",
)  # fmt: skip

CODINGS = (
    *(_framed(f"Transfer-Encoding {value!r}", b"Transfer-Encoding: " + value, 400, 501) for value in _BAD_CODINGS),
    _framed("chunked twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400, 501),
    _framed("chunked, then identity", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", 400, 501),
    _framed("identity, then chunked", b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", 400, 501),
    _framed("chunked in HTTP/1.0", b"Transfer-Encoding: chunked", version=b"1.0"),
    _framed("chunked and a length in HTTP/1.0", b"Transfer-Encoding: chunked\r\nContent-Length: 5", version=b"1.0"),
)

LINES = (
    _get("two spaces behind the method", b"GET  /x HTTP/1.1"),
    _get("two spaces behind the target", b"GET /x  HTTP/1.1"),
    _get("a tab behind the method", b"GET\t/x HTTP/1.1"),
    _get("a tab behind the target", b"GET /x\tHTTP/1.1"),
    _get("a space at the end", b"GET /x HTTP/1.1 "),
    _get("a space at the start", b" GET /x HTTP/1.1"),
    _get("a space in the target", b"GET /x y HTTP/1.1"),
    _get("another request in the target", b"GET /x HTTP/1.1 /y HTTP/1.1"),
    _get("NUL in the target", b"GET /x\x00y HTTP/1.1"),
    _get("SOH in the target", b"GET /x\x01y HTTP/1.1"),
    _get("DEL in the target", b"GET /x\x7fy HTTP/1.1"),
    _get("VT in the target", b"GET /x\x0by HTTP/1.1"),
    _get("FF in the target", b"GET /x\x0cy HTTP/1.1"),
    _get("CR in the target", b"GET /x\ry HTTP/1.1"),
    _get("LF in the target", b"GET /x\ny HTTP/1.1"),
    _get("a raw byte in the target", b"GET /x\xffy HTTP/1.1"),
    _get("a fragment", b"GET /x#y HTTP/1.1"),
    _get("a fragment behind the query", b"GET /x?a#y HTTP/1.1"),
    _get("no target", b"GET HTTP/1.1"),
    _get("an empty target", b"GET  HTTP/1.1"),
    _get("a relative target", b"GET x HTTP/1.1"),
    _get("a query only", b"GET ?x HTTP/1.1"),
    _get("authority form", b"GET shop.example:80 HTTP/1.1"),
    _get("asterisk form of a GET", b"GET * HTTP/1.1"),
    _get("absolute form without an authority", b"GET http:///x HTTP/1.1"),
    _get("absolute form with nothing", b"GET http:// HTTP/1.1"),
    _get("absolute form with a user", b"GET http://u:p@shop.example/x HTTP/1.1"),
    _get("absolute form with two users", b"GET http://a@b@c/x HTTP/1.1"),
    _get("absolute form with a bad port", b"GET http://shop.example:8x/x HTTP/1.1"),
    _get("absolute form of another scheme", b"GET ftp://shop.example/x HTTP/1.1"),
    _get("absolute form of a socket", b"GET ws://shop.example/x HTTP/1.1"),
    _get("absolute form of a file", b"GET file:///etc/passwd HTTP/1.1"),
    _get("one slash in an absolute form", b"GET http:/x HTTP/1.1"),
    _get("an encoded NUL", b"GET /x%00y HTTP/1.1"),
    _get("CONNECT", b"CONNECT shop.example:443 HTTP/1.1", 405, ambiguous=False),
    _get("CONNECT with a path", b"CONNECT /x HTTP/1.1", 405, 400, ambiguous=False),
    _get("TRACE", b"TRACE /x HTTP/1.1", 405, ambiguous=False),
    _get("a method in lower case", b"get /x HTTP/1.1"),
    _get("NUL in the method", b"G\x00T /x HTTP/1.1"),
    _get("NUL behind the method", b"GET\x00 /x HTTP/1.1"),
    _get("no method", b"/x HTTP/1.1"),
    _get("a colon in the method", b"GE:T /x HTTP/1.1"),
    _get("HTTP/2.0", b"GET /x HTTP/2.0", 505, ambiguous=False),
    _get("HTTP/1.2", b"GET /x HTTP/1.2", 505, ambiguous=False),
    _get("HTTP/9.9", b"GET /x HTTP/9.9", 505, ambiguous=False),
    _get("HTTP/0.9 by name", b"GET /x HTTP/0.9", 400, 505),
    _get("HTTP/01.1", b"GET /x HTTP/01.1"),
    _get("HTTP/1.", b"GET /x HTTP/1."),
    _get("HTTP/1", b"GET /x HTTP/1"),
    _get("HTTP/1.1.1", b"GET /x HTTP/1.1.1"),
    _get("HTTP/1.10", b"GET /x HTTP/1.10"),
    _get("http/1.1", b"GET /x http/1.1"),
    _get("XHTTP/1.1", b"GET /x XHTTP/1.1"),
    _get("RTSP/1.0", b"GET /x RTSP/1.0"),
    _get("RTSP/1.1", b"GET /x RTSP/1.1"),
    _get("ICE/1.1", b"SOURCE /x ICE/1.1"),
    _get("a version of other digits", b"GET /x HTTP/1.\xd9\xa1"),
    _get("HTTP/0.9 with headers", b"GET /x"),
    Bad("HTTP/0.9", b"GET /x\r\n\r\n", frozenset({400, 505})),
    Bad("LF behind the line", b"GET /x HTTP/1.1\nHost: shop.example\r\n\r\n", frozenset({400})),
    Bad("LF everywhere", b"GET /x HTTP/1.1\nHost: shop.example\n\n", frozenset({400})),
    Bad("CR behind the line", b"GET /x HTTP/1.1\rHost: shop.example\r\n\r\n", frozenset({400})),
    Bad("CR CR LF behind the line", b"GET /x HTTP/1.1\r\r\nHost: shop.example\r\n\r\n", frozenset({400})),
    Bad(
        "HTTP/2 preface",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        frozenset({400, 505}),
        False,
    ),
    Bad("a TLS hello", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(160), frozenset({400}), False),
    Bad("an SSH hello", b"SSH-2.0-OpenSSH_9.2\r\n", frozenset({400}), False),
    Bad("binary", bytes(range(256)), frozenset({400}), False),
)


def _expects(name: str, value: bytes) -> Bad:
    raw = b"POST /x " + START + b"Expect: " + value + b"\r\nContent-Length: 1\r\n\r\na"
    return Bad(name, raw, frozenset({417}), False)


FIELDS = (
    _field("no colon", b"X-Mark"),
    _field("an empty name", b": " + CANARY),
    _field("a space before the colon", b"X-Mark : " + CANARY),
    _field("a tab before the colon", b"X-Mark\t: " + CANARY),
    _field("a space in the name", b"X Mark: " + CANARY),
    _field("a fold", b"X-Mark: a\r\n " + CANARY),
    _field("a fold by a tab", b"X-Mark: a\r\n\t" + CANARY),
    _field("a fold of nothing", b"X-Mark:\r\n " + CANARY),
    _field("a line of white space", b"X-Mark: a\r\n \r\nX: b"),
    _field("LF behind a value", b"X-Mark: a\nX-Other: " + CANARY),
    _field("CR in a value", b"X-Mark: a\rX-Other: " + CANARY),
    _field("CR CR LF behind a value", b"X-Mark: a\r"),
    _field("NUL in a value", b"X-Mark: a\x00b"),
    _field("NUL in a name", b"X-Ma\x00rk: a"),
    _field("a byte beyond ASCII in a name", b"X-Mark\xe9: a"),
    *(
        _field(f"{bytes([byte])!r} in a value", b"X-Mark: a" + bytes([byte]) + b"b")
        for byte in (1, 7, 8, 11, 12, 27, 31, 127)
    ),
    *(
        _field(f"{bytes([byte])!r} in a name", b"X-Ma" + bytes([byte]) + b"rk: a")
        for byte in b'\x01\x0b\x7f()<>@,;\\"/[]?={}'
    ),
    Bad("white space before the first field", b"GET /x HTTP/1.1\r\n Host: shop.example\r\n\r\n", frozenset({400})),
    Bad("LF for the last line", b"GET /x " + START + b"\n", frozenset({400})),
    _expects("an expectation that nobody knows", b"200-ok"),
    _expects("two expectations", b"100-continue, x"),
)  # fmt: skip

HOSTS = (
    Bad("no Host", b"GET /x HTTP/1.1\r\nX: 1\r\n\r\n", frozenset({400})),
    Bad("no Host beside an absolute form", b"GET http://shop.example/x HTTP/1.1\r\n\r\n", frozenset({400})),
    *(
        Bad(f"Host {value!r}", b"GET /x HTTP/1.1\r\nHost: " + value + b"\r\n\r\n", frozenset({400}))
        for value in (
            b"a b", b"a/b", b"a,b", b"a@b", b"u:p@a", b"a:b", b"a:80:80", b"a:-1", b"a:123456", b"a?b", b"a#b",
            b"a\\b", b"[::1",
            b"::1", b"[x]", b"a\x00", b"a\tb", b"a<b", b'a"b', b"\xe9", b"a\x7f", b"http://a",
        )
    ),
    *(
        Bad(f"Host twice: {second!r}", b"GET /x " + START + second + b"\r\n\r\n", frozenset({400}))
        for second in (b"Host: shop.example", b"Host: b", b"host: b", b"Host:b", b"Host:", b"Host : b", b" Host: b")
    ),
    Bad("Host twice beside an absolute form", b"GET http://c/x " + START + b"Host: b\r\n\r\n", frozenset({400})),
)  # fmt: skip

LARGE = (
    Bad("a line of 9,000 bytes", b"GET /" + b"x" * 9_000 + b" " + START + b"\r\n", frozenset({414}), False),
    Bad("a line of 200,000 bytes", b"GET /" + b"x" * 200_000 + b" " + START + b"\r\n", frozenset({414}), False),
    Bad("a query of 9,000 bytes", b"GET /?" + b"x" * 9_000 + b" " + START + b"\r\n", frozenset({414}), False),
    Bad("a field of 40,000 bytes", b"GET / " + START + b"X: " + b"x" * 40_000 + b"\r\n\r\n", frozenset({431}), False),
    Bad("a field of 500,000 bytes", b"GET / " + START + b"X: " + b"x" * 500_000 + b"\r\n\r\n", frozenset({431}), False),
    Bad("a name of 40,000 bytes", b"GET / " + START + b"x" * 40_000 + b": 1\r\n\r\n", frozenset({431}), False),
    Bad("101 fields", b"GET / " + START + b"X: 1\r\n" * 100 + b"\r\n", frozenset({431}), False),
    Bad("20,000 fields", b"GET / " + START + b"X: 1\r\n" * 20_000 + b"\r\n", frozenset({431}), False),
)

HEADS = (*BOTH_LENGTHS, *LENGTHS, *CODINGS, *LINES, *FIELDS, *HOSTS)
"""Each is refused before an upstream is asked, with little read."""

_CHUNKED = b"POST /x " + START + b"Transfer-Encoding: chunked\r\n\r\n"


def _chunks(name: str, body: bytes, *statuses: int, ambiguous: bool = True) -> Bad:
    return Bad(name, _CHUNKED + body, frozenset(statuses or (400,)), ambiguous)


BODIES = (
    *(
        _chunks(f"chunk size {size!r}", size + b"\r\nhello\r\n0\r\n\r\n")
        for size in (
            b"zz", b"+5", b"-5", b"0x5", b"5_", b"5_0", b" 5", b"5 ", b"5\t", b"", b"5 5", b"5,5",
            b"10000000000000005",
            b"fffffffffffffffff", b"ffffffffffffffff5", b"5\x00", b"\x005", b"5\x0b", b"\xd9\xa5", b"5h", b"'5'",
            b"5.0", b"\r\n5",
        )
    ),
    _chunks("LF behind a chunk size", b"5\nhello\r\n0\r\n\r\n"),
    _chunks("CR behind a chunk size", b"5\rhello\r\n0\r\n\r\n"),
    _chunks("no CRLF behind the data", b"5\r\nhello0\r\n\r\n"),
    _chunks("LF behind the data", b"5\r\nhello\n0\r\n\r\n"),
    _chunks("CR behind the data", b"5\r\nhello\r0\r\n\r\n"),
    _chunks("two bytes in place of a CRLF", b"5\r\nhelloXX0\r\n\r\n"),
    _chunks("more data than announced", b"5\r\nhello world\r\n0\r\n\r\n"),
    _chunks("less data than announced", b"8\r\nhello\r\n0\r\n\r\n"),
    _chunks("LF behind the last chunk", b"5\r\nhello\r\n0\n\n"),
    _chunks("LF for the end", b"5\r\nhello\r\n0\r\n\n"),
    _chunks("CR for the end", b"5\r\nhello\r\n0\r\n\r\r\n"),
    _chunks("LF in an extension", b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    _chunks("LF in a quoted extension", b'5;a="\nb"\r\nhello\r\n0\r\n\r\n'),
    _chunks("CR in an extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    _chunks("NUL in an extension", b"5;a\x00b\r\nhello\r\n0\r\n\r\n"),
    _chunks("NUL in a quoted extension", b'5;a="\x00"\r\nhello\r\n0\r\n\r\n'),
    _chunks("an endless extension", b"5;a=" + b"x" * 100_000, 431, ambiguous=False),
    _chunks("extensions without end", b"1;a=%b\r\na\r\n" % (b"x" * 200) * 500, 431, ambiguous=False),
    _chunks("a trailer with a space before the colon", b"0\r\nX : 1\r\n\r\n"),
    _chunks("a trailer that is folded", b"0\r\nX: 1\r\n y\r\n\r\n"),
    _chunks("a trailer with LF", b"0\r\nX: 1\nY: 2\r\n\r\n"),
    _chunks("a trailer with NUL", b"0\r\nX: \x00\r\n\r\n"),
    _chunks("a trailer without a colon", b"0\r\nX\r\n\r\n"),
    _chunks("Content-Length as a trailer", b"0\r\nContent-Length: 5\r\n\r\n"),
    _chunks("Transfer-Encoding as a trailer", b"0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 501),
    _chunks("33 trailers", b"0\r\n" + b"X: 1\r\n" * 33 + b"\r\n", 431, ambiguous=False),
    _chunks("an endless trailer", b"0\r\nX: " + b"x" * 300_000, 431, ambiguous=False),
    _chunks("trailers without end", b"0\r\n" + b"X: 1\r\n" * 50_000, 431, ambiguous=False),
)  # fmt: skip
"""Each has a good head, so that an upstream may see the request begin, but never end."""
