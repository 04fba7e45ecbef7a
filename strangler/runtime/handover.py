"""Handover: the listening sockets of workers that outlived their control process go to the next one.

A worker whose control process died serves on, and offers its listening sockets on a Unix socket in the state
directory. The next control process takes them over as they are, with the connections that wait in them,
brings up workers of its own, and only then tells the orphans to drain. So no port is bound twice, and no
connection is refused or reset in between.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import struct
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from strangler.runtime import runfile
from strangler.runtime.runfile import ProcessId

OFFER_WAIT_S = 2.0
"""How long a new control process waits for an orphan to notice and offer; noticing takes milliseconds."""
_MAX_SOCKETS = 16
_GRACE_S = 2.0
"""Beyond its drain's own deadline, before an orphan is killed."""

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A worker of a control process that is gone; `pidfd` keeps its id from meaning another process."""

    process: ProcessId
    pidfd: int


class Offer:
    """Gives copies of the listening sockets to any process of this user that connects, until closed."""

    def __init__(self, state_dir: Path, listeners: Sequence[socket.socket]) -> None:
        self._path = state_dir / _socket_name(os.getpid())
        self._listeners = listeners
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._path.unlink(missing_ok=True)
        with short(self._path) as name:
            self._socket.bind(name)
        self._path.chmod(0o600)
        self._socket.listen(4)
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._give)

    def close(self) -> None:
        """Offer no longer."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _give(self) -> None:
        try:
            asker, _ = self._socket.accept()
        except OSError:
            return
        with asker:
            credentials = asker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            if struct.unpack("3i", credentials)[1] != os.getuid():
                return
            try:
                socket.send_fds(asker, [b"listeners"], [listener.fileno() for listener in self._listeners])
            except OSError as error:
                LOG.warning("handover_failed", extra={"fields": {"why": str(error)}})


def find_orphans(state_dir: Path) -> tuple[Orphan, ...]:
    """Return the workers that the last control process left behind and that still run."""
    run = runfile.read(state_dir)
    orphans: list[Orphan] = []
    for process in () if run is None else run.workers:
        try:
            pidfd = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        # Because the id is compared after the descriptor was opened, the descriptor is of this very process.
        if runfile.is_alive(process):
            orphans.append(Orphan(process=process, pidfd=pidfd))
        else:
            os.close(pidfd)
    _sweep(state_dir, {orphan.process.pid for orphan in orphans})
    return tuple(orphans)


def take_listeners(state_dir: Path, orphan: Orphan) -> tuple[socket.socket, ...]:
    """Return copies of the orphan's listening sockets; empty if it does not offer them in time."""
    deadline = time.monotonic() + OFFER_WAIT_S
    while time.monotonic() < deadline:
        try:
            return _ask(state_dir / _socket_name(orphan.process.pid))
        except OSError:
            # Because the orphan may not have noticed yet. Nothing else runs in this process so far.
            time.sleep(0.02)
    LOG.warning("handover_not_offered", extra={"fields": {"pid": orphan.process.pid}})
    return ()


async def end(orphan: Orphan, deadline_s: float) -> None:
    """Tell the orphan to drain, and end it if it has not soon after the deadline."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(orphan.pidfd, signal.SIGTERM)
        if not await wait_gone(orphan.pidfd, deadline_s + _GRACE_S):
            signal.pidfd_send_signal(orphan.pidfd, signal.SIGKILL)
            await wait_gone(orphan.pidfd, 1.0)
    os.close(orphan.pidfd)
    LOG.info("orphan_ended", extra={"fields": {"pid": orphan.process.pid}})


async def end_all(orphans: Sequence[Orphan], deadline_s: float) -> None:
    """Tell all orphans to drain, side by side."""
    async with asyncio.TaskGroup() as group:
        for orphan in orphans:
            group.create_task(end(orphan, deadline_s), name=f"end_{orphan.process.pid}")


async def wait_gone(pidfd: int, deadline_s: float | None) -> bool:
    """Return whether the process ended in time; its descriptor is readable from then on (pidfd_open(2))."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(pidfd, gone.set)
    try:
        async with asyncio.timeout(deadline_s):
            await gone.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(pidfd)
    return True


def _ask(path: Path) -> tuple[socket.socket, ...]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
        asker.settimeout(OFFER_WAIT_S)
        with short(path) as name:
            asker.connect(name)
        _, descriptors, _, _ = socket.recv_fds(asker, 64, _MAX_SOCKETS)
    listeners = tuple(socket.socket(fileno=descriptor) for descriptor in descriptors)
    if not listeners:
        raise ConnectionError("nothing was offered")
    for listener in listeners:
        listener.setblocking(False)
    return listeners


@contextmanager
def short(path: Path) -> Iterator[str]:
    """Give a Unix socket's path a name that is short enough."""
    # Because a Unix socket's path may have 107 bytes (unix(7)), it is named through its folder's descriptor.
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _sweep(state_dir: Path, alive: Set[int]) -> None:
    """Remove the sockets of orphans that were killed."""
    for path in state_dir.glob(_socket_name("*")):
        if path not in {state_dir / _socket_name(pid) for pid in alive}:
            path.unlink(missing_ok=True)


def _socket_name(pid: int | str) -> str:
    return f"worker-{pid}.sock"
