"""Draining: how idle connections are closed without losing a request that is already here."""

import asyncio
import fcntl
import termios

DRAIN_GRACE_S = 2.0
"""How long idle connections stay open while draining, for requests that are already on the wire."""


def has_unread(transport: asyncio.Transport) -> bool:
    """Return whether bytes wait to be read; timers run before reads, so a request may be here unseen."""
    unread = bytearray(4)
    try:
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, unread)
    except OSError:
        return False
    return any(unread)
