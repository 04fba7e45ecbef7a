"""The budget: how many bytes of bodies the comparer keeps at a time, and how much memory it may take in all."""

import ctypes
import resource
from pathlib import Path

from strangler.core.offer import Offer

MOST_BYTES = 64 * 1_048_576
"""Of bodies."""
MOST_WAITING = MOST_BYTES // 2
"""Of them, those that wait to be asked: the answers to them need room as well."""
MOST_MEMORY = 224 * 1_048_576
"""What the comparer may take beyond what it starts with: bodies, and the two documents of one comparison. JSON takes
some five times its size once it is read, and up to 25 times where it is made to; two answers of 8 MiB mostly fit."""


MOST_OPEN = 16_384
"""Files and connections; Linux's usual limit, 1,024, is for programs that use select(2)."""

_M_MMAP_THRESHOLD = -3
"""mallopt(3)."""
_MMAP_FROM = 131_072
"""glibc's own first value, which it raises as it sees fit: what is freed then stays in its heap, full of holes."""


def cap_memory(most: int = MOST_MEMORY) -> None:
    """Take no more memory than this from now on: what would, raises MemoryError (RLIMIT_DATA, setrlimit(2)).

    Because a comparison runs alone, and everything else has its own bound, it is what meets that limit.
    """
    try:
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MMAP_FROM)
    except (AttributeError, OSError):
        # Because other C libraries have no such thing; what is freed may then count for longer.
        pass
    words = Path("/proc/self/statm").read_text(encoding="ascii").split()
    now = int(words[5]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = now + most
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def raise_files(most: int = MOST_OPEN) -> int:
    """Let this process open as many files as the system lets it, up to `most`, and return how many (setrlimit(2))."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return most


class Budget:
    """Counts what is held; whoever takes gives back."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self.held = 0
        """Bytes that are taken now."""

    def take(self, size: int, most: int | None = None) -> bool:
        """Return whether there was room, of `most` if that is less than all, and hold it if so."""
        if self.held + size > (self._most if most is None else most):
            return False
        self.held += size
        return True

    def give(self, size: int) -> None:
        """Give back what was taken."""
        self.held -= size


def size_of(offer: Offer) -> int:
    """Return the bytes of an offer's bodies."""
    return len(offer.body) + len(offer.answer.body)
