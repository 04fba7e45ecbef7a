"""Heads that leave the proxy: whole, with one framing, and with our own account in place of the sender's."""

from ipaddress import ip_network

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strangler.core import forward
from strangler.core.forward import Peer, origin_form, peer_of, trailers
from strangler.core.headers import is_host, is_plain, read_request, read_response

Fields = list[tuple[bytes, bytes]]

TRACE = b"00-11111111111111111111111111111111-2222222222222222-01"
HOST = (b"Host", b"shop.test")
STRANGER = peer_of("203.0.113.9", ())

names = st.sampled_from([b"Accept", b"cookie", b"X-A", b"Set-Cookie", b"ETag", b"date"])
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=8).map(str.encode)
passing = st.lists(st.tuples(names, values), max_size=5)
targets = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=9).map(lambda t: b"/" + t.encode())


def sent(
    fields: Fields,
    *,
    method: bytes = b"GET",
    target: bytes = b"/",
    host: bytes | None = None,
    upgrade: bytes | None = None,
) -> bytes:
    return forward.request_head(
        method=method,
        target=target,
        head=read_request(fields),
        forwarding=forward.forwarding_lines(STRANGER, b"shop.test"),
        request_id=b"id-1",
        trace=TRACE,
        host=host,
        upgrade=upgrade,
    )


def parsed(data: bytes) -> h11.Request:
    server = h11.Connection(h11.SERVER)
    server.receive_data(data)
    event = server.next_event()
    assert isinstance(event, h11.Request)
    return event


def lines(data: bytes) -> list[bytes]:
    head, end, rest = data.partition(b"\r\n\r\n")
    assert (end, rest) == (b"\r\n\r\n", b"")
    return head.split(b"\r\n")


@given(st.sampled_from([b"GET", b"POST", b"DELETE", b"BREW"]), targets, passing)
def test_a_strict_server_reads_what_the_client_sent_and_then_our_account(
    method: bytes, target: bytes, fields: Fields
) -> None:
    found = parsed(sent([HOST, *fields], method=method, target=target))

    raw = [(bytes(name), bytes(value)) for name, value in found.headers.raw_items()]
    assert (found.method, found.target) == (method, target)
    assert raw[: len(fields) + 1] == [HOST, *fields]
    assert raw[len(fields) + 1 :] == [
        (b"X-Forwarded-For", b"203.0.113.9"),
        (b"X-Forwarded-Proto", b"http"),
        (b"X-Forwarded-Host", b"shop.test"),
        (b"Forwarded", b'for=203.0.113.9;host="shop.test";proto=http'),
        (b"Via", b"1.1 strangler"),
        (b"X-Request-Id", b"id-1"),
        (b"traceparent", TRACE),
    ]


@given(
    passing,
    st.sampled_from(["x-forwarded-for", "Forwarded", "via", "X-Request-Id", "traceparent", "host", "content-length"]),
)
def test_no_connection_header_takes_our_account_or_the_framing_out(fields: Fields, name: str) -> None:
    found = parsed(sent([HOST, (b"Content-Length", b"3"), (b"Connection", name.encode()), *fields]))

    present = {field for field, _ in found.headers}
    assert present >= {
        b"host",
        b"content-length",
        b"x-forwarded-for",
        b"forwarded",
        b"via",
        b"x-request-id",
        b"traceparent",
    }


@given(passing, st.booleans(), st.booleans(), st.booleans())
def test_each_request_is_framed_in_one_way_and_says_so_once(
    fields: Fields, chunked: bool, expects: bool, trailers_: bool
) -> None:
    asked = [(b"transfer-encoding", b"CHUNKED")] * chunked + [(b"expect", b"100-continue")] * expects
    asked += [(b"te", b"trailers")] * trailers_

    found = lines(sent([*asked, HOST, *fields]))

    assert found.count(b"Transfer-Encoding: chunked") == chunked
    assert found.count(b"Expect: 100-continue") == expects
    assert found.count(b"Connection: TE") == found.count(b"TE: trailers") == trailers_


def test_a_route_may_name_another_host() -> None:
    instead = lines(sent([(b"A", b"1"), HOST, (b"B", b"2")], host=b"inner:80"))
    added = lines(sent([(b"A", b"1")], host=b"inner"))

    assert instead[1:4] == [b"A: 1", b"Host: inner:80", b"B: 2"]
    assert added[1:3] == [b"Host: inner", b"A: 1"]


def test_naming_another_host_leaves_what_the_client_sent() -> None:
    head = read_request([HOST])
    before = list(head.lines)

    forward.request_head(
        method=b"GET",
        target=b"/",
        head=head,
        forwarding=b"",
        request_id=b"1",
        trace=TRACE,
        host=b"inner",
        upgrade=None,
    )

    assert head.lines == before


def test_an_upgrade_is_asked_for_in_our_own_words() -> None:
    found = lines(sent([HOST, (b"te", b"trailers")], upgrade=b"websocket"))

    assert found.count(b"Connection: Upgrade") == found.count(b"Upgrade: websocket") == 1
    assert b"TE: trailers" not in found


def answer(fields: Fields, *, status: int = 200, chunked: bool = False, connection: bytes = b"") -> bytes:
    return forward.response_head(
        status=status,
        reason=b"Fine",
        head=read_response(fields),
        chunked=chunked,
        connection=connection,
        extra=b"X-Ours: 1\r\n",
    )


