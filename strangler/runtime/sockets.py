"""Sockets: bound once, before anything runs, so that a port in use is told at once and by name."""

import errno
import ipaddress
import socket

from strangler.core.model import Address
from strangler.errors import UsageError

BACKLOG = 1024
"""Connections that wait while a worker is replaced. nginx's 511 doubled; the kernel caps it at
`net.core.somaxconn`."""


def resolve(address: Address, setting: str) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """Return the one family and numeric host that `address` stands for; IPv4 goes first."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise UsageError(
            f"{setting}: the host {address.host!r} is not an address of this machine ({error.strerror}). "
            f"Set `{setting}` in the routes file or --{setting} to another."
        ) from error
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    family, _, _, _, sockaddr = found[0]
    return family, (str(sockaddr[0]), int(sockaddr[1]))


def bind(address: Address, setting: str) -> socket.socket:
    """Return a listening socket on `address`, or refuse with the port and the setting to change."""
    family, sockaddr = resolve(address, setting)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(sockaddr)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise UsageError(_refusal(error, address, setting)) from error
    listener.setblocking(False)
    return listener


def bound(listener: socket.socket) -> Address:
    """Return where `listener` really listens: the port that the kernel chose for port 0."""
    host, port = listener.getsockname()[:2]
    return Address(host=host, port=port)


def is_loopback(address: Address, setting: str) -> bool:
    """Return whether only this machine can reach `address`."""
    _, (host, _) = resolve(address, setting)
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


def _refusal(error: OSError, address: Address, setting: str) -> str:
    remedy = f"Set `{setting}` in the routes file or --{setting} to another address."
    match error.errno:
        case errno.EADDRINUSE:
            return f"{setting}: port {address.port} is in use on {address.host}. {remedy}"
        case errno.EACCES:
            return f"{setting}: this user may not listen on port {address.port}. {remedy}"
        case _:
            return f"{setting}: cannot listen on {address} ({error.strerror}). {remedy}"
