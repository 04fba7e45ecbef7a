"""Traffic: visits at an even rate, as many at once as are allowed, and an end by themselves.

The pace does not wait for answers, as real people do not: what hangs adds up until the bound, and is held back then.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from opentelemetry.instrumentation.aiohttp_client import create_trace_config
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from demo.visits import ANONYMOUS, LISTENER, MIX, USERS, Visit, draw_visit

DURATION_S = 30 * 60
"""Long enough to look around; a forgotten demo does not work all night."""
MAX_REQUESTS = 300_000
"""A third more than fit in the time."""
_VISITS_PER_S = 70.0
"""About 120 requests/s, a load that two small cores carry beside a browser."""
_MAX_AT_ONCE = 100
_TIMEOUT = aiohttp.ClientTimeout(total=40)
"""Longer than the proxy's own 30 s, so that it is the proxy that gives up and says so."""
_PAUSE_S = (0.02, 0.2)
"""Between two requests of a visit."""
_RECONNECT_S = 2.0
"""What the stream itself asks for."""


@dataclass(slots=True, kw_only=True)
class Counts:
    """What the clients saw."""

    sent: int = 0
    refused: int = 0
    """Answered 4xx."""
    failed: int = 0
    """Answered 5xx, or not at all."""
    held: int = 0
    """Visits that did not begin because too many were under way."""
    events: int = 0
    """Notifications that the stream brought."""


class Traffic:
    """A bounded number of clients of one proxy."""

    def __init__(self, url: str, mix: Sequence[tuple[Visit, int]] = MIX) -> None:
        self._mix = mix
        self.counts = Counts()
        self.ended = ""
        """Why there is no more, once there is none."""
        self.started = 0.0
        self._url = url
        self._tokens: dict[int, str] = {}
        self._at_once = 0

    async def run(self) -> None:
        """Send until the time or the number of requests is up."""
        provider = TracerProvider(resource=Resource({"service.name": "demo"}))
        self.started = asyncio.get_running_loop().time()
        async with (
            aiohttp.ClientSession(
                self._url,
                timeout=_TIMEOUT,
                connector=aiohttp.TCPConnector(limit=2 * _MAX_AT_ONCE),
                # Because each caller says who they are with every request, nobody keeps cookies.
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[create_trace_config(tracer_provider=provider)],
            ) as session,
            asyncio.TaskGroup() as tasks,
        ):
            stream = tasks.create_task(self._listen(session))
            await self._pace(session, tasks)
            stream.cancel()

    def left_s(self) -> float:
        """Return how long it goes on."""
        return max(0.0, self.started + DURATION_S - asyncio.get_running_loop().time())

    async def _pace(self, session: aiohttp.ClientSession, tasks: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        at = self.started
        while self.counts.sent < MAX_REQUESTS:
            if at >= self.started + DURATION_S:
                self.ended = (
                    f"ended after {DURATION_S // 60} minutes, as it does by itself; for more, start the demo again"
                )
                return
            await asyncio.sleep(max(0.0, at - loop.time()))
            if self._at_once < _MAX_AT_ONCE:
                self._at_once += 1
                tasks.create_task(self._visit(session))
            else:
                self.counts.held += 1
            # Because people come at random, the gaps are exponential; after a stall nobody catches up.
            at = max(at + random.expovariate(_VISITS_PER_S), loop.time() - 1.0)
        self.ended = f"ended after {MAX_REQUESTS:,} requests, as it does by itself; for more, start the demo again"

    async def _visit(self, session: aiohttp.ClientSession) -> None:
        try:
            visit = draw_visit(self._mix)
            user = 0 if visit in ANONYMOUS else random.randint(1, USERS)
            await visit(_Client(session, user, self.counts, self._tokens))
        finally:
            self._at_once -= 1

    async def _listen(self, session: aiohttp.ClientSession) -> None:
        headers = {"X-User-Id": str(LISTENER), "Accept": "text/event-stream"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        while True:
            try:
                async with session.get("/api/notifications/stream", headers=headers, timeout=timeout) as answer:
                    async for line in answer.content:
                        self.counts.events += line.startswith(b"event:")
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(_RECONNECT_S)


class _Client:
    """One caller; whoever has logged in sends the token, all others X-User-Id."""

    def __init__(self, session: aiohttp.ClientSession, user: int, counts: Counts, tokens: dict[int, str]) -> None:
        self.user = user
        self._session = session
        self._counts = counts
        self._tokens = tokens
        self._asked = 0

    async def ask(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        if self._asked:
            await asyncio.sleep(random.uniform(*_PAUSE_S))
        self._asked += 1
        self._counts.sent += 1
        try:
            async with self._session.request(
                method, path, json=body, headers={**self._identity(), **(headers or {})}
            ) as answer:
                content = await answer.read()
                if answer.status >= 500:
                    self._counts.failed += 1
                elif answer.status >= 400:
                    self._counts.refused += 1
                elif answer.content_type == "application/json" and content:
                    return await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError):
            self._counts.failed += 1
        return None

    def remember(self, token: str) -> None:
        self._tokens[self.user] = token

    def _identity(self) -> dict[str, str]:
        if not self.user:
            return {}
        token = self._tokens.get(self.user)
        return {"Authorization": f"Bearer {token}"} if token else {"X-User-Id": str(self.user)}
