"""Resets: ending with one, and whether the other end has reset a connection that nobody reads from."""

import asyncio
import socket
import struct
from contextlib import suppress

_TCP_INFO = getattr(socket, "TCP_INFO", None)
"""Linux has it."""
_TCP_CLOSE = 7
"""The state of a connection after a reset (Linux, `tcp_states.h`)."""


_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: a close is a reset."""


def cut(transport: asyncio.Transport, *, is_told: bool) -> None:
    """End a connection at once; where no framing tells that the answer is cut, the end is a reset (RFC 9112 section 8).

    Because a reset may take with it what is still on its way, there is none where the framing tells.
    """
    sock = None if is_told else transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()


def is_reset(transport: asyncio.Transport) -> bool:
    """Return whether the other end has reset the connection, which nobody is told who does not read."""
    sock = transport.get_extra_info("socket")
    if _TCP_INFO is None or sock is None or sock.fileno() < 0:
        return False
    with suppress(OSError):
        info: bytes = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 1)
        return info[0] == _TCP_CLOSE
    return False
