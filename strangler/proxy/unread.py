"""What the kernel has received on a connection and nobody has read yet."""

import asyncio
import fcntl
import termios


def has_unread(transport: asyncio.Transport) -> bool:
    """Return whether bytes wait to be read; a connection that is gone has none."""
    unread = bytearray(4)
    try:
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, unread)
    except OSError:
        return False
    return any(unread)