@given(passing, st.sampled_from([200, 204, 304, 404, 599]), st.booleans(), st.booleans())
def test_an_answer_says_what_the_upstream_said_with_one_framing(
    fields: Fields, status: int, chunked: bool, has_length: bool
) -> None:
    length = [(b"Content-Length", b"3")] * has_length

    found = lines(answer([*length, *fields], status=status, chunked=chunked, connection=b"Connection: close\r\n"))

    kept = [name + b": " + value for name, value in fields]
    is_told = has_length and status != 204 and not chunked
    framing = [b"Transfer-Encoding: chunked"] * chunked
    assert found == [
        b"HTTP/1.1 %d Fine" % status,
        *[b"Content-Length: 3"] * is_told,
        *kept,
        *framing,
        b"Connection: close",
        b"X-Ours: 1",
    ]


def test_a_switch_and_an_interim_answer_keep_their_headers() -> None:
    head = read_response([(b"Connection", b"upgrade"), (b"Upgrade", b"websocket"), (b"X-A", b"1")])

    switch = forward.switch_head(reason=b"Go", head=head, extra=b"X-Ours: 1\r\n")
    early = forward.interim_head(status=103, reason=b"Early", head=read_response([(b"Link", b"</a>")]))

    assert lines(switch) == [
        b"HTTP/1.1 101 Go",
        b"X-A: 1",
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"X-Ours: 1",
    ]
    assert lines(early) == [b"HTTP/1.1 103 Early", b"Link: </a>"]


def test_a_switch_to_nothing_names_nothing() -> None:
    switch = forward.switch_head(reason=b"", head=read_response([]), extra=b"")

    assert lines(switch) == [b"HTTP/1.1 101 ", b"Connection: Upgrade", b"Upgrade: "]


@given(st.ip_addresses().map(str) | st.text() | st.just(""))
@example("fe80::1%eth0")
@example("::ffff:192.0.2.1")
def test_who_asks_is_told_as_an_address_or_as_unknown(address: str) -> None:
    peer = peer_of(address, ())

    told = forward.forwarding_lines(peer, b"shop.test")

    ours = [line.partition(b": ") for line in told.split(b"\r\n")[:-1]]
    assert [name for name, _, _ in ours] == [
        b"X-Forwarded-For",
        b"X-Forwarded-Proto",
        b"X-Forwarded-Host",
        b"Forwarded",
        b"Via",
    ]
    node = b'"[%b]"' % peer.address.encode() if ":" in peer.address else peer.address.encode() or b"unknown"
    assert ours[0][2] == peer.address.encode()
    assert ours[3][2].startswith(b"for=" + node + b";")


def test_a_trusted_peers_account_goes_on_with_the_peer_at_its_end() -> None:
    peer = peer_of("10.0.0.1", (ip_network("10.0.0.0/8"),))
    head = read_request(
        [
            HOST,
            (b"X-Forwarded-For", b"203.0.113.9"),
            (b"X-Forwarded-Proto", b"HTTPS"),
            (b"X-Forwarded-Host", b"outer.test"),
            (b"Forwarded", b"for=203.0.113.9"),
            (b"X-Request-Id", b"theirs"),
            (b"traceparent", TRACE),
        ]
    )

    told = forward.trusted_forwarding_lines(peer, head, b"shop.test").split(b"\r\n")

    assert told == [
        b"X-Forwarded-For: 203.0.113.9, 10.0.0.1",
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-Host: outer.test",
        b'Forwarded: for=203.0.113.9, for=10.0.0.1;host="shop.test";proto=http',
        b"Via: 1.1 strangler",
        b"",
    ]
    assert forward.believed_ids(peer, head) == (b"theirs", TRACE)


def test_ids_are_believed_from_whom_is_trusted_and_only_if_well_formed() -> None:
    trusted = Peer(address="10.0.0.1", is_trusted=True)
    good = read_request([(b"X-Request-Id", b"1"), (b"traceparent", TRACE)])
    bad = read_request([(b"X-Request-Id", b"a b"), (b"traceparent", b"01")])

    assert forward.believed_ids(STRANGER, good) == (None, None)
    assert forward.believed_ids(trusted, good) == (b"1", TRACE)
    assert forward.believed_ids(trusted, bad) == forward.believed_ids(trusted, read_request([])) == (None, None)


@given(st.binary() | st.binary().map(lambda rest: b"http://" + rest))
def test_any_target_is_in_origin_form_or_a_value_error(target: bytes) -> None:
    try:
        form, authority = origin_form(target)
    except ValueError:
        return

    assert form.startswith(b"/") or form == b"*"
    assert authority is None or is_host(authority)


@pytest.mark.parametrize(
    ("target", "form", "authority"),
    [
        (b"/a?b", b"/a?b", None),
        (b"*", b"*", None),
        (b"//a/b", b"//a/b", None),
        (b"http://a", b"/", b"a"),
        (b"HTTPS://a:8443/b?c", b"/b?c", b"a:8443"),
        (b"http://a?b=/c", b"/?b=/c", b"a"),
        (b"http://[::1]/x", b"/x", b"[::1]"),
    ],
)
def test_an_absolute_target_names_an_authority_and_a_path(target: bytes, form: bytes, authority: bytes | None) -> None:
    assert origin_form(target) == (form, authority)


@pytest.mark.parametrize(
    "target", [b"", b"a", b"a:80", b"ftp://a/", b"http:///a", b"http://", b"http://u@a/", b"http:/a", b"http://a b/"]
)
def test_a_target_of_neither_form_is_refused(target: bytes) -> None:
    with pytest.raises(ValueError, match="absolute"):
        origin_form(target)


@given(st.lists(st.tuples(st.sampled_from([b"X-Checksum", b"Content-Length", b"HOST", b"cookie", b"via"]), values)))
def test_trailers_go_on_in_order_but_for_those_that_frame_route_or_authenticate(fields: Fields) -> None:
    found = trailers(fields)

    never = {b"content-length", b"host", b"cookie"}
    assert list(found) == [field for field in fields if field[0].lower() not in never]
    assert all(is_plain(name.lower()) for name, _ in found)
