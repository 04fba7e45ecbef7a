"""What was written to a transport and has not been taken at the other end."""

import asyncio
import sys
from contextlib import suppress
from fcntl import ioctl
from termios import TIOCOUTQ


def untaken(transport: asyncio.Transport) -> int:
    """Return the bytes that wait here and in the kernel.

    Because the kernel takes megabytes at a time, our buffer alone would call a slow reader a dead one.
    """
    count: int = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        with suppress(OSError):
            count += int.from_bytes(ioctl(sock.fileno(), TIOCOUTQ, b"\0" * 4), sys.byteorder)
    return count
