"""Trust: whose word is believed about who asks, and what is left of everybody else's."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strangler.core import forward
from strangler.core.forward import Peer, client_address, peer_of
from strangler.core.headers import RequestHead, read_request

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
OTHER = "203.0.113.9"
TRACE = b"00-11111111111111111111111111111111-2222222222222222-01"

addresses = st.ip_addresses().map(str)
proxies = st.sampled_from(["10.0.0.1", "10.9.9.9", "fd00::1", "[fd00::2]", "10.1.1.1:4711", "::ffff:10.0.0.7"])
strangers = st.ip_addresses().filter(lambda ip: not any(ip in network for network in TRUSTED)).map(str)


def head(*fields: tuple[bytes, bytes]) -> RequestHead:
    return read_request(((b"Host", b"shop"), *fields))


def chain(text: str) -> RequestHead:
    return head((b"X-Forwarded-For", text.encode("latin-1")))


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("9.9.9.9", "9.9.9.9"),
        ("1.1.1.1, 9.9.9.9", "9.9.9.9"),
        ("1.1.1.1, 9.9.9.9, 10.0.0.2", "9.9.9.9"),
        ("9.9.9.9, 10.0.0.2 ,10.0.0.3", "9.9.9.9"),
        ("10.0.0.2, 10.0.0.3", "10.0.0.2"),
        ("9.9.9.9:4711, 10.0.0.2", "9.9.9.9"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:9.9.9.9", "9.9.9.9"),
        ("9.9.9.9, unknown, 10.0.0.2", "10.0.0.2"),
        ("9.9.9.9, , 10.0.0.2", "10.0.0.2"),
        ("9.9.9.9, fe80::1%<script>", "10.0.0.1"),
        ("unknown", "10.0.0.1"),
        ("", "10.0.0.1"),
        (",", "10.0.0.1"),
    ],
)
def test_the_client_is_the_right_most_that_is_no_trusted_proxy(told: str, found: str) -> None:
    assert client_address(peer_of("10.0.0.1", TRUSTED), chain(told)) == found


@given(st.text(alphabet=st.characters(max_codepoint=255)), strangers)
def test_nothing_that_a_stranger_says_changes_its_address(told: str, stranger: str) -> None:
    peer = peer_of(stranger, TRUSTED)

    assert client_address(peer, chain(told)) == peer.address


@given(st.text(alphabet=st.characters(max_codepoint=255)), strangers, st.lists(proxies, max_size=5))
@example("1.1.1.1", "::ffff:127.0.0.1", [])
def test_what_a_stranger_says_is_not_heard_through_trusted_proxies_either(
    forged: str, stranger: str, hops: list[str]
) -> None:
    seen = peer_of(stranger, TRUSTED).address

    found = client_address(peer_of("10.0.0.1", TRUSTED), chain(", ".join([forged, stranger, *hops])))

    assert found == seen


def test_nobody_is_named_by_forwarded_which_many_proxies_pass_on_unread() -> None:
    read = head((b"Forwarded", b"for=1.1.1.1"), (b"X-Real-IP", b"1.1.1.1"))

    assert client_address(peer_of("10.0.0.1", TRUSTED), read) == "10.0.0.1"


@given(st.binary(max_size=200))
def test_any_chain_leads_to_an_address(told: bytes) -> None:
    peer = peer_of("10.0.0.1", TRUSTED)

    found = client_address(peer, head((b"X-Forwarded-For", told)))

    assert str(ip_address(found)) == found


def test_a_chain_is_followed_through_so_many_proxies_and_no_further() -> None:
    told = ", ".join([OTHER, *["10.0.0.2"] * 40])

    assert client_address(peer_of("10.0.0.1", TRUSTED), chain(told)) == "10.0.0.2"


def test_several_lines_of_a_chain_are_one() -> None:
    several = head(
        (b"X-Forwarded-For", b"1.1.1.1"), (b"x-forwarded-for", b"9.9.9.9"), (b"X-FORWARDED-FOR", b"10.0.0.2")
    )

    assert client_address(peer_of("10.0.0.1", TRUSTED), several) == "9.9.9.9"


@pytest.mark.parametrize(
    ("address", "origin"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("::ffff:192.0.2.1", "192.0.2.1")],
)
def test_an_ipv6_client_is_counted_by_its_network(address: str, origin: str) -> None:
    assert peer_of(address, ()).origin == origin


def test_what_is_no_address_is_nobody_and_not_trusted() -> None:
    everybody = (ip_network("0.0.0.0/0"), ip_network("::/0"))

    assert peer_of("", everybody) == Peer(address="", is_trusted=False, trusted=everybody)


SPOOFS = (
    b"X-Forwarded-For", b"x-forwarded-port", b"X-FORWARDED-SERVER", b"X-Forwarded-Client-Cert", b"X-Forwarded-",
    b"X-Real-IP", b"Forwarded", b"X-Request-Id", b"traceparent", b"tracestate", b"X_Forwarded_For", b"x-forwarded_for",
    b"X_Forwarded-Made_Up", b"X_Real_IP", b"X_Request_Id", b"Content_Length", b"Transfer_Encoding",
)  # fmt: skip


@pytest.mark.parametrize("name", SPOOFS)
@pytest.mark.parametrize("connection", [(), ((b"Connection", b"X-Other"),)])
def test_no_spelling_of_a_forwarding_header_passes_from_a_stranger(
    name: bytes, connection: tuple[tuple[bytes, bytes], ...]
) -> None:
    read = head((name, b"spoof"), *connection)
    sent = b"".join(read.lines) + forward.forwarding_lines(peer_of(OTHER, TRUSTED), b"shop")

    assert b"spoof" not in sent


@pytest.mark.parametrize("name", [b"X_Api_Key", b"X-Forward-For", b"baggage", b"X-Forwarded", b"_"])
def test_other_names_pass_even_with_an_underscore(name: bytes) -> None:
    assert head((name, b"kept")).lines == [b"Host: shop\r\n", name + b": kept\r\n"]


def test_a_trusted_proxys_other_words_pass_but_not_in_another_spelling() -> None:
    read = head((b"X-Forwarded-Port", b"443"), (b"X_Real_IP", b"spoof"), (b"X-Real-IP", b"9.9.9.9"))

    sent = forward.trusted_forwarding_lines(peer_of("10.0.0.1", TRUSTED), read, b"shop")

    assert b"X-Forwarded-Port: 443\r\nX-Real-IP: 9.9.9.9\r\n" in sent
    assert b"spoof" not in sent + b"".join(read.lines)


@pytest.mark.parametrize(
    ("told", "sent"),
    [
        ([b"https"], b"https"),
        ([b"HTTPS"], b"https"),
        ([b"https, http"], b"http"),
        ([b"ws"], b"http"),
        ([b"https", b"https"], b"http"),
        ([b"\xff"], b"http"),
        ([b""], b"http"),
    ],
)
def test_a_scheme_that_is_none_is_replaced_by_our_own(told: list[bytes], sent: bytes) -> None:
    read = head(*((b"X-Forwarded-Proto", value) for value in told))

    lines = forward.trusted_forwarding_lines(peer_of("10.0.0.1", TRUSTED), read, b"shop").split(b"\r\n")

    assert [line for line in lines if line.startswith(b"X-Forwarded-Proto")] == [b"X-Forwarded-Proto: " + sent]


@pytest.mark.parametrize("told", [[b"a", b"b"], [b"a, b"], [b'a"; for=x'], [b""]])
def test_a_forwarded_host_that_is_not_one_host_is_replaced_by_the_host(told: list[bytes]) -> None:
    read = head(*((b"X-Forwarded-Host", value) for value in told))

    lines = forward.trusted_forwarding_lines(peer_of("10.0.0.1", TRUSTED), read, b"shop").split(b"\r\n")

    assert [line for line in lines if line.startswith(b"X-Forwarded-Host")] == [b"X-Forwarded-Host: shop"]


@pytest.mark.parametrize("name", [b"traceparent", b"X-Request-Id"])
def test_an_id_that_is_given_twice_is_none(name: bytes) -> None:
    read = head((name, TRACE), (name, TRACE))

    assert forward.believed_ids(peer_of("10.0.0.1", TRUSTED), read) == (None, None)


@pytest.mark.parametrize(
    ("address", "parent", "passes"),
    [("10.0.0.1", [TRACE], True), ("10.0.0.1", [], False), ("10.0.0.1", [b"00-0"], False), (OTHER, [TRACE], False)],
)
def test_the_state_of_a_trace_goes_with_its_parent_or_not_at_all(
    address: str, parent: list[bytes], passes: bool
) -> None:
    read = head(*((b"traceparent", value) for value in parent), (b"tracestate", b"a=1"), (b"tracestate", b"b=2"))
    peer = peer_of(address, TRUSTED)

    lines = (
        forward.trusted_forwarding_lines(peer, read, b"") if peer.is_trusted else forward.forwarding_lines(peer, b"")
    )

    assert (b"tracestate: a=1,b=2\r\n" in lines + b"".join(read.lines)) is passes


def test_names_that_are_made_up_do_not_fill_the_memory() -> None:
    from strangler.core import headers

    for number in range(5_000):
        read_request([(b"X-%d" % number, b"")])

    assert len(headers._MEANINGS) <= headers._KNOWN_NAMES


def test_no_trailer_says_what_a_header_may_not() -> None:
    fields = ((b"X-Forwarded-Port", b"1"), (b"X_Real_IP", b"2"), (b"X-Checksum", b"3"), (b"tracestate", b"4"))

    assert forward.trailers(fields) == ((b"X-Checksum", b"3"),)
