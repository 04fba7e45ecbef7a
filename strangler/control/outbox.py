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
LAST_S = 1.0
"""For all that waits when the proxy, or a receiver, goes. A stop is not kept up by what somebody else does not take."""

LOG = logging.getLogger(__name__)

Item = TypeVar("Item")


class Outbox(Generic[Item]):
    """Delivers one thing after the other. `put` never waits; `run` does the work.

    At the end there is `hurry`, after which `run` returns in its own time or is cancelled, and then `drop`.
    """

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
        """What is on its way, if `_is_busy`, and what comes after it."""
        self._is_busy = False
        self._is_hurried = False
        self._nap: asyncio.Future[None] | None = None
        self._has_more = asyncio.Event()
        self.dropped = 0
        """Things that were given up or found no room."""
        self.fault = ""
        """Why the last try failed; empty after one that did not."""

    def put(self, item: Item) -> None:
        """Have one thing delivered."""
        if self.left >= MOST:
            del self._waiting[int(self._is_busy)]
            self.dropped += 1
            LOG.error("outbox_full", extra={"fields": {"outbox": self._name, "dropped": self.dropped}})
        self._waiting.append(item)
        self._has_more.set()

    @property
    def left(self) -> int:
        """How many things are not delivered yet."""
        return len(self._waiting)

    def hurry(self) -> None:
        """Have `run` wait no more: it returns when nothing is left, or once a try has failed."""
        self._is_hurried = True
        self._has_more.set()
        if self._nap is not None:
            self._nap.cancel()

    def drop(self, why: str) -> None:
        """Give up what is left, and say how much that is; `run` has ended."""
        left = self.left
        if left:
            self._waiting.clear()
            self.dropped += left
            LOG.error("outbox_dropped", extra={"fields": {"outbox": self._name, "messages": left, "why": why}})

    def take_over(self, former: "Outbox[Item]") -> None:
        """Deliver what is left in another one, whose `run` is cancelled; what was on its way is sent again."""
        self._waiting.extend(former._waiting)
        former._waiting.clear()
        if self._waiting:
            self._has_more.set()

    async def run(self) -> None:
        """Deliver what comes, until there is hurry."""
        while True:
            while not self._waiting:
                if self._is_hurried:
                    return
                self._has_more.clear()
                await self._has_more.wait()
            self._is_busy = True
            is_done = await self._take(self._waiting[0])
            self._is_busy = False
            if not is_done:
                return
            self._waiting.popleft()

    async def _take(self, item: Item) -> bool:
        """Return whether this is over, delivered or given up; it is not if there is hurry."""
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
                return True
            if self._is_hurried:
                return False
            if failures < TRIES:
                await self._rest(wait_s(failures, random.random()))  # noqa: S311 (spreads load, guards nothing)
        self.dropped += 1
        LOG.error("outbox_given_up", extra={"fields": {"outbox": self._name, "why": self.fault}})
        return True

    async def _rest(self, seconds: float) -> None:
        """Wait this long, or until there is hurry."""
        self._nap = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait([self._nap])
        finally:
            self._nap.cancel()
            self._nap = None
