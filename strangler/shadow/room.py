"""Room: how many bytes of writes are in memory at a time; what finds none waits for it, in order."""

from asyncio import Event, Lock
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MOST_BYTES = 16 * 1_048_576
"""Two of the largest bodies. Because each is copied as it is opened, put together and sent, it takes some three times
that, beside what reads may hold (shadow.budget)."""


class Room:
    """Counts the bytes of what is under way."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._turn = Lock()
        self._has_room = Event()
        self.held = 0

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Wait until there is room, and hold it; what is larger than all of it goes alone."""
        async with self._turn:
            while self.held and self.held + size > self._most:
                self._has_room.clear()
                await self._has_room.wait()
            self.held += size
        try:
            yield
        finally:
            self.held -= size
            self._has_room.set()
