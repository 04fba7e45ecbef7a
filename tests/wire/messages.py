"""Valid messages and ways to spoil them, for property tests; and what h11 reads in bytes, for judging."""

import re
from dataclasses import dataclass

import h11
from hypothesis import strategies as st

Fields = tuple[tuple[bytes, bytes], ...]

names = st.sampled_from(
    [b"X-A", b"x-b", b"Accept", b"Cookie", b"X_C", b"Content-Type", b"TE", b"Expect-Not", b"X-Very-Long-Name"]
)
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12).map(str.encode) | st.sampled_from(
    [b"a b", b"a\tb", b"caf\xe9", b"chunked", b"5", b"close", b""]
)
fields: st.SearchStrategy[Fields] = st.lists(st.tuples(names, values), max_size=4).map(tuple)
bodies = st.binary(max_size=40) | st.sampled_from(
    [b"0\r\n\r\n", b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n"]
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a reader makes of one message."""

    line: tuple[bytes, ...]
    body: bytes


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    """Draw a chunked form of a body, with any sizes, zeros, extensions and trailers."""
    out = b""
    while body:
        size = draw(st.integers(1, len(body)))
        zeros = draw(st.sampled_from([b"", b"0", b"00"]))
        extension = draw(st.sampled_from([b"", b";a", b";a=b", b';a="b c"']))
        out += zeros + b"%x" % size + extension + b"\r\n" + body[:size] + b"\r\n"
        body = body[size:]
    trailers = draw(st.sampled_from([b"", b"X-Sum: 1\r\n"]))
    return out + draw(st.sampled_from([b"0", b"000"])) + b"\r\n" + trailers + b"\r\n"


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, Seen]:
    """Draw a valid request and what it is."""
    method = draw(st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"PATCH"]))
    target = b"/" + draw(st.text("abc/.-_~", max_size=8)).encode() + draw(st.sampled_from([b"", b"?", b"?a=%20&b"]))
    body = draw(bodies)
    framed = draw(st.sampled_from(["none", "length", "chunked"]))
    lines = b"Host: a\r\n" + b"".join(b"%b: %b\r\n" % pair for pair in draw(fields))
    match framed:
        case "none":
            raw, body = lines + b"\r\n", b""
        case "length":
            raw = lines + b"Content-Length: %d\r\n\r\n" % len(body) + body
        case _:
            raw = lines + b"Transfer-Encoding: chunked\r\n\r\n" + draw(chunked(body))
    return b"%b %b HTTP/1.1\r\n" % (method, target) + raw, Seen((method, target), body)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, Seen]:
    """Draw a valid answer to a GET and what it is."""
    status = draw(st.sampled_from([b"200", b"201", b"404", b"500", b"204", b"304"]))
    reason = draw(st.sampled_from([b" OK", b" ", b" Not \xe9", b""]))
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"]))
    body = b"" if status in (b"204", b"304") else draw(bodies)
    lines = b"".join(b"%b: %b\r\n" % pair for pair in draw(fields))
    framed = "none" if status in (b"204", b"304") else draw(st.sampled_from(["length", "chunked", "close"]))
    match framed:
        case "length":
            raw = lines + b"Content-Length: %d\r\n\r\n" % len(body) + body
        case "chunked":
            raw = lines + b"Transfer-Encoding: chunked\r\n\r\n" + draw(chunked(body))
        case _:
            raw = lines + b"\r\n" + body
    return interim + b"HTTP/1.1 " + status + reason + b"\r\n" + raw, Seen((status,), body)


_SPICE = [
    b"\r",
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b":",
    b"\x00",
    b"\x0b",
    b"\xff",
    b"0",
    b"5",
    b",",
    b";",
    b"-",
    b"+",
    b"x",
    b"\r\n\r\n",
]
_LINES = [
    b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Host: b\r\n", b" folded\r\n", b"X : y\r\n", b"Connection: close\r\n", b"0\r\n\r\n", b"Content-Length : 4\r\n",
]  # fmt: skip


@st.composite
def spoiled(draw: st.DrawFn, raw: bytes) -> bytes:
    """Draw what is left of bytes after some accidents."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(raw) - 1)))
        match draw(st.sampled_from(["flip", "insert", "delete", "double", "line", "repeat", "drop"])):
            case "flip":
                raw = raw[:at] + bytes([raw[at] ^ (1 << draw(st.integers(0, 7)))]) + raw[at + 1 :] if raw else raw
            case "insert":
                raw = raw[:at] + draw(st.sampled_from(_SPICE)) + raw[at:]
            case "delete":
                raw = raw[:at] + raw[at + draw(st.integers(1, 4)) :]
            case "double":
                raw = raw[: at + 3] + raw[at:]
            case "line":
                raw = _at_line(raw, at, draw(st.sampled_from(_LINES)))
            case "repeat":
                lines = raw.split(b"\r\n")
                raw = _at_line(raw, at, draw(st.sampled_from(lines)) + b"\r\n")
            case _:
                lines = raw.split(b"\r\n")
                del lines[draw(st.integers(0, len(lines) - 1))]
                raw = b"\r\n".join(lines)
    return raw


def _at_line(raw: bytes, at: int, line: bytes) -> bytes:
    start = raw.find(b"\r\n", at)
    return raw[: start + 2] + line + raw[start + 2 :] if start >= 0 else raw + line


def read_requests(raw: bytes) -> list[Seen]:
    """Return the complete requests that h11 reads in a client's bytes, up to the first that it refuses.

    Empty lines before a request say nothing (RFC 9112 section 2.2), and h11 would refuse some of them.
    """
    found: list[Seen] = []
    line: tuple[bytes, ...] = ()
    body = b""
    server = h11.Connection(h11.SERVER)
    server.receive_data(raw.lstrip(b"\r\n"))
    while True:
        try:
            event = server.next_event()
        except h11.RemoteProtocolError:
            return found
        if isinstance(event, h11.Request):
            line, body = (event.method, event.target), b""
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            found.append(Seen(line, body))
            rest = bytes(server.trailing_data[0]).lstrip(b"\r\n")
            if server.their_state is not h11.DONE or not rest:
                return found
            server = h11.Connection(h11.SERVER)
            server.receive_data(rest)
        else:
            return found


def read_answer(raw: bytes) -> tuple[Seen | None, bytes]:
    """Return the answer to a GET that h11 reads in an upstream's bytes that then end, and the bytes behind it.

    None is for an answer that is refused, or not complete.
    """
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/x", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    # Because empty lines between an interim answer and the next say nothing, and h11 would refuse them.
    client.receive_data(
        re.sub(rb"(\r\n\r\n)[\r\n]+HTTP/", rb"\1HTTP/", raw) if raw.startswith(b"HTTP/1.1 103") else raw
    )
    is_ended = False
    status, body = b"", b""
    while True:
        try:
            event = client.next_event()
        except h11.RemoteProtocolError:
            return None, b""
        if event is h11.NEED_DATA:
            if is_ended:
                return None, b""
            is_ended = True
            client.receive_data(b"")
        elif isinstance(event, h11.Response):
            status = b"%d" % event.status_code
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return Seen((status,), body), bytes(client.trailing_data[0])
        elif not isinstance(event, h11.InformationalResponse):
            return None, b""
