"""Stream: notifications as server-sent events, to whoever listens (WHATWG HTML, "Server-sent events")."""

import asyncio
from collections.abc import Iterable

from aiohttp import web

from extracted.problems import ProblemError

MAX_LISTENERS = 2000
MAX_WAITING = 64
"""Events kept for one slow listener; beyond it the listener is let go and catches up with Last-Event-ID."""

_Queue = asyncio.Queue[bytes | None]


class Broadcast:
    """Hands every event to the listeners of its user."""

    def __init__(self, heartbeat_s: float) -> None:
        self._heartbeat_s = heartbeat_s
        self._listeners: dict[_Queue, int] = {}

    def publish(self, user: int, event: bytes) -> None:
        """Give an event to all who listen for `user`; never waits."""
        for queue, listens in list(self._listeners.items()):
            if listens == user and queue.qsize() < MAX_WAITING:
                queue.put_nowait(event)
            elif listens == user:
                self._let_go(queue)

    async def serve(self, request: web.Request, user: int, missed: Iterable[bytes]) -> web.StreamResponse:
        """Answer with the missed events and then with each new one, until either end leaves."""
        if len(self._listeners) >= MAX_LISTENERS:
            raise ProblemError(503, "too_many_listeners", "Too many listen; try again.", Retry_After="5")
        queue: _Queue = asyncio.Queue(MAX_WAITING + 1)
        self._listeners[queue] = user
        response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        response.content_type = "text/event-stream"
        try:
            await response.prepare(request)
            await response.write(b"retry: 2000\n\n" + b"".join(missed))
            while (event := await self._next(queue)) is not None:
                await response.write(event)
        except ConnectionResetError:
            pass
        finally:
            self._listeners.pop(queue, None)
        return response

    async def close(self, _: web.Application) -> None:
        """End every stream."""
        for queue in list(self._listeners):
            self._let_go(queue)

    async def _next(self, queue: _Queue) -> bytes | None:
        try:
            async with asyncio.timeout(self._heartbeat_s):
                return await queue.get()
        except TimeoutError:
            return b": heartbeat\n\n"

    def _let_go(self, queue: _Queue) -> None:
        self._listeners.pop(queue, None)
        queue.put_nowait(None)
