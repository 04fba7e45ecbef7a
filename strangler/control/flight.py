"""Flight: what takes long and many ask for is made once at a time, and shared by all who ask meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Flight(Generic[T]):
    """One making at a time, however many ask; nobody gets what was begun before they asked."""

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._turn = asyncio.Lock()
        self._asked = 0
        self._last: tuple[int, T] | None = None
        """What was made last, and up to which of those who asked it is for."""

    async def wait(self) -> T:
        """Return what is made for everybody who has asked until its making begins; raises what that raises."""
        self._asked += 1
        mine = self._asked
        async with self._turn:
            if self._last is not None and mine <= self._last[0]:
                return self._last[1]
            upto = self._asked
            made = await self._make()
            self._last = (upto, made)
            return made
