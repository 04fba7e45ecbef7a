"""PROXY protocol: the header with which a load balancer says for whom it connects, versions 1 and 2.

A reader of bytes with three answers: the header is whole, it needs more, or these bytes never become one. Precedent:
HAProxy's `doc/proxy-protocol.txt`.
"""

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address

MAX_BYTES = 4_096
"""The longest header that is read, with its TLVs. Precedent: nginx's `NGX_PROXY_PROTOCOL_MAX_HEADER`."""

_SIGNATURE_1 = b"PROXY "
_SIGNATURE_2 = b"\r\n\r\n\x00\r\nQUIT\n"
_MAX_LINE = 107
"""Of version 1, with its CRLF (section 2.1)."""
_FIXED = 16
"""Bytes of version 2 before the addresses."""
_TLV_CRC32C = 0x03
_MAX_PORT = 65_535


class ProxyLineError(ValueError):
    """These bytes are not the beginning of a PROXY header; the sender is at fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyLine:
    """A whole header."""

    size: int
    """Bytes of it; what comes after them is the connection's own."""
    address: str = ""
    """Who the connection is for; empty where the sender speaks for itself, or does not say."""
    port: int = 0


class _Family(IntEnum):
    """The high half of version 2's byte for family and transport."""

    UNSPEC = 0
    INET = 1
    INET6 = 2
    UNIX = 3


_ADDRESSES = {_Family.UNSPEC: 0, _Family.INET: 12, _Family.INET6: 36, _Family.UNIX: 216}
"""Bytes that the two addresses of a family take."""


def read(data: bytes) -> ProxyLine | None:
    """Return the header that `data` begin with, or None if more of it must come; raise ProxyLineError if it is none."""
    if data[:1] == _SIGNATURE_1[:1]:
        return _read_1(data)
    if data[:12] != _SIGNATURE_2[: len(data)]:
        raise ProxyLineError("no PROXY header")
    return _read_2(data)


def crc32c(data: bytes) -> int:
    """Return the Castagnoli checksum (RFC 3720 appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _read_1(data: bytes) -> ProxyLine | None:
    if data[: len(_SIGNATURE_1)] != _SIGNATURE_1[: len(data)]:
        raise ProxyLineError("no PROXY header")
    end = data.find(b"\r\n", 0, _MAX_LINE)
    if end < 0:
        if len(data) >= _MAX_LINE:
            raise ProxyLineError("the line is too long")
        if not _may_go_on(data):
            raise ProxyLineError("a control character in the line")
        return None
    words = data[len(_SIGNATURE_1) : end].split(b" ")
    if words[0] == b"UNKNOWN":
        # Because the rest of such a line is to be ignored (section 2.1), only its end is looked for.
        if not _may_go_on(data[:end]):
            raise ProxyLineError("a control character in the line")
        return ProxyLine(size=end + 2)
    if len(words) != 5 or words[0] not in (b"TCP4", b"TCP6"):
        raise ProxyLineError("not the words of a PROXY line")
    kind = IPv4Address if words[0] == b"TCP4" else IPv6Address
    source, _ = (_address(word, kind) for word in words[1:3])
    port, _ = (_port(word) for word in words[3:5])
    return ProxyLine(size=end + 2, address=source, port=port)


def _may_go_on(data: bytes) -> bool:
    """Whether a line without its end may still get one: printable ASCII, and a CR only at the very end."""
    return all(0x20 <= byte < 0x7F for byte in data.removesuffix(b"\r"))


def _address(word: bytes, kind: type[IPv4Address] | type[IPv6Address]) -> str:
    try:
        found = kind(word.decode("ascii"))
    except ValueError as error:
        raise ProxyLineError("not an address") from error
    if isinstance(found, IPv6Address) and found.scope_id is not None:
        raise ProxyLineError("an address with a zone")
    return str(found)


def _port(word: bytes) -> int:
    # Because int() takes signs, spaces and underscores too, and section 2.1 forbids leading zeros.
    if not (word.isdigit() and len(word) <= 5) or (word[:1] == b"0" and word != b"0") or int(word) > _MAX_PORT:
        raise ProxyLineError("not a port")
    return int(word)


def _read_2(data: bytes) -> ProxyLine | None:
    if len(data) > 12:
        version, command = data[12] >> 4, data[12] & 0xF
        if version != 2 or command > 1:
            raise ProxyLineError("a version or a command that there is not")
    if len(data) > 13 and (data[13] >> 4 > _Family.UNIX or data[13] & 0xF > 2):
        raise ProxyLineError("a family or a transport that there is not")
    if len(data) < _FIXED:
        return None
    is_local = data[12] & 0xF == 0
    family, is_stream = _Family(data[13] >> 4), data[13] & 0xF == 1
    length = int.from_bytes(data[14:16], "big")
    size = _FIXED + length
    if size > MAX_BYTES:
        raise ProxyLineError("the header is too long")
    if not is_local and length < _ADDRESSES[family]:
        raise ProxyLineError("the header is too short for its addresses")
    if len(data) < size:
        return None
    header = data[:size]
    if not is_local:
        _check_tlvs(header, _FIXED + _ADDRESSES[family])
    if is_local or not is_stream or family not in (_Family.INET, _Family.INET6):
        return ProxyLine(size=size)
    width = 4 if family is _Family.INET else 16
    source = str(ip_address(header[_FIXED : _FIXED + width]))
    port = int.from_bytes(header[_FIXED + 2 * width : _FIXED + 2 * width + 2], "big")
    return ProxyLine(size=size, address=source, port=port)


def _check_tlvs(header: bytes, position: int) -> None:
    """Refuse TLVs that do not fill the header to its end, and a checksum that is wrong; skip all others."""
    while position < len(header):
        value = position + 3
        end = value + int.from_bytes(header[position + 1 : value], "big")
        if value > len(header) or end > len(header):
            raise ProxyLineError("a TLV is cut")
        if header[position] == _TLV_CRC32C:
            blanked = header[:value] + bytes(end - value) + header[end:]
            if end - value != 4 or crc32c(blanked) != int.from_bytes(header[value:end], "big"):
                raise ProxyLineError("the checksum is wrong")
        position = end


def _crc_table() -> tuple[int, ...]:
    table: list[int] = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC_TABLE = _crc_table()
