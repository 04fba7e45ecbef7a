"""A stand-in for LaunchDarkly: it speaks the streaming protocol of the SDK from a real socket.

`/all` is a stream of server-sent events: `put` with everything, then `patch` and `delete` with one item each. The test
holds it down, refuses the key, drops connections and changes flags.
"""

import asyncio
import json
import socket
from typing import Any

from aiohttp import web

Item = dict[str, Any]


class LaunchDarkly:
    """One environment of the service, on a port that is its own even while it is down."""

    def __init__(self) -> None:
        self.flags: dict[str, Item] = {}
        self.segments: dict[str, Item] = {}
        self.keys: list[str] = []
        """What each stream was asked for with."""
        self.paths: list[str] = []
        self.status = 200
        """Another status refuses every stream."""
        self._streams: set[asyncio.Queue[bytes | None]] = set()
        self._runner: web.AppRunner | None = None
        # Because a port that is bound and does not listen refuses connections, nobody else can take it meanwhile.
        self._reserved = _reserve(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._reserved.getsockname()[1]}"

    async def up(self) -> None:
        """Accept connections from now on."""
        app = web.Application()
        app.router.add_get("/all", self._all)
        app.router.add_post("/{path:bulk|diagnostic}", self._accepted)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        await web.SockSite(self._runner, self._reserved).start()

    async def down(self) -> None:
        """End every stream and refuse connections until `up`; the port is kept."""
        address = self._reserved.getsockname()
        await self.close()
        self._reserved = _reserve(address)

    async def close(self) -> None:
        """End every stream and give the port back."""
        self.drop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._reserved.close()

    def drop(self) -> None:
        """End every stream; new ones are accepted."""
        for stream in self._streams:
            stream.put_nowait(None)
        self._streams.clear()

    def put(self, *flags: Item, segments: tuple[Item, ...] = ()) -> None:
        """Replace everything, and tell every stream."""
        self.flags = {flag["key"]: flag for flag in flags}
        self.segments = {segment["key"]: segment for segment in segments}
        self._tell(self._everything())

    def patch(self, flag: Item) -> None:
        """Change one flag, and tell every stream."""
        self.flags[flag["key"]] = flag
        self._tell(_event("patch", {"path": f"/flags/{flag['key']}", "data": flag}))

    def delete(self, key: str, version: int) -> None:
        """Remove one flag, and tell every stream."""
        del self.flags[key]
        self._tell(_event("delete", {"path": f"/flags/{key}", "version": version}))

    def _tell(self, event: bytes) -> None:
        for stream in self._streams:
            stream.put_nowait(event)

    def _everything(self) -> bytes:
        return _event("put", {"path": "/", "data": {"flags": self.flags, "segments": self.segments}})

    async def _all(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        self.keys.append(request.headers.get("Authorization", ""))
        if self.status != 200:
            return web.Response(status=self.status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        stream: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._streams.add(stream)
        stream.put_nowait(self._everything())
        try:
            while (event := await stream.get()) is not None:
                await response.write(event)
        finally:
            self._streams.discard(stream)
        return response

    async def _accepted(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        return web.Response(status=202)


def _reserve(address: tuple[str, int]) -> socket.socket:
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(address)
    return reserved


def _event(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
