"""Load: clients that ask again and again, and remember every answer that was not right."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from tests.support.waiting import until


@dataclass(slots=True)
class Load:
    """What the clients met so far."""

    right: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    """Bodies of right answers."""
    wrong: list[str] = field(default_factory=list)

    async def until_more(self, count: int = 50) -> None:
        """Return once that many more requests were answered right."""
        goal = self.right + count
        await until(lambda: self.right >= goal, what=f"{count} more right answers; wrong: {self.wrong[:3]}")


@asynccontextmanager
async def load(
    url: str, *, clients: int = 8, users: int = 1_000, method: str = "GET", keep_alive: bool = True
) -> AsyncIterator[Load]:
    """Ask `url` from several clients until the block ends; each request comes from the next user."""
    found = Load()
    is_over = asyncio.Event()
    numbers = itertools.count()
    connector = aiohttp.TCPConnector(limit=0) if keep_alive else aiohttp.TCPConnector(limit=0, force_close=True)
    timeout = aiohttp.ClientTimeout(total=15)

    async def ask(session: aiohttp.ClientSession) -> None:
        while not is_over.is_set():
            headers = {"X-User-Id": f"user-{next(numbers) % users}"}
            try:
                async with session.request(method, url, headers=headers) as answer:
                    body = await answer.text()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                found.wrong.append(f"{type(error).__name__}: {error}")
                continue
            if answer.status == 200:
                found.right += 1
                found.answers[body] += 1
            else:
                found.wrong.append(f"{answer.status}: {body}")

    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session, asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(ask(session), name=f"client-{number}")
        try:
            yield found
        finally:
            is_over.set()
