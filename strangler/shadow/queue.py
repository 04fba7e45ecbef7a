"""The queue of offers: bounded in number and bytes; what finds no room is dropped, the newest first."""

import asyncio
from collections import deque

from strangler.core.offer import Offer
from strangler.shadow.budget import MOST_WAITING, Budget, size_of

MOST_OFFERS = 1_000
"""Precedent: GoReplay's queue of an HTTP output, 1,000."""


class Queue:
    """Offers that wait to be asked."""

    def __init__(self, budget: Budget, *, most: int = MOST_OFFERS) -> None:
        self._budget = budget
        self._most = most
        self._offers: deque[Offer] = deque()
        self._has_more = asyncio.Event()
        self._held = 0
        self._was_behind = False

    def __len__(self) -> int:
        return len(self._offers)

    def put(self, offer: Offer) -> bool:
        """Return whether there was room; who takes it out gives its bytes back to the budget."""
        if len(self._offers) >= self._most or not self._budget.take(size_of(offer), MOST_WAITING):
            return False
        self._held += size_of(offer)
        self._offers.append(offer)
        self._has_more.set()
        return True

    def is_behind(self) -> bool:
        """Return whether what waits is enough: from half of what may wait, until it is a quarter of it."""
        share = 0.25 if self._was_behind else 0.5
        self._was_behind = len(self._offers) > share * self._most or self._held > share * MOST_WAITING
        return self._was_behind

    async def take(self) -> Offer:
        """Return the oldest, once there is one."""
        while not self._offers:
            self._has_more.clear()
            await self._has_more.wait()
        offer = self._offers.popleft()
        self._held -= size_of(offer)
        return offer
