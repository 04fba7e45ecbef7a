"""Header sections: what is for this hop alone goes, all else goes on in order, and doubt is refused."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strangler.core import headers as module
from strangler.core.headers import (
    is_host,
    is_plain,
    is_reason,
    is_request_id,
    is_traceparent,
    read_request,
    read_response,
    size,
)
from strangler.core.problem import Problem, RefusedError

Fields = list[tuple[bytes, bytes]]

HOP = {b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"proxy-authenticate"}
HOP |= {b"http2-settings", b"te", b"transfer-encoding", b"upgrade", b"expect"}
OURS = {b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"x-real-ip"}
OURS |= {b"x-request-id", b"traceparent", b"tracestate", b"x_forwarded_for", b"x_request_id", b"content_length"}
ANSWER_HOP = HOP - {b"http2-settings", b"te", b"expect", b"proxy-authorization"}
KEPT = {b"host", b"content-length", b"close", b"keep-alive", b"upgrade", b"te", b"transfer-encoding"}
"""What `Connection` cannot take out by naming it."""

END_TO_END = [b"accept", b"cookie", b"x-a", b"x-b", b"x_b", b"user-agent", b"set-cookie", b"via", b"date", b"etag"]


def cased(names: list[bytes]) -> st.SearchStrategy[bytes]:
    """Return a name in lower, upper or title case."""
    return st.sampled_from(names).flatmap(lambda name: st.sampled_from([name, name.upper(), name.title()]))


values = st.binary(max_size=12).map(lambda value: value.translate(None, b"\r\n\0").strip(b" \t"))
passing = st.tuples(cased(END_TO_END) | st.from_regex(rb"[a-z!#$%&'*+.^`|~-]{1,12}", fullmatch=True), values).filter(
    lambda field: field[0].lower() not in HOP | OURS | KEPT | {b"x-forwarded-"}
)
connections = st.lists(
    cased([*END_TO_END, b"close", b"keep-alive", b"upgrade", b"host", b"content-length", b"te", b""]), max_size=4
).map(lambda names: (b"Connection", b" ,\t".join(names)))
own = st.tuples(cased(sorted(HOP - {b"connection", b"transfer-encoding", b"expect"} | OURS)), values)
framing = st.sampled_from(
    [(b"Host", b"a"), (b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked"), (b"Expect", b"100-Continue")]
)
sections = st.lists(passing | own | connections, max_size=8).flatmap(
    lambda fields: st.lists(framing, unique_by=lambda field: field[0], max_size=4).flatmap(
        lambda more: st.permutations([*fields, *more])
    )
)
raw = st.lists(st.tuples(st.binary() | st.sampled_from(sorted(HOP | OURS | {b"host", b"content-length"})), st.binary()))
"""Any bytes at all."""


def named(fields: Fields) -> set[bytes]:
    lists = [value for name, value in fields if name.lower() == b"connection"]
    return {token.strip().lower() for token in b",".join(lists).split(b",")} - KEPT


def lines(fields: Fields, dropped: set[bytes]) -> list[bytes]:
    return [name + b": " + value + b"\r\n" for name, value in fields if name.lower() not in dropped | named(fields)]


@given(sections)
@example([(b"Connection", b"x-a, host"), (b"x-a", b"1"), (b"Content-Length", b"5"), (b"HOST", b"a")])
def test_a_request_loses_what_is_for_this_hop_and_keeps_all_else_in_order(fields: Fields) -> None:
    head = read_request(fields)

    assert head.lines == lines(fields, HOP | OURS)
    assert (head.host_line < 0) == (head.host is None)
    if head.host is not None:
        assert head.lines[head.host_line].lower() == b"host: %b\r\n" % head.host


@given(sections)
@example([(b"Connection", b"x-a"), (b"x-a", b"1"), (b"Content-Length", b"5")])
@example([(b"Connection", b"x-a"), (b"x-b", b"1")])
def test_an_answer_loses_what_is_for_this_hop_and_keeps_all_else_in_order(fields: Fields) -> None:
    head = read_response(fields)

    assert head.lines == lines(fields, ANSWER_HOP)
    assert (head.length_line < 0) == (head.length is None)
    if head.length is not None:
        assert head.lines[head.length_line].lower() == b"content-length: %d\r\n" % head.length


@given(sections)
def test_the_framing_is_what_the_sender_said(fields: Fields) -> None:
    said = {name.lower(): value for name, value in fields if name.lower() in KEPT | {b"expect"}}

    for head in (read_request(fields), read_response(fields)):
        assert head.length == (5 if b"content-length" in said else None)
        assert head.chunked == (b"transfer-encoding" in said)
    assert read_request(fields).expects_continue == (b"expect" in said)


@given(sections)
def test_the_wishes_for_the_connection_are_those_of_all_its_lines_together(fields: Fields) -> None:
    tokens = {
        token.strip().lower() for name, value in fields if name.lower() == b"connection" for token in value.split(b",")
    }

    head = read_request(fields)

    assert head.close == read_response(fields).close == (b"close" in tokens)
    assert head.keep_alive == (b"keep-alive" in tokens and b"close" not in tokens)
    asked = [value for name, value in fields if name.lower() == b"upgrade"]
    assert head.upgrade == (b", ".join(asked) if asked and b"upgrade" in tokens else None)


@given(raw)
def test_any_bytes_are_a_section_or_a_refusal(fields: Fields) -> None:
    for read in (read_request, read_response):
        try:
            read(fields)
        except RefusedError as refusal:
            assert refusal.problem in {
                Problem.BAD_HOST,
                Problem.BAD_FRAMING,
                Problem.TRANSFER_CODING,
                Problem.EXPECTATION,
                Problem.UPSTREAM_FRAMING,
            }


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ([(b"Host", b"a"), (b"host", b"a")], Problem.BAD_HOST),
        ([(b"Transfer-Encoding", b"gzip, chunked")], Problem.TRANSFER_CODING),
        ([(b"Transfer-Encoding", b"xchunked")], Problem.TRANSFER_CODING),
        ([(b"Transfer-Encoding", b"")], Problem.TRANSFER_CODING),
        ([(b"Transfer-Encoding", b"chunked"), (b"transfer-encoding", b"chunked")], Problem.TRANSFER_CODING),
        ([(b"Expect", b"200-ok")], Problem.EXPECTATION),
        ([(b"Expect", b"")], Problem.EXPECTATION),
        ([(b"Content-Length", b"1" * 19)], Problem.BAD_FRAMING),
        ([(b"Content-Length", b"+5")], Problem.BAD_FRAMING),
        ([(b"Content-Length", b"5_0")], Problem.BAD_FRAMING),
        ([(b"Content-Length", b"\v5")], Problem.BAD_FRAMING),
        ([(b"Content-Length", b"5, 5")], Problem.BAD_FRAMING),
        ([(b"Content-Length", b"")], Problem.BAD_FRAMING),
    ],
)
def test_a_request_whose_meaning_is_in_doubt_is_refused(fields: Fields, problem: Problem) -> None:
    with pytest.raises(RefusedError) as caught:
        read_request(fields)

    assert caught.value.problem is problem


@pytest.mark.parametrize(
    "fields",
    [
        [(b"Transfer-Encoding", b"gzip, chunked")],
        [(b"Transfer-Encoding", b"chunked"), (b"Transfer-Encoding", b"chunked")],
        [(b"Content-Length", b"1" * 5_000)],
    ],
)
def test_an_answer_whose_length_is_in_doubt_is_refused(fields: Fields) -> None:
    with pytest.raises(RefusedError) as caught:
        read_response(fields)

    assert caught.value.problem is Problem.UPSTREAM_FRAMING


def test_lists_that_came_in_several_lines_are_one() -> None:
    head = read_request(
        [
            (b"Connection", b"upgrade"),
            (b"connection", b"X-A"),
            (b"Upgrade", b"a"),
            (b"upgrade", b"b"),
            (b"X-Forwarded-For", b"1.1.1.1"),
            (b"x-forwarded-for", b"2.2.2.2"),
            (b"Forwarded", b"for=1.1.1.1"),
            (b"forwarded", b"for=2.2.2.2"),
            (b"TE", b"trailers;q=0.5"),
            (b"te", b"gzip, Trailers"),
            (b"x-a", b"1"),
        ]
    )

    assert (head.upgrade, head.wants_trailers, head.lines) == (b"a, b", True, [])
    assert head.forwarded_for == b"1.1.1.1, 2.2.2.2"
    assert head.forwarded == b"for=1.1.1.1, for=2.2.2.2"


def test_an_id_that_is_for_this_hop_alone_is_none() -> None:
    head = read_request([(b"X-Request-Id", b"1"), (b"Connection", b"x-request-id")])

    assert head.request_id is None


@pytest.mark.parametrize(
    "host",
    [b"a", b"A.b-c_d:80", b"a:", b"[::1]", b"[::1]:8080", b"[fe80::1%25eth0]", b"192.0.2.1:1", b"a" * 255 + b":65535"],
)
def test_one_host_with_at_most_one_port_is_one(host: bytes) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"a b",
        b"a,b",
        b"a/b",
        b"u@a",
        b"a:80:80",
        b"a:-1",
        b"a:123456",
        b"[::1",
        b"::1",
        b'a"',
        b"a\\",
        b"a\r\n",
        b"a\n",
        b"\xff",
        b"a" * 262,
        b"." * 30_000,
    ],
)
def test_what_is_not_one_host_is_none(host: bytes) -> None:
    assert not is_host(host)


@given(st.binary())
def test_no_bytes_that_could_end_a_line_or_a_quoted_string_are_a_host_an_id_or_a_trace(text: bytes) -> None:
    if is_host(text) or is_request_id(text) or is_traceparent(text):
        assert not set(text) & set(b'\r\n\0 "\\,')


@pytest.mark.parametrize(
    ("trace", "is_one"),
    [
        (b"00-11111111111111111111111111111111-2222222222222222-01", True),
        (b"00-00000000000000000000000000000000-2222222222222222-01", False),
        (b"00-11111111111111111111111111111111-0000000000000000-01", False),
        (b"01-11111111111111111111111111111111-2222222222222222-01", False),
        (b"00-1111111111111111111111111111111A-2222222222222222-01", False),
        (b"00-11111111111111111111111111111111-2222222222222222-01-x", False),
        (b"", False),
    ],
)
def test_a_traceparent_is_of_version_0_and_not_zero(trace: bytes, is_one: bool) -> None:
    assert is_traceparent(trace) == is_one


@pytest.mark.parametrize(("text", "is_one"), [(b"a" * 128, True), (b"a" * 129, False), (b"", False), (b"a b", False)])
def test_a_request_id_is_short_and_plain(text: bytes, is_one: bool) -> None:
    assert is_request_id(text) == is_one


@pytest.mark.parametrize("fields", [[], [(b"Host", b"a"), (b"x", b"")]])
def test_the_size_of_a_section_is_that_of_its_lines(fields: Fields) -> None:
    assert size(fields) == sum(len(b"%b: %b\r\n" % field) for field in fields)


@pytest.mark.parametrize(
    ("reason", "is_one"), [(b"", True), (b"Not Found", True), (b"\xff\t", True), (b"a\rb", False), (b"\0", False)]
)
def test_a_reason_is_text_of_one_line(reason: bytes, is_one: bool) -> None:
    assert is_reason(reason) == is_one


@given(st.integers(0, 10**18 - 1), st.integers(0, 18))
def test_a_length_goes_on_in_its_one_spelling(length: int, width: int) -> None:
    fields = [(b"Content-Length", b"%0*d" % (width, length)), (b"Connection", b"x-a")]

    for read in (read_request, read_response):
        head = read(fields)
        assert (head.length, head.lines) == (length, [b"Content-Length: %d\r\n" % length])


@pytest.mark.parametrize("name", [b"accept", b"x-a", b"content_type", b"forwarded-for"])
def test_a_name_that_means_nothing_to_a_proxy_is_plain(name: bytes) -> None:
    assert is_plain(name)


def test_long_values_fill_no_memory() -> None:
    """Because the bound of a memory is a number of entries, what is long is not kept."""
    remembered = {
        name: found.cache_info().currsize for name, found in vars(module).items() if hasattr(found, "cache_info")
    }
    names = len(module._MEANINGS)
    long = b"a," * 10_000

    for n in range(10):
        name = b"x" * 20_000 + b"%d" % n
        head = read_request([(b"Connection", b"%b%d" % (long, n)), (name, b"1"), (b"x-b", b"")])
        assert head.lines == [name + b": 1\r\n", b"x-b: \r\n"]
        assert not is_host(b"%b%d" % (b"a" * 1_000, n))
        assert is_reason(b"%b%d" % (b"a" * 1_000, n))

    assert len(remembered) >= 2
    assert remembered == {name: vars(module)[name].cache_info().currsize for name in remembered}
    assert len(module._MEANINGS) <= names + 1


@pytest.mark.parametrize(
    ("connection", "protocol"), [([(b"Connection", b"Upgrade")], b"chat"), ([(b"Connection", b"x")], None), ([], None)]
)
def test_an_answer_switches_only_if_connection_says_so(
    connection: list[tuple[bytes, bytes]], protocol: bytes | None
) -> None:
    assert read_response([(b"Upgrade", b"chat"), *connection]).upgrade == protocol
