"""A data plane on the test's own loop, between raw sockets on both sides."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from strangler.core.decide import Evaluation, Reason
from strangler.core.migration import Stage
from strangler.core.model import Address, Config, Match, Route, Source, SourceKind, Upstream
from strangler.core.shares import NO_OVERRIDES, Overrides
from strangler.core.snapshot import compile_snapshot
from strangler.core.split import bucket
from strangler.core.tally import Tally
from strangler.proxy.keybook import KeyBook
from strangler.proxy.plane import Plane
from strangler.proxy.resolver import Resolve, resolve
from strangler.proxy.tls import open_tls
from tests.support.segments import deliver


@dataclass(frozen=True, slots=True)
class FixedFlags:
    """Flags that say the same for everyone; a Stage makes a migration flag."""

    values: Mapping[str, bool | str] = field(default_factory=dict)
    ratio: int = 1

    def place(self, flag: str, key: str) -> float:
        return bucket(f"{flag}.salt", key)

    def evaluate(self, flag: str, key: str, attributes: tuple[tuple[str, str], ...]) -> Evaluation:
        if flag not in self.values:
            return Evaluation(value=None, reason=Reason.FLAG_MISSING)
        value = self.values[flag]
        stage = value if isinstance(value, Stage) else None
        return Evaluation(value=value, reason=Reason.FLAG_FALLTHROUGH, stage=stage)

    def check_ratio(self, flag: str) -> int | None:
        return self.ratio if isinstance(self.values.get(flag), Stage) else None


def upstream(name: str, *ports: int) -> Upstream:
    """Return an upstream on loopback ports."""
    return Upstream(name=name, addresses=tuple(Address(host="127.0.0.1", port=port) for port in ports))


def route(name: str, path: str, **more: Any) -> Route:
    """Return a route from the monolith to the upstream `extracted`, split by X-User-Id."""
    given: dict[str, Any] = {
        "extracted": "extracted",
        "legacy": "monolith",
        "cohort": name,
        "identity": (Source(kind=SourceKind.HEADER, name="x-user-id"),),
        **more,
    }
    methods = given.pop("methods", ())
    return Route(name=name, match=Match(path=path, methods=methods), **given)


def config(monolith: int, extracted: int = 1, *routes: Route, **more: Any) -> Config:
    """Return a config with two upstreams."""
    return Config(
        upstreams=(upstream("monolith", monolith), upstream("extracted", extracted)),
        default_upstream="monolith",
        routes=routes,
        **more,
    )


@dataclass(slots=True)
class Proxy:
    """A running plane."""

    plane: Plane
    port: int
    notices: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    generation: int = 1
    wires: list["Wire"] = field(default_factory=list)
    _tallies: list[Tally] = field(default_factory=list)

    def apply(
        self,
        changed: Config,
        flags: Mapping[str, bool | str] | None = None,
        overrides: Overrides = NO_OVERRIDES,
    ) -> None:
        """Serve another snapshot."""
        self.generation += 1
        by = FixedFlags(flags or {})
        self.plane.apply(compile_snapshot(changed, generation=self.generation, flags=by, overrides=overrides))

    def counts(self) -> dict[tuple[str, str, str], int]:
        """Return all counts so far by (route, side, outcome)."""
        self._tallies += self.plane.take_tallies()
        counts: dict[tuple[str, str, str], int] = {}
        for tally in self._tallies:
            for outcome, count in tally.outcomes:
                key = (tally.route, tally.side.value, outcome.value)
                counts[key] = counts.get(key, 0) + count
        return counts

    async def connect(self, *, tls: ssl.SSLContext | None = None, name: str = "localhost") -> "Wire":
        """Return a raw connection to the proxy, in the clear or inside TLS."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=tls, server_hostname=None if tls is None else name
        )
        wire = Wire(reader=reader, writer=writer)
        self.wires.append(wire)
        return wire


@dataclass(slots=True, kw_only=True)
class Wire:
    """A client that sends and reads bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send bytes, cut in the way of the test that runs."""
        await deliver(self.writer, data)

    async def head(self) -> bytes:
        """Return an answer's head, with its empty line."""
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)

    async def exactly(self, count: int) -> bytes:
        return await asyncio.wait_for(self.reader.readexactly(count), 10)

    async def rest(self) -> bytes:
        """Return all bytes until the proxy ends the connection."""
        return await asyncio.wait_for(self.reader.read(-1), 10)

    async def answer(self) -> tuple[bytes, bytes]:
        """Return head and body of an answer with a Content-Length."""
        head = await self.head()
        return head, await self.exactly(int(field_of(head, b"Content-Length") or 0))

    async def chunks(self) -> tuple[bytes, list[bytes]]:
        """Return a chunked body that is whole, however it was cut into chunks, and its trailer lines."""
        body = b""
        while size := int(await self.line(), 16):
            body += await self.exactly(size)
            assert await self.line() == b""
        trailers: list[bytes] = []
        while line := await self.line():
            trailers.append(line)
        return body, trailers

    async def data(self, count: int) -> bytes:
        """Return the first `count` bytes of a chunked body that goes on, however it was cut into chunks."""
        body = b""
        while len(body) < count:
            body += await self.exactly(int(await self.line(), 16))
            assert await self.line() == b""
        return body

    async def line(self) -> bytes:
        """Return the bytes up to the next CRLF, without it."""
        return (await asyncio.wait_for(self.reader.readuntil(b"\r\n"), 10))[:-2]

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Leave with an RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.writer.transport.abort()


def field_of(head: bytes, name: bytes) -> bytes | None:
    """Return the first value of a field in a raw head."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name.lower():
            return value.strip()
    return None


def fields_of(head: bytes, name: bytes) -> list[bytes]:
    """Return all values of a field in a raw head, in order."""
    pairs = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
    return [value.strip() for key, _, value in pairs if key.lower() == name.lower()]


def unchunked(body: bytes) -> tuple[bytes, bool]:
    """Return what the whole chunks of a body carry, and whether its end is there and nothing behind it."""
    found = b""
    while True:
        line, end, rest = body.partition(b"\r\n")
        if not end:
            return found, False
        size = int(line, 16)
        if size == 0:
            return found, rest == b"\r\n"
        if rest[size : size + 2] != b"\r\n":
            return found, False
        found += rest[:size]
        body = rest[size + 2 :]


@asynccontextmanager
async def proxy(
    served: Config,
    flags: Mapping[str, bool | str] | None = None,
    *,
    resolve: Resolve = resolve,
    book: KeyBook | None = None,
    ratio: int = 1,
) -> AsyncIterator[Proxy]:
    """Run a plane on a free port of the loopback."""
    notices: list[tuple[str, dict[str, Any]]] = []
    plane = Plane(on_notice=lambda event, fields: notices.append((event, fields)), resolve=resolve)
    plane.book = book
    plane.apply(compile_snapshot(replace(served), generation=1, flags=FixedFlags(flags or {}, ratio)))
    if served.tls is not None:
        plane.tls = open_tls(served.tls).context
    listener = socket.create_server(("127.0.0.1", 0))
    await plane.serve([listener])
    running = Proxy(plane, listener.getsockname()[1], notices)
    try:
        yield running
    finally:
        await plane.close()
        for wire in running.wires:
            wire.close()
        listener.close()
