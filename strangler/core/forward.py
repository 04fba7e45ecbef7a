"""Forwarding: the heads that leave the proxy, made of what came in and what this hop adds.

Own lines come after the sender's, and after the hop-by-hop ones are gone, so that no `Connection` header can take
them out (RFC 9110 section 7.6.1). What an untrusted client says of itself is replaced, not believed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from strangler.core.headers import RequestHead, ResponseHead, is_host, is_plain, is_request_id, is_traceparent

VIA = b"Via: 1.1 strangler\r\n"
"""RFC 9110 section 7.6.3: a gateway says so on requests; the pseudonym stands for the host's name."""


Networks = tuple[IPv4Network | IPv6Network, ...]

_MAX_HOPS = 32
"""Trusted proxies that a chain is followed through; more is a loop, and each costs a look-up."""
_PROTOCOLS = frozenset({b"http", b"https"})
"""What X-Forwarded-Proto may say; a list says nothing, because its first element may be the client's own word."""
_WITH_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9.]+):[0-9]{1,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who is at the other end of a client connection, and how the upstream is told."""

    address: str
    """The IP address, without port or brackets; empty for a Unix socket."""
    is_trusted: bool
    """Whether its forwarding headers, request id and trace context are believed."""
    scheme: str = "http"
    trusted: Networks = ()
    """Whose word is believed besides this peer's own."""

    @property
    def node(self) -> bytes:
        """The address as a `Forwarded` node (RFC 7239 section 6)."""
        if ":" in self.address:
            return b'"[%b]"' % self.address.encode("ascii")
        return self.address.encode("ascii") or b"unknown"

    @property
    def origin(self) -> str:
        """What its connections are counted by: the address; in IPv6 the /64, of which one client has every address."""
        if ":" in self.address:
            return str(IPv6Network((self.address, 64), strict=False))
        return self.address


def peer_of(address: str, trusted: Networks, scheme: str = "http") -> Peer:
    """Return the peer at an address; an IPv4 address mapped into IPv6 is its IPv4 self."""
    ip = _ip(address.partition("%")[0])
    if ip is None:
        return Peer(address="", is_trusted=False, scheme=scheme, trusted=trusted)
    return Peer(address=str(ip), is_trusted=_is_in(ip, trusted), scheme=scheme, trusted=trusted)


def client_address(peer: Peer, head: RequestHead) -> str:
    """Return the client's address: the right-most in X-Forwarded-For that is not a trusted proxy itself.

    Each proxy adds whom it was asked by on the right, so what stands left of the first stranger is hearsay. What is no
    address ends the walk as well: the answer is then the proxy that passed it on. Precedent: nginx `real_ip_recursive`.
    """
    found = peer.address
    if not peer.is_trusted or head.forwarded_for is None:
        return found
    for element in reversed(head.forwarded_for.rsplit(b",", _MAX_HOPS)[-_MAX_HOPS:]):
        text = element.strip().decode("latin-1")
        with_port = _WITH_PORT.fullmatch(text)
        ip = _ip((with_port[1] if with_port else text).removeprefix("[").removesuffix("]"))
        if ip is None:
            return found
        found = str(ip)
        if not _is_in(ip, peer.trusted):
            return found
    return found


def forwarding_lines(peer: Peer, host: bytes) -> bytes:
    """Return the lines that tell an upstream of an untrusted client; the same for each of its requests to `host`."""
    node, scheme = peer.node, peer.scheme.encode("ascii")
    return (
        b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\n"
        b'Forwarded: for=%b;host="%b";proto=%b\r\n' % (peer.address.encode("ascii"), scheme, host, node, host, scheme)
    ) + VIA


def trusted_forwarding_lines(peer: Peer, head: RequestHead, host: bytes) -> bytes:
    """Return the lines for a trusted peer: its own account goes on, with the peer itself added at the end."""
    address, scheme = peer.address.encode("ascii"), peer.scheme.encode("ascii")
    chain = address if not head.forwarded_for else head.forwarded_for + b", " + address
    outer = (head.forwarded_proto or b"").lower()
    if outer not in _PROTOCOLS:
        outer = scheme
    outer_host = head.forwarded_host if head.forwarded_host and is_host(head.forwarded_host) else host
    element = b'for=%b;host="%b";proto=%b' % (peer.node, host, scheme)
    forwarded = element if not head.forwarded else head.forwarded + b", " + element
    return (
        (
            b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\nForwarded: %b\r\n"
            % (chain, outer, outer_host, forwarded)
        )
        + head.claims
        + _trace_state(head)
        + VIA
    )


def believed_ids(peer: Peer, head: RequestHead) -> tuple[bytes | None, bytes | None]:
    """Return the request id and traceparent that came in, each None unless well formed and from a trusted peer."""
    if not peer.is_trusted:
        return None, None
    request_id = head.request_id if head.request_id and is_request_id(head.request_id) else None
    trace = head.trace if head.trace and is_traceparent(head.trace) else None
    return request_id, trace


def _trace_state(head: RequestHead) -> bytes:
    """Return the line that goes on; without a traceparent to belong to, it says nothing (W3C section 3.3)."""
    if head.trace_state and head.trace and is_traceparent(head.trace):
        return b"tracestate: %b\r\n" % head.trace_state
    return b""


def request_head(
    method: bytes,
    target: bytes,
    head: RequestHead,
    forwarding: bytes,
    request_id: bytes,
    trace: bytes,
    host: bytes | None,
    upgrade: bytes | None,
) -> bytes:
    """Return the head that goes to the upstream.

    `host` replaces the client's Host when given; `upgrade` is the protocol asked for, None for plain HTTP.
    """
    lines = head.lines
    if host is not None:
        line = b"Host: %b\r\n" % host
        if head.host_line >= 0:
            lines = lines.copy()
            lines[head.host_line] = line
        else:
            lines = [line, *lines]
    hop = b""
    if head.chunked:
        hop = b"Transfer-Encoding: chunked\r\n"
    if head.expects_continue:
        hop += b"Expect: 100-continue\r\n"
    if upgrade is not None:
        hop += b"Connection: Upgrade\r\nUpgrade: %b\r\n" % upgrade
    elif head.wants_trailers:
        hop += b"Connection: TE\r\nTE: trailers\r\n"
    return b"%b %b HTTP/1.1\r\n%b%b%bX-Request-Id: %b\r\ntraceparent: %b\r\n\r\n" % (
        method,
        target,
        b"".join(lines),
        hop,
        forwarding,
        request_id,
        trace,
    )


def response_head(
    status: int, reason: bytes, head: ResponseHead, chunked: bool, connection: bytes, extra: bytes
) -> bytes:
    """Return the head that goes to the client.

    `chunked` says how the body that follows is framed; `connection` is a whole header line or nothing; `extra` are
    our own lines. A 204 carries no Content-Length (RFC 9110 section 8.6).
    """
    lines = _lengthless(head) if status == 204 or chunked else head.lines
    return b"HTTP/1.1 %d %b\r\n%b%b%b%b\r\n" % (
        status,
        reason,
        b"".join(lines),
        b"Transfer-Encoding: chunked\r\n" if chunked else b"",
        connection,
        extra,
    )


def _lengthless(head: ResponseHead) -> list[bytes]:
    """Return an answer's lines without a Content-Length, which some answers must not have (RFC 9110 section 8.6)."""
    if head.length_line < 0:
        return head.lines
    return [line for index, line in enumerate(head.lines) if index != head.length_line]


def switch_head(*, reason: bytes, head: ResponseHead, extra: bytes) -> bytes:
    """Return the head of a 101 that the client asked for and the upstream granted."""
    return b"HTTP/1.1 101 %b\r\n%bConnection: Upgrade\r\nUpgrade: %b\r\n%b\r\n" % (
        reason,
        b"".join(_lengthless(head)),
        head.upgrade or b"",
        extra,
    )


def interim_head(*, status: int, reason: bytes, head: ResponseHead) -> bytes:
    """Return an interim (1xx) head (RFC 9110 section 15.2: a proxy forwards them)."""
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, reason, b"".join(_lengthless(head)))


