"""Both sides and their callers as one process: answers at once, and asks the proxy for one route after the other."""

import argparse
import asyncio
import itertools

from bench.operator.world import ASKED_PART

_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"ok": true}\n'
_BURST = 15
"""Requests sent ahead at a time, because a timer for each would be most of the work."""


class _Side(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._seen = b""

    def data_received(self, data: bytes) -> None:
        # Because requests of this world have no body, each ends with its head.
        *heads, self._seen = (self._seen + data).split(b"\r\n\r\n")
        self._transport.write(_ANSWER * len(heads))


async def _call(port: int, routes: int, rate: int) -> None:
    """Ask for ever; an answer that takes longer only means that less is asked."""
    asked = max(1, routes // ASKED_PART)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    places = itertools.cycle(range(asked))
    while True:
        numbers = list(itertools.islice(places, _BURST))
        for number in numbers:
            target = f"/api/area-{number * ASKED_PART % routes}/7"
            writer.write(f"GET {target} HTTP/1.1\r\nHost: bench\r\nX-User-Id: u{number}\r\n\r\n".encode("ascii"))
        for _ in numbers:
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            await reader.readexactly(length)
        await asyncio.sleep(_BURST / rate)


async def _run(given: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    for port in (given.legacy, given.extracted):
        await loop.create_server(_Side, "127.0.0.1", port)
    await _call(given.proxy, given.routes, given.rate)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("legacy", "extracted", "proxy", "routes", "rate"):
        parser.add_argument(f"--{name}", type=int, required=True)
    asyncio.run(_run(parser.parse_args()))
