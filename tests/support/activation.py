"""A service manager as systemd is one: it binds sockets, starts the proxy with them, and hears how it stands."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.support.proxy import Proxy, end

_START = """\
import os, sys
count = int(sys.argv[1])
descriptors, command = map(int, sys.argv[2 : 2 + count]), sys.argv[2 + count :]
# Because one of them may be in the place of another, they are first put where no place is.
for place, spare in enumerate([os.dup2(descriptor, descriptor + 100) for descriptor in descriptors], 3):
    os.dup2(spare, place, inheritable=True)
    os.close(spare)
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
os.execv(command[0], command)
"""


def listening(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Return a socket that listens; clients can connect at once."""
    return socket.create_server((host, port))


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


async def activate(
    folder: Path,
    given: Sequence[socket.socket],
    *,
    session: aiohttp.ClientSession,
    names: str = "",
    environ: Mapping[str, str] | None = None,
) -> Proxy:
    """Start `strangler serve` with the sockets as descriptors 3 and up, without waiting for it."""
    descriptors = [one.fileno() for one in given]
    variables = {"LISTEN_FDS": str(len(given)), **({"LISTEN_FDNAMES": names} if names else {}), **(environ or {})}
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _START, str(len(given)), *map(str, descriptors)),
            *(sys.executable, "-m", "strangler", "serve", "-c", str(folder / "routes.yaml"), "--log-format", "json"),
            stdout=log,
            stderr=log,
            pass_fds=descriptors,
            env={**os.environ, **variables},
        )
    return Proxy(folder=folder, process=process, session=session)


@asynccontextmanager
async def activated(
    folder: Path,
    routes: str,
    given: Sequence[socket.socket],
    *,
    names: str = "",
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Proxy]:
    """Serve `routes` on the sockets until the block ends."""
    (folder / "routes.yaml").write_text(routes)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        proxy = await activate(folder, given, session=session, names=names, environ=environ)
        try:
            await proxy.wait_ready()
            yield proxy
        finally:
            await end(proxy)


class Ear:
    """Hears what a service tells its manager, from its making on: the kernel keeps ten messages and drops the rest."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.setblocking(False)
        self._heard: asyncio.Queue[bytes] = asyncio.Queue()
        asyncio.get_running_loop().add_reader(self._socket, lambda: self._heard.put_nowait(self._socket.recv(4_096)))

    async def next(self) -> dict[str, str]:
        """Return the next message that is more than a sign of life."""
        async with asyncio.timeout(60):
            while "WATCHDOG" in (message := await self.hear()):
                pass
        return message

    async def hear(self) -> dict[str, str]:
        """Return the next message."""
        async with asyncio.timeout(30):
            data = await self._heard.get()
        return dict(line.split("=", 1) for line in data.decode().splitlines())

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
