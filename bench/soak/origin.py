"""Origins: applications that echo the token of each request, remember every write, and fail where they are told to.

Requests are read with h11, so what the proxy sends is judged by a parser that is not the proxy's.
"""

import asyncio
import contextlib
import hashlib
import socket
from collections import Counter

import h11

CHUNK = 16_384
BIG_CHUNKS = 64
EVENTS = 10
_LINGER_RST = b"\x01\x00\x00\x00\x00\x00\x00\x00"


def pattern(token: bytes) -> bytes:
    """Return one chunk of the big answer to a token."""
    return (hashlib.sha256(token).hexdigest().encode() * (CHUNK // 64 + 1))[:CHUNK]


class Origin:
    """One application on a port of its own, which it keeps over restarts."""

    def __init__(self, name: str, *, is_faulty: bool = False) -> None:
        self.name = name
        self._is_faulty = is_faulty
        self.port = 0
        self.writes: Counter[bytes] = Counter()
        """How often each token's write was carried out."""
        self.faults: list[str] = []
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections and reset those there are, as a crash would."""
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._writers):
            _reset(writer)
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, h11.RemoteProtocolError) as error:
            if isinstance(error, h11.RemoteProtocolError) and "peer closed" not in str(error):
                self.faults.append(f"{self.name} got what is not HTTP: {error}")
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        connection = h11.Connection(h11.SERVER)
        head: h11.Request | None = None
        digest = hashlib.sha256()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(65_536)
                if not data and head is None:
                    return False
                connection.receive_data(data)
            elif isinstance(event, h11.Request):
                head = event
                fields = dict(head.headers)
                if b"upgrade" in fields:
                    await self._echo(connection, fields, reader, writer)
                    return False
            elif isinstance(event, h11.Data):
                digest.update(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                return await self._answer(head, digest.hexdigest().encode(), writer)
            else:
                return False

    async def _echo(
        self,
        connection: h11.Connection,
        fields: dict[bytes, bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        upgrade = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % fields[b"upgrade"]
        await _send(writer, upgrade + connection.trailing_data[0])
        while data := await reader.read(65_536):
            await _send(writer, data)

    async def _answer(self, head: h11.Request, digest: bytes, writer: asyncio.StreamWriter) -> bool:
        token = dict(head.headers)[b"x-token"]
        action = head.target.rpartition(b"/")[2]
        if head.method == b"POST":
            self.writes[token] += 1
        if action == b"big":
            return await self._big(token, writer)
        if action == b"events":
            return await self._events(token, writer)
        if self._is_faulty and not await self._fail(action, token, writer):
            return False
        body = b"%b %b %b" % (token, self.name.encode(), digest)
        await _send(writer, _head(len(body)) + body)
        return True

    async def _fail(self, action: bytes, token: bytes, writer: asyncio.StreamWriter) -> bool:
        """Do what the request asks for, and return whether it is answered all the same."""
        match action:
            case b"reset":
                await _send(writer, _head(1_000) + token)
                _reset(writer)
                return False
            case b"gone":
                _reset(writer)
                return False
            case b"hang":
                await asyncio.Event().wait()
                return False
            case b"framing":
                await _send(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello")
                return False
            case b"slow":
                await asyncio.sleep(0.3)
        return True

    async def _big(self, token: bytes, writer: asyncio.StreamWriter) -> bool:
        await _send(writer, _head(CHUNK * BIG_CHUNKS))
        chunk = pattern(token)
        for _ in range(BIG_CHUNKS):
            await _send(writer, chunk)
        return True

    async def _events(self, token: bytes, writer: asyncio.StreamWriter) -> bool:
        await _send(writer, b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(EVENTS):
            event = b"data: %b %d\n\n" % (token, number)
            await _send(writer, b"%x\r\n%b\r\n" % (len(event), event))
            await asyncio.sleep(0.05)
        await _send(writer, b"0\r\n\r\n")
        return True


def _head(length: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % length


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    if writer.is_closing():
        # Because a loop may raise an error of its own for this.
        raise ConnectionResetError
    writer.write(data)
    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RST)
    writer.transport.abort()
