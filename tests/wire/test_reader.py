"""What the reader makes of requests does not depend on where their bytes are cut."""

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.headers import RequestHead
from strangler.core.model import ListenerLimits
from strangler.core.problem import Problem
from strangler.proxy.reader import Fields, RequestReader

_LINES = (b"GET /x HTTP/1.1\r\n", b"GET /x HTTP/1.0\r\n", b"POST /x HTTP/1.1\r\n", b"POST /x HTTP/1.0\r\n")
_REST = b"Host: a\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n"
_REQUESTS = st.lists(st.tuples(st.sampled_from(_LINES), st.sampled_from((b"", *_LINES))), min_size=1, max_size=4)


class _Record:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.requests: list[tuple[bytes, bytes]] = []
        self.begun = 0
        self.problems: list[Problem] = []

    def on_begin(self) -> None:
        self.begun += 1

    def on_request(self, method: bytes, target: bytes, version: str, head: RequestHead, headers: Fields) -> None:
        self.requests.append((b"%b %b HTTP/%b\r\n" % (method, target, version.encode()), b""))

    def on_body(self, data: bytes) -> None:
        line, body = self.requests[-1]
        self.requests[-1] = (line, body + data)

    def on_end(self, trailers: Fields) -> None: ...

    def on_upgrade(self, rest: bytes) -> None: ...

    def on_bad(self, problem: Problem) -> None:
        self.problems.append(problem)


@given(_REQUESTS, st.data())
def test_each_request_has_its_own_line_and_body_however_its_bytes_are_cut(
    requests: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    parts = [part for line, body in requests for part in (line + _REST % len(body), body)]
    raw = b"".join(parts)
    seams = sorted({*accumulate(map(len, parts))} - {len(raw)})
    anywhere = st.sets(st.integers(1, len(raw) - 1), max_size=8)
    cuts = data.draw(anywhere | st.sets(st.sampled_from(seams or [1])))
    sink = _Record()
    reader = RequestReader(sink, ListenerLimits())

    for start, end in pairwise((0, *sorted(cuts), len(raw))):
        reader.feed(raw[start:end])

    assert (sink.requests, sink.problems) == (requests, [])


@given(_REQUESTS)
def test_a_head_that_comes_in_parts_is_told_of_once_when_it_begins(requests: list[tuple[bytes, bytes]]) -> None:
    sink = _Record()
    reader = RequestReader(sink, ListenerLimits())

    for number, (line, body) in enumerate(requests, start=1):
        for byte in line + _REST % len(body) + body:
            reader.feed(bytes((byte,)))
        assert sink.begun == number
