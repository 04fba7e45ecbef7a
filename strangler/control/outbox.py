"""An outbox: what is to be told to one other system, in order, again until it is taken, and never in anybody's way."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import aiohttp

from strangler.core.backoff import wait_s
from strangler.errors import DeliveryError

MOST = 256
"""Things that wait; beyond it the oldest is dropped and counted. An alarm of an hour ago helps nobody."""
TRIES = 12
"""About eight minutes with the waits of core.backoff."""

LOG = logging.getLogger(__name__)

Item = TypeVar("Item")


class Outbox(Generic[Item]):
    """Delivers one thing after the other. `put` never waits; `run` does the work and is cancelled at the end."""

    def __init__(
        self,
        name: str,
        deliver: Callable[[Item], Awaitable[None]],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`deliver` raises DeliveryError, or what aiohttp raises, when it is to be tried again."""
        self._name = name
        self._deliver = deliver
        self._sleep = sleep
        self._waiting: deque[Item] = deque()
        self._has_more = asyncio.Event()
        self.dropped = 0
        """Things that were given up or found no room."""
        self.fault = ""
        """Why the last try failed; empty after one that did not."""

    def put(self, item: Item) -> None:
        """Have one thing delivered."""
        if len(self._waiting) >= MOST:
            self._waiting.popleft()
            self.dropped += 1
            LOG.error("outbox_full", extra={"fields": {"outbox": self._name, "dropped": self.dropped}})
        self._waiting.append(item)
        self._has_more.set()

    async def run(self) -> None:
        """Deliver what comes, for ever."""
        while True:
            while not self._waiting:
                self._has_more.clear()
                await self._has_more.wait()
            await self._take(self._waiting.popleft())

    async def _take(self, item: Item) -> None:
        for failures in range(1, TRIES + 1):
            try:
                await self._deliver(item)
            except (DeliveryError, aiohttp.ClientError, TimeoutError, OSError) as error:
                self.fault = str(error) or type(error).__name__
                LOG.warning(
                    "outbox_failed", extra={"fields": {"outbox": self._name, "try": failures, "why": self.fault}}
                )
            else:
                self.fault = ""
                return
            if failures < TRIES:
                await self._sleep(wait_s(failures, random.random()))  # noqa: S311 (spreads load, guards nothing)
        self.dropped += 1
        LOG.error("outbox_given_up", extra={"fields": {"outbox": self._name, "why": self.fault}})
