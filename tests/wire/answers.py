"""The corpus of bad answers: each is an answer that a client, a cache or a proxy has been fooled with."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BadAnswer:
    """What an upstream answers."""

    name: str
    raw: bytes


def _field(name: str, field: bytes, body: bytes = b"ab") -> BadAnswer:
    return BadAnswer(name, b"HTTP/1.1 200 OK\r\n" + field + b"\r\n\r\n" + body)


def _line(line: bytes) -> BadAnswer:
    return BadAnswer(f"line {line[:40]!r}", line + b"\r\nContent-Length: 2\r\n\r\nab")


_CHUNKS = b"2\r\nab\r\n0\r\n\r\n"

HEADS = (
    *(
        _field(f"Content-Length {value!r}", b"Content-Length: " + value)
        for value in (
            b"2, 2", b"2,3", b"-2", b"+2", b"two", b"", b"0x2", b"2.0", b"2 2", b"2\x0b", b"9" * 19, b"9" * 30,
            b"0" * 20 + b"2",
            b"\xd9\xa2", b"2;",
        )
    ),
    _field("Content-Length twice, equal", b"Content-Length: 2\r\nContent-Length: 2"),
    _field("Content-Length twice, different", b"Content-Length: 2\r\nContent-Length: 3"),
    _field("Content-Length and chunked", b"Content-Length: 2\r\nTransfer-Encoding: chunked", _CHUNKS),
    _field("chunked and Content-Length", b"Transfer-Encoding: chunked\r\nContent-Length: 2", _CHUNKS),
    *(
        _field(f"Transfer-Encoding {value!r}", b"Transfer-Encoding: " + value, _CHUNKS)
        for value in (
            b"gzip", b"identity", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"xchunked", b"",
            b",chunked", b"\x0bchunked",
            b"chunked\x00",
        )
    ),
    _field("chunked twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", _CHUNKS),
    _field("NUL in a value", b"X: a\x00b\r\nContent-Length: 2"),
    _field("CR in a value", b"X: a\rSet-Cookie: stolen=1\r\nContent-Length: 2"),
    _field("LF in a value", b"X: a\nSet-Cookie: stolen=1\r\nContent-Length: 2"),
    _field("DEL in a value", b"X: a\x7f\r\nContent-Length: 2"),
    _field("ESC in a value", b"X: a\x1b[0m\r\nContent-Length: 2"),
    _field("a fold", b"X: a\r\n b\r\nContent-Length: 2"),
    _field("a space before the colon", b"X : a\r\nContent-Length: 2"),
    _field("a space in a name", b"X Y: a\r\nContent-Length: 2"),
    _field("a byte beyond ASCII in a name", b"X\xe9: a\r\nContent-Length: 2"),
    _field("an empty name", b": a\r\nContent-Length: 2"),
    _field("no colon", b"X\r\nContent-Length: 2"),
    _field("a head of 100,000 bytes", b"X: " + b"y" * 100_000 + b"\r\nContent-Length: 2"),
    _field("a head of 40,000 fields", b"X: y\r\n" * 40_000 + b"Content-Length: 2"),
    BadAnswer("LF for all line ends", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nab"),
    BadAnswer("LF behind a field", b"HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nab"),
    BadAnswer("LF for the last line", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nab"),
    BadAnswer("white space before the first field", b"HTTP/1.1 200 OK\r\n X: a\r\nContent-Length: 2\r\n\r\nab"),
    BadAnswer("a page without a head", b"<html>hello</html>\r\n\r\n"),
    BadAnswer("binary", bytes(range(256))),
    BadAnswer("a TLS alert", b"\x15\x03\x01\x00\x02\x02\x46"),
    BadAnswer("an SMTP greeting", b"220 mail.example ESMTP\r\n"),
    *(
        _line(line)
        for line in (
            b"HTTP/1.1 099 Low", b"HTTP/1.1 000 Zero", b"HTTP/1.1 20 Short", b"HTTP/1.1 2000 Long",
            b"HTTP/1.1 +20 Sign",
            b"HTTP/1.1 2x0 OK", b"HTTP/1.1  200 OK", b"HTTP/1.1 200OK", b"HTTP/1.1\t200 OK", b"HTTP/2.0 200 OK",
            b"HTTP/0.9 200 OK",
            b"HTTP/1.5 200 OK", b"HTTP/11.1 200 OK", b"http/1.1 200 OK", b"HTP/1.1 200 OK", b"ICY 200 OK",
            b"HTTP/1.1 200 O\x00K",
            b"HTTP/1.1 200 O\x01K", b"HTTP/1.1 200 O\x1b[31mK", b"HTTP/1.1 200 O\x7fK", b"HTTP/1.1 200 O\rX: 1",
            b"HTTP/1.1 200 O\nX: 1", b"HTTP/1.1 200 OK\r", b"HTTP/1.1 -01 OK",
            b"HTTP/1.1 \xd9\xa2\xd9\xa0\xd9\xa0 OK",
        )
    ),
    BadAnswer("a switch that nobody asked for", b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
    BadAnswer("a switch without a protocol", b"HTTP/1.1 101 Switching\r\n\r\n"),
    BadAnswer("interim answers without end", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 200),
    BadAnswer("an interim head of 100,000 bytes", b"HTTP/1.1 103 Early\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"),
)  # fmt: skip
"""Each is a 502: nothing of it reaches the client."""


def _chunked(name: str, body: bytes) -> BadAnswer:
    return BadAnswer(name, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" + body)


BODIES = (
    *(
        _chunked(f"chunk size {size!r}", size + b"\r\nhello\r\n0\r\n\r\n")
        for size in (b"zz", b"+5", b"-5", b"0x5", b" 5", b"5 ", b"", b"5_", b"fffffffffffffffff", b"5\x00")
    ),
    _chunked("no CRLF behind the data", b"5\r\nhello0\r\n\r\n"),
    _chunked("LF behind the data", b"5\r\nhello\n0\r\n\r\n"),
    _chunked("LF behind a size", b"5\nhello\r\n0\r\n\r\n"),
    _chunked("LF for the end", b"0\r\n\n"),
    _chunked("LF in an extension", b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    _chunked("an endless extension", b"5;a=" + b"x" * 300_000),
    _chunked("extensions without end", b"1;a=%b\r\na\r\n" % (b"x" * 200) * 800),
    _chunked("an endless trailer", b"0\r\nX: " + b"x" * 300_000),
    _chunked("trailers without end", b"0\r\n" + b"X: y\r\n" * 60_000),
    _chunked("NUL in a trailer", b"0\r\nX: \x00\r\n\r\n"),
    _chunked("CR in a trailer", b"0\r\nX: a\rb\r\n\r\n"),
    _chunked("a trailer that is folded", b"0\r\nX: a\r\n b\r\n\r\n"),
    _chunked("a cut in a chunk", b"5\r\nhe"),
    _chunked("a cut between chunks", b""),
    _chunked("a cut before the end", b"0\r\n"),
    BadAnswer("a body that is cut", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
)
"""The head has passed when these turn bad: the client's connection is cut, and never looks complete."""

STRAYS = (
    ("behind a length", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    ("behind chunks", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    ("behind 204", b"HTTP/1.1 204 No Content\r\n\r\n"),
    ("behind 204 with a length", b"HTTP/1.1 204 No Content\r\nContent-Length: 40\r\n\r\n"),
    ("behind 204 with chunks", b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("behind 304", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 40\r\n\r\n"),
)
"""Whole answers; a test sends another one behind each."""
