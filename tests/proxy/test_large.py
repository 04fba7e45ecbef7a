"""Large bodies and large crowds through a proxy process of its own, whose memory is read from the kernel."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.backend import Conversation, Received, backend, ok
from tests.support.proxy import Proxy, routes_text, running

MIB = 1_048_576
GIB = 1_024 * MIB
PIECE = os.urandom(256 * 1_024)
MAX_GROWTH_KIB = 8 * 1_024
PROMPT_S = 1.0

pytestmark = [pytest.mark.whole, pytest.mark.slow]


def resident_kib(pid: int) -> int:
    """Return a process's resident memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


async def send_all(writer: asyncio.StreamWriter, frame: Callable[[bytes], bytes], size: int) -> str:
    """Write `size` bytes, each piece another, and return their digest."""
    digest = hashlib.sha256()
    for number in range(size // len(PIECE)):
        piece = number.to_bytes(8) + PIECE[8:]
        digest.update(piece)
        writer.write(frame(piece))
        await writer.drain()
    return digest.hexdigest()


async def take_all(reader: asyncio.StreamReader, *, chunked: bool, size: int) -> str:
    """Read a body to its end and return its digest."""
    digest = hashlib.sha256()
    left = size
    while chunked or left:
        length = int(await reader.readuntil(b"\r\n"), 16) if chunked else min(left, MIB)
        while length:
            data = await reader.read(min(length, MIB))
            assert data
            digest.update(data)
            length -= len(data)
            left -= len(data)
        if chunked and await reader.readexactly(2) and left == 0:
            assert await reader.readexactly(5) == b"0\r\n\r\n"
            break
    return digest.hexdigest()


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def plain(piece: bytes) -> bytes:
    return piece


class Origin:
    """Sends or takes a large body, by the path; anything else is answered at once."""

    def __init__(self) -> None:
        self.sent = self.taken = ""

    async def script(self, received: Received, conversation: Conversation) -> bytes | None:
        chunked = b"chunked" in received.target
        framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % GIB
        if received.target.startswith(b"/down"):
            conversation.writer.write(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % framing)
            self.sent = await send_all(conversation.writer, chunk if chunked else plain, GIB)
            return b"0\r\n\r\n" if chunked else b""
        if received.target.startswith(b"/up"):
            await conversation.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.taken = await take_all(conversation.reader, chunked=chunked, size=GIB)
            return ok()
        return ok(b"x" * 64 * MIB if received.target == b"/large" else b"ok")


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Proxy, Origin]]:
    """Run one proxy process before an origin."""
    origin = Origin()
    async with (
        backend(origin.script, on_head=True) as monolith,
        running(folder, routes_text(monolith=monolith.port, workers=0)) as proxy,
    ):
        for _ in range(50):
            assert (await proxy.get("/warm"))[0] == 200
        yield proxy, origin


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", ["/down", "/down/chunked"])
async def test_a_download_of_1_gib_arrives_whole_and_takes_no_memory(path: str, tmp_path: Path) -> None:
    async with served(tmp_path) as (proxy, origin):
        before = resident_kib(proxy.process.pid)
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port, limit=MIB)
        writer.write(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode())
        await reader.readuntil(b"\r\n\r\n")

        got = await take_all(reader, chunked="chunked" in path, size=GIB)

        grown = resident_kib(proxy.process.pid) - before
        writer.close()
        assert got == origin.sent
        assert grown < MAX_GROWTH_KIB


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", ["/up", "/up/chunked"])
async def test_an_upload_of_1_gib_arrives_whole_and_takes_no_memory(path: str, tmp_path: Path) -> None:
    chunked = "chunked" in path
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % GIB
    async with served(tmp_path) as (proxy, origin):
        before = resident_kib(proxy.process.pid)
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port, limit=MIB)
        writer.write(b"POST %b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n%b\r\n\r\n" % (path.encode(), framing))
        await reader.readuntil(b"\r\n\r\n")

        sent = await send_all(writer, chunk if chunked else plain, GIB)
        writer.write(b"0\r\n\r\n" if chunked else b"")
        head = await reader.readuntil(b"\r\n\r\n")

        grown = resident_kib(proxy.process.pid) - before
        writer.close()
        assert head.startswith(b"HTTP/1.1 200 ")
        assert origin.taken == sent
        assert grown < MAX_GROWTH_KIB


async def test_a_crowd_of_slow_clients_keeps_nobody_waiting(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with served(tmp_path) as (proxy, _):
        before = resident_kib(proxy.process.pid)
        writers: list[asyncio.StreamWriter] = []
        for number in range(808):
            _, writer = await asyncio.open_connection("127.0.0.1", proxy.port, limit=1_024)
            if number < 8:
                writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            elif number < 308:
                writer.write(b"GET /x HTTP/1.1\r\nHost: a\r\nX-Slow: ")
            writers.append(writer)

        times: list[float] = []
        for number in range(50):
            for writer in writers[8:308]:
                writer.write(b"x")
            started = loop.time()
            assert await proxy.get(f"/{number}") == (200, "ok")
            times.append(loop.time() - started)

        grown = resident_kib(proxy.process.pid) - before
        for writer in writers:
            writer.transport.abort()
        assert max(times) < PROMPT_S
        assert grown < 48 * 1_024
