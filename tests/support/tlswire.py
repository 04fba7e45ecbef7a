"""A client over TLS that does what asyncio's would not: half-closes, dawdles, vanishes. Python's own ssl, in memory."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class TlsWire:
    """One connection of its own making, with the TLS records in the test's hand."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, name: str | None) -> None:
        self.sock = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_hostname=name)
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def connect(
        cls, port: int, context: ssl.SSLContext, name: str | None = "localhost", first: bytes = b""
    ) -> "TlsWire":
        """Return a connection whose handshake is done; `first` goes before it, in the clear."""
        sock = socket.socket()
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        wire = cls(sock, context, name)
        if first:
            await wire._loop.sock_sendall(sock, first)
        try:
            await wire.do(wire.tls.do_handshake)
        except BaseException:
            sock.close()
            raise
        return wire

    async def do(self, step: Callable[[], T]) -> T:
        """Take one step of the TLS engine, however many records it takes."""
        while True:
            try:
                found = step()
            except ssl.SSLWantReadError:
                await self._send()
                data = await asyncio.wait_for(self._loop.sock_recv(self.sock, 65_536), 10)
                if data:
                    self._in.write(data)
                else:
                    self._in.write_eof()
            else:
                await self._send()
                return found

    async def send(self, data: bytes) -> None:
        self.tls.write(data)
        await self._send()

    async def read(self, count: int = 65_536) -> bytes:
        """Return what there is; empty at the peer's goodbye, SSLEOFError if it went without one."""
        try:
            return await self.do(lambda: self.tls.read(count))
        except ssl.SSLZeroReturnError:
            return b""

    async def rest(self) -> bytes:
        """Return all that comes until the peer says goodbye."""
        found = b""
        while data := await self.read():
            found += data
        return found

    async def until(self, end: bytes) -> bytes:
        """Return all that comes, up to something that ends with `end`."""
        found = b""
        while not found.endswith(end):
            data = await self.read()
            assert data, found
            found += data
        return found

    async def say_goodbye(self) -> None:
        """Send close_notify and keep the connection."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        await self._send()

    def close(self) -> None:
        """Go without a word."""
        self.sock.close()

    async def _send(self) -> None:
        data = self._out.read()
        if data:
            await self._loop.sock_sendall(self.sock, data)
