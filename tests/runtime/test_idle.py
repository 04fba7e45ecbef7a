"""Many clients that keep their connections: what they cost while they ask for nothing."""

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.backend import Backend
from tests.support.proxy import routes_text, running

CONNECTIONS = 10_000
FILES = CONNECTIONS + 1_000
"""Each process holds one descriptor a connection, and its own few."""
MOST_KIB = 150 * 1024
REQUEST = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process, and what it starts, open as many files as the test takes; skip where the system says no."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        pytest.skip(f"the system lets a process open {hard} files, and {FILES} are needed (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and soft < FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))


async def ask(connection: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, REQUEST)
    answer = b""
    while not answer.endswith(b"monolith"):
        piece = await loop.sock_recv(connection, 65_536)
        if not piece:
            break
        answer += piece
    return answer.partition(b"\r\n")[0]


@pytest.mark.slow
@pytest.mark.usefixtures("many_files")
async def test_ten_thousand_idle_connections_take_less_than_150_mib(tmp_path: Path, monolith: Backend) -> None:
    text = routes_text(monolith=monolith.port, workers=1) + "limits: {idle_timeout: 10m}\n"
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        async with running(tmp_path, text) as proxy:
            (worker,) = proxy.workers
            connections = []
            for _ in range(CONNECTIONS):
                connection = stack.enter_context(socket.socket())
                connection.setblocking(False)
                await loop.sock_connect(connection, ("127.0.0.1", proxy.port))
                assert await ask(connection) == b"HTTP/1.1 200 OK"
                connections.append(connection)

            took_kib = resident_kib(worker)
            again = [await ask(connection) for connection in connections[:: CONNECTIONS // 10]]
            after = proxy.workers

    assert took_kib < MOST_KIB
    assert again == [b"HTTP/1.1 200 OK"] * 10, "they were kept"
    assert after == [worker]
