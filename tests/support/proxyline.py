"""PROXY headers as a load balancer sends them."""

import struct
from ipaddress import ip_address

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def line(address: str, port: int = 4711, *, own: str = "", own_port: int = 443) -> bytes:
    """Return a version 1 header."""
    family = "TCP6" if ":" in address else "TCP4"
    return f"PROXY {family} {address} {own or address} {port} {own_port}\r\n".encode("ascii")


def binary(address: str, port: int = 4711, *, own: str = "", own_port: int = 443, tlvs: bytes = b"") -> bytes:
    """Return a version 2 header for a TCP connection."""
    source, target = ip_address(address), ip_address(own or address)
    body = source.packed + target.packed + struct.pack("!HH", port, own_port) + tlvs
    return raw(0x21, 0x11 if source.version == 4 else 0x21, body)


def raw(command: int, family: int, body: bytes, length: int | None = None) -> bytes:
    """Return a version 2 header of any kind, with any announced length."""
    return SIGNATURE + struct.pack("!BBH", command, family, len(body) if length is None else length) + body


def tlv(kind: int, value: bytes) -> bytes:
    """Return one type-length-value."""
    return struct.pack("!BH", kind, len(value)) + value
