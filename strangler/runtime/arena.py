"""The arena: memory of a worker that the comparer reads large bodies from.

Because a copy that is sent is made four times, and each time in memory that the system has to clear first, a large body
is written once, piece by piece as it streams by, into memory that stays, and read from there by its place.
"""

import mmap
import os

ARENA_BYTES = 16 * 1_048_576
"""Two bodies of the largest `max_body`, 8 MiB."""
_PAGE = 4_096


class Arena:
    """Memory with a number that another process of the same user can open; places in it are taken and given back."""

    def __init__(self, size: int = ARENA_BYTES) -> None:
        self.fd = os.memfd_create("strangler-bodies", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, size)
        self._memory = mmap.mmap(self.fd, size)
        self._holes = [(0, size)]

    def take(self, size: int) -> "Place | None":
        """Return a place for so many bytes; None if there is none just now."""
        wanted = -(-size // _PAGE) * _PAGE
        for index, (at, room) in enumerate(self._holes):
            if room >= wanted:
                self._holes[index : index + 1] = [(at + wanted, room - wanted)] if room > wanted else []
                return Place(self, at, wanted)
        return None

    def give(self, at: int, size: int) -> None:
        """Take a place back."""
        holes: list[tuple[int, int]] = []
        for start, room in sorted([*self._holes, (at, size)]):
            if holes and sum(holes[-1]) == start:
                holes[-1] = (holes[-1][0], holes[-1][1] + room)
            else:
                holes.append((start, room))
        self._holes = holes

    def write(self, at: int, data: bytes) -> None:
        """Write bytes at a place."""
        self._memory[at : at + len(data)] = data

    def hide(self) -> None:
        """Let go of the number: who has opened the memory has it, and nobody else will. It goes with its last place."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Place:
    """Where one body is written (proxy.capture.Place)."""

    __slots__ = ("_arena", "_room", "at", "size")

    def __init__(self, arena: Arena, at: int, room: int) -> None:
        self._arena = arena
        self._room = room
        self.at = at
        self.size = 0
        """Bytes that were written."""

    def write(self, data: bytes) -> bool:
        """Write the next piece; return False if there is no room for it."""
        if self.size + len(data) > self._room:
            return False
        self._arena.write(self.at + self.size, data)
        self.size += len(data)
        return True

    def release(self) -> None:
        """Give the place back, once."""
        if self._room:
            self._arena.give(self.at, self._room)
            self._room = 0

    def is_in(self, arena: Arena | None) -> bool:
        """Return whether the place is one of this arena."""
        return self._arena is arena
