"""Backends for wire tests: they record what reached them, and answer with the bytes they are given.

A backend reads requests with h11, so that what the proxy sends is judged by a parser that is not the proxy's.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import h11

from tests.support.segments import deliver


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as an independent parser read it."""

    method: bytes
    target: bytes
    version: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    """Names in the case they were sent in."""
    body: bytes
    trailers: tuple[tuple[bytes, bytes], ...]
    is_complete: bool
    """False when the connection ended first."""

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of a field, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass(slots=True, kw_only=True)
class Conversation:
    """One connection to the backend, for scripts that want more than an answer."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int

    async def send(self, *pieces: bytes) -> None:
        """Write pieces, each in a packet of its own as far as the system allows, and cut in the way of the test."""
        for piece in pieces:
            await deliver(self.writer, piece)


Script = Callable[[Received, Conversation], Awaitable[bytes | None]]
"""Answers one request: returns the raw answer, or None to end the connection."""


@dataclass(slots=True)
class Backend:
    """A recording HTTP/1.1 server on a port of its own."""

    script: Script
    on_head: bool = False
    """Whether the script runs when the head is there, and not when the request is complete."""
    port: int = 0
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a connection ended before its request was complete or answered."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a request has arrived."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        conversation = Conversation(reader=reader, writer=writer, number=self.connections)
        try:
            while await self._serve_one(conversation):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.lost.set()
        finally:
            writer.close()

    async def _serve_one(self, conversation: Conversation) -> bool:
        connection = h11.Connection(h11.SERVER)
        head: h11.Request | None = None
        body: list[bytes] = []
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError:
                event = h11.ConnectionClosed()
            if event is h11.NEED_DATA:
                data = await conversation.reader.read(65_536)
                connection.receive_data(data)
                if not data and head is None:
                    return False
            elif isinstance(event, h11.Request):
                head = event
                if self.on_head:
                    return await self._answer(conversation, _received(head, body, (), is_complete=False))
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                trailers = tuple(event.headers.raw_items())
                return await self._answer(conversation, _received(head, body, trailers, is_complete=True))
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                self.lost.set()
                if head is not None:
                    self.received.append(_received(head, body, (), is_complete=False))
                return False

    async def _answer(self, conversation: Conversation, received: Received) -> bool:
        self.received.append(received)
        self.arrived.set()
        answer = await self.script(received, conversation)
        if answer is None:
            return False
        await conversation.send(answer)
        return True


def _received(
    head: h11.Request, body: list[bytes], trailers: tuple[tuple[bytes, bytes], ...], *, is_complete: bool
) -> Received:
    return Received(
        method=head.method,
        target=head.target,
        version=head.http_version,
        headers=tuple(head.headers.raw_items()),
        body=b"".join(body),
        trailers=trailers,
        is_complete=is_complete,
    )


def says(answer: bytes) -> Script:
    """Return a script that always gives the same raw answer."""

    async def script(_received: Received, _conversation: Conversation) -> bytes:
        return answer

    return script


def ok(body: bytes = b"ok", *headers: bytes) -> bytes:
    """Return a plain 200 with a length."""
    lines = b"".join(line + b"\r\n" for line in headers)
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (lines, len(body), body)


@asynccontextmanager
async def backend(
    script: Script,
    *,
    on_head: bool = False,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Backend]:
    """Serve a script on a free port of the loopback, or on a given one of another of its addresses."""
    running = Backend(script, on_head=on_head)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        try:
            await running.serve(reader, writer)
        except asyncio.CancelledError:
            # Because the test is over; asyncio's streams would report the cancellation as a crash.
            pass

    server = await asyncio.start_server(serve, host, port, ssl=tls)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await server.wait_closed()
