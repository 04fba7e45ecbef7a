"""Plain proxy: what one writes with aiohttp in an afternoon, and writes well.

A low-level server, one pooled client session, streaming both ways, no decompression, no cookies, uvloop. It has no
routes, no flags and no counters, so it does less than the proxy that it is compared with.
"""

import argparse
import asyncio
import signal
import uuid
from collections.abc import Mapping

import aiohttp
import uvloop
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class PlainProxy:
    """Passes every request to one origin."""

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        self._session = session
        self._origin = origin

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer with what the origin answers."""
        async with self._session.request(
            request.method,
            URL(self._origin + request.raw_path, encoded=True),
            headers=_forwarded(request),
            data=request.content if request.body_exists else None,
            allow_redirects=False,
        ) as answer:
            headers = _passed(answer.headers)
            headers["Via"] = "1.1 plain"
            response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response


def _passed(headers: Mapping[str, str]) -> CIMultiDict[str]:
    named = headers.get("Connection", "").lower()
    dropped = _HOP_BY_HOP.union(word.strip() for word in named.split(",")) if named else _HOP_BY_HOP
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


def _forwarded(request: web.BaseRequest) -> CIMultiDict[str]:
    headers = _passed(request.headers)
    before = headers.get("X-Forwarded-For")
    peer = request.remote or "unknown"
    headers["X-Forwarded-For"] = f"{before}, {peer}" if before else peer
    headers["X-Forwarded-Proto"] = request.scheme
    headers["X-Forwarded-Host"] = request.host
    headers["X-Request-Id"] = uuid.uuid4().hex
    headers["Via"] = "1.1 plain"
    return headers


async def _serve(port: int, origin: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    ) as session:
        runner = web.ServerRunner(web.Server(PlainProxy(session, origin).handle, access_log=None))
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
            await stop.wait()
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.plain_proxy")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--origin", required=True, metavar="URL")
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(given.port, given.origin))
