"""The heap: a worker keeps what it frees, because it needs as much again with the next read."""

import ctypes

MMAP_FROM_BYTES = 1_048_576
"""Larger blocks are had from the system each; a read has 256 KiB at most."""
TRIM_FROM_BYTES = 16 * 1_048_576
"""Free memory at the heap's end that is given back. With glibc's own 128 KiB, each read of a large answer is had from
the system and cleared by it anew, which takes as much time as passing it on."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""mallopt(3)."""


def keep_freed() -> None:
    """Tell glibc so; other C libraries do as they do."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_M_MMAP_THRESHOLD, MMAP_FROM_BYTES)
    mallopt(_M_TRIM_THRESHOLD, TRIM_FROM_BYTES)
