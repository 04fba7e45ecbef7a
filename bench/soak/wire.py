"""A client that is not the proxy's: one HTTP/1.1 connection that says what it met and never tries again by itself."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic

ANSWER_S = 40.0


class CutError(Exception):
    """The connection ended before the answer was whole."""

    def __init__(self, *, received: int, was_used: bool) -> None:
        super().__init__(f"cut after {received} bytes, {'kept' if was_used else 'new'} connection")
        self.received = received
        self.was_used = was_used
        """Whether the connection had carried an earlier request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    fields: dict[bytes, bytes]
    body: bytes


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.port = int(writer.get_extra_info("sockname")[1])
        self.is_over = False
        """Whether the proxy said that the connection closes, or closed it."""
        self.began = 0.0
        """When (monotonic) it began to connect; it may be accepted and lost before we hear that it is there."""
        self._answers = 0

    @classmethod
    async def open(cls, port: int) -> "Wire":
        """Connect; a refusal is raised."""
        began = monotonic()
        wire = cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20))
        wire.began = began
        return wire

    @property
    def is_usable(self) -> bool:
        """Return whether another request may be sent."""
        return not (self.is_over or self.reader.at_eof() or self.writer.is_closing())

    async def ask(self, head: bytes, pieces: Iterable[bytes] = (), *, pause_s: float = 0.0) -> Answer:
        """Send a request and return its whole answer; raises CutError."""
        received = 0
        try:
            async with asyncio.timeout(ANSWER_S):
                self._write(head)
                for piece in pieces:
                    await self.writer.drain()
                    await asyncio.sleep(pause_s)
                    self._write(piece)
                await self.writer.drain()
                raw = await self.reader.readuntil(b"\r\n\r\n")
                received = len(raw)
                return await self._body(raw, pause_s)
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            self.is_over = True
            if isinstance(error, asyncio.IncompleteReadError):
                received += len(error.partial)
            raise CutError(received=received, was_used=self._answers > 0) from error
        finally:
            self._answers += 1

    async def ask_tunnel(self, said: bytes) -> bytes:
        """Send bytes through an upgraded connection and return as many."""
        try:
            async with asyncio.timeout(ANSWER_S):
                self._write(said)
                return await self.reader.readexactly(len(said))
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise CutError(received=0, was_used=False) from error

    def close(self) -> None:
        """Leave."""
        self.writer.close()

    def _write(self, data: bytes) -> None:
        if self.writer.is_closing():
            # Because a loop may raise an error of its own for this.
            raise ConnectionResetError
        self.writer.write(data)

    async def _body(self, raw: bytes, pause_s: float) -> Answer:
        first, *lines = raw[:-4].split(b"\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        self.is_over = fields.get(b"connection", b"").lower() == b"close"
        status = int(first.split(b" ")[1])
        if status == 101:
            return Answer(status, fields, b"")
        if fields.get(b"transfer-encoding") == b"chunked":
            body = b""
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readexactly(2)
            return Answer(status, fields, body)
        left, body = int(fields.get(b"content-length", b"0")), b""
        while left:
            piece = await self.reader.readexactly(min(left, 65_536))
            body += piece
            left -= len(piece)
            if pause_s:
                await asyncio.sleep(pause_s)
        return Answer(status, fields, body)