def origin_form(target: bytes) -> tuple[bytes, bytes | None]:
    """Return a target in origin form, and the authority that an absolute one named (RFC 9112 section 3.2.2).

    `*` (for OPTIONS) stays as it is. Raises ValueError for a target that is neither.
    """
    if target.startswith(b"/") or target == b"*":
        return target, None
    scheme, colon, rest = target.partition(b"://")
    if not colon or scheme.lower() not in (b"http", b"https"):
        raise ValueError("neither origin form nor absolute form")
    end = min((position for mark in b"/?" if (position := rest.find(bytes([mark]))) >= 0), default=len(rest))
    authority, path = rest[:end], rest[end:]
    if not authority or not is_host(authority):
        raise ValueError("no valid authority in an absolute target")
    return (path if path.startswith(b"/") else b"/" + path), authority


_NEVER_TRAILERS = frozenset(
    {
        b"authorization", b"connection", b"content-encoding", b"content-length", b"content-range", b"content-type",
        b"cookie", b"expect", b"forwarded", b"host", b"keep-alive", b"proxy-authorization", b"set-cookie", b"te",
        b"traceparent", b"trailer", b"transfer-encoding", b"upgrade", b"x-forwarded-for", b"x-forwarded-host",
        b"x-forwarded-proto", b"x-request-id",
    }
)  # fmt: skip


def trailers(fields: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """Return the trailer fields that go on: none that frames, routes or authenticates (RFC 9110 section 6.5.1)."""
    return tuple(field for field in fields if (name := field[0].lower()) not in _NEVER_TRAILERS and is_plain(name))


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    try:
        ip = ip_address(text)
    except ValueError:
        return None
    if isinstance(ip, IPv6Address) and ip.scope_id is not None:
        # Because the name of somebody's interface is free text.
        return None
    return ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip


def _is_in(ip: IPv4Address | IPv6Address, networks: Networks) -> bool:
    return any(ip in network for network in networks)
