"""The PROXY header: whole, not yet whole, or none; never a guess."""

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strangler.core.proxyline import MAX_BYTES, ProxyLine, ProxyLineError, crc32c, read
from tests.support.proxyline import SIGNATURE, binary, line, raw, tlv

ports = st.integers(0, 65_535)


def with_checksum(header: bytes, *, wrong: int = 0) -> bytes:
    """Add a CRC32C TLV to a version 2 header."""
    longer = header[:14] + struct.pack("!H", len(header) - 16 + 7) + header[16:]
    blank = longer + tlv(3, bytes(4))
    return longer + tlv(3, struct.pack("!I", crc32c(blank) ^ wrong))


@st.composite
def headers(draw: st.DrawFn) -> tuple[bytes, ProxyLine]:
    """Draw a valid header, and what it says."""
    addresses = st.ip_addresses(v=4) if draw(st.booleans()) else st.ip_addresses(v=6)
    address, own = str(draw(addresses)), str(draw(addresses))
    port, own_port = draw(ports), draw(ports)
    if draw(st.booleans()):
        made = line(address, port, own=own, own_port=own_port)
    else:
        extra = draw(st.lists(st.tuples(st.integers(4, 255), st.binary(max_size=60)), max_size=3))
        tlvs = b"".join(tlv(*pair) for pair in extra)
        made = binary(address, port, own=own, own_port=own_port, tlvs=tlvs)
        if draw(st.booleans()):
            made = with_checksum(made)
    return made, ProxyLine(size=len(made), address=address, port=port)


@given(headers(), st.binary(max_size=50))
def test_what_was_built_is_read_and_nothing_behind_it(header: tuple[bytes, ProxyLine], rest: bytes) -> None:
    made, said = header

    assert read(made + rest) == said


@given(headers())
def test_every_beginning_of_a_header_needs_more(header: tuple[bytes, ProxyLine]) -> None:
    made, _ = header

    assert all(read(made[:length]) is None for length in range(len(made)))


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda rest: SIGNATURE + rest))
@example(b"PROXY TCP4 1.2.3.4 1.2.3.4 1 \xb2\r\n")
@example(SIGNATURE + b"\x21\x11\xff\xff")
def test_any_bytes_are_a_header_its_beginning_or_none(data: bytes) -> None:
    try:
        found = read(data)
    except ProxyLineError:
        return
    assert found is None or 8 <= found.size <= len(data)
    assert found is not None or len(data) < MAX_BYTES


@given(headers(), st.data())
def test_a_changed_byte_never_makes_a_header_endless(header: tuple[bytes, ProxyLine], data: st.DataObject) -> None:
    made, _ = header
    position = data.draw(st.integers(0, len(made) - 1))
    changed = made[:position] + bytes([data.draw(st.integers(0, 255))]) + made[position + 1 :]

    try:
        found = read(changed + b"A" * MAX_BYTES)
    except ProxyLineError:
        return
    assert found is not None


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_bytes_that_are_no_header_stay_none_whatever_follows(data: bytes, more: bytes) -> None:
    try:
        read(data)
    except ProxyLineError:
        with pytest.raises(ProxyLineError):
            read(data + more)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"PROXY UNKNOWN\r\n", 15),
        (b"PROXY UNKNOWN ffff::1 whatever 65535 -1\r\nGET", 41),
        (raw(0x20, 0x00, b""), 16),
        (raw(0x20, 0x11, b"short"), 21),
        (raw(0x20, 0x11, b"\xff" * 20), 36),
        (raw(0x21, 0x00, b""), 16),
        (raw(0x21, 0x31, bytes(216)), 232),
        (raw(0x21, 0x12, bytes(12)), 28),
    ],
)
def test_a_sender_that_names_nobody_leaves_the_peer_as_it_is(data: bytes, size: int) -> None:
    assert read(data) == ProxyLine(size=size)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"proxy TCP4 1.1.1.1 1.1.1.1 1 1\r\n",
        b"PROXY\r\n",
        b"PROXY  TCP4 1.1.1.1 1.1.1.1 1 1\r\n",
        b"PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n",
        b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n",
        b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1 \r\n",
        b"PROXY TCP4 ::1 ::1 1 1\r\n",
        b"PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n",
        b"PROXY TCP6 fe80::1%a fe80::1 1 1\r\n",
        b"PROXY TCP4 1.1.1.01 1.1.1.1 1 1\r\n",
        b"PROXY TCP4 1.1.1.1 1.1.1.256 1 1\r\n",
        b"PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\r\n",
        b"PROXY TCP4 1.1.1.1 1.1.1.1 1 01\r\n",
        b"PROXY TCP4 1.1.1.1 1.1.1.1 +1 1\r\n",
        b"PROXY TCP4 1.1.1.1 1.1.1.1 1_0 1\r\n",
        b"PROXY TCP4 1.1.1.1 1.1.1.1  1\r\n",
        b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n",
        b"PROXY TCP4 1.1.1.1\n1.1.1.1 1 1\r\n",
        b"PROXY TCP4 1.1.1.1\r1",
        b"PROXY UNIX a b 1 1\r\n",
        b"PROXY UNKNOWN \x00\r\n",
        b"PROXY UNKNOWN \n",
        b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
        b"\r\n\r\n\x00\r\nQUIT\r",
        b"\x16\x03\x01\x02\x00",
        raw(0x11, 0x11, bytes(12)),
        raw(0x22, 0x11, bytes(12)),
        raw(0x21, 0x41, bytes(12)),
        raw(0x21, 0x13, bytes(12)),
        raw(0x21, 0x11, bytes(11)),
        raw(0x21, 0x21, bytes(35)),
        raw(0x21, 0x31, bytes(215)),
        raw(0x21, 0x11, b"", length=65_535),
        raw(0x21, 0x11, b"", length=MAX_BYTES - 15),
        raw(0x21, 0x11, bytes(12) + b"\x04"),
        raw(0x21, 0x11, bytes(12) + b"\x04\x00\x02a"),
        raw(0x21, 0x11, bytes(12) + tlv(3, bytes(3))),
        with_checksum(raw(0x21, 0x11, bytes(12)), wrong=1),
    ],
)
def test_what_is_no_header_is_told_at_once(data: bytes) -> None:
    with pytest.raises(ProxyLineError):
        read(data)


def test_the_longest_line_and_the_longest_header_are_read() -> None:
    longest = b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n"
    header = raw(0x21, 0x11, bytes(12) + tlv(4, bytes(MAX_BYTES - 16 - 12 - 3)))

    assert (read(longest), len(longest)) == (ProxyLine(size=107), 107)
    assert (read(header), len(header)) == (ProxyLine(size=MAX_BYTES, address="0.0.0.0"), MAX_BYTES)


def test_the_checksum_is_castagnolis() -> None:
    # RFC 3720 appendix B.4.
    assert [crc32c(bytes(32)), crc32c(b"\xff" * 32), crc32c(bytes(range(32)))] == [0x8A9136AA, 0x62A8AB43, 0x46DD794E]
