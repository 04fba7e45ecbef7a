"""Bodies: what a worker or the comparer runs in, a process of its own or a task on control's loop."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Protocol

from strangler.runtime import handover
from strangler.runtime.logs import LogFormat
from strangler.runtime.worker import Worker

_SECRETS = ("LAUNCHDARKLY_SDK_KEY", "LAUNCHDARKLY_API_TOKEN", "STRANGLER_TOKEN")
"""Environment variables that only control needs."""

LOG = logging.getLogger(__name__)


class Body(Protocol):
    """What runs, as its owner sees it."""

    @property
    def pid(self) -> int:
        """The process the worker runs in."""

    async def wait(self) -> int:
        """Return the exit code once the worker has ended; a signal's number is negative."""

    def terminate(self) -> None:
        """Tell the worker to drain and end, without its link."""

    def kill(self) -> None:
        """End the worker now."""


class ProcessBody:
    """A fresh Python process that runs one of our modules; what is not handed to it is not inherited."""

    def __init__(self, words: Sequence[str], descriptors: Sequence[int]) -> None:
        # Because a Ctrl-C while the process still imports would end it with a traceback; it unblocks the
        # signal itself.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=descriptors,
                env={name: value for name, value in os.environ.items() if name not in _SECRETS},
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        try:
            self._pidfd = os.pidfd_open(self._process.pid)
        except OSError:
            # Because nobody would know of a worker whose end cannot be waited for.
            self._process.kill()
            self._process.wait()
            raise

    @property
    def pid(self) -> int:
        """The process's own id."""
        return self._process.pid

    async def wait(self) -> int:
        """Return the exit code once the process has ended."""
        try:
            await handover.wait_gone(self._pidfd, None)
        except OSError:
            # Because whoever cannot be seen to end is ended, so that the place is not empty without anybody knowing.
            LOG.exception("worker_not_watched", extra={"fields": {"pid": self.pid}})
            self.kill()
            return await asyncio.to_thread(self._process.wait)
        finally:
            os.close(self._pidfd)
        return self._process.wait()

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()


class TaskBody:
    """A worker on control's own loop, for `workers: 0`."""

    def __init__(self, end: socket.socket, listeners: Sequence[socket.socket]) -> None:
        self._worker = Worker(listeners, is_process=False)
        # Because the body is the owner: its supervisor waits for the task and hears its failure.
        self._task = asyncio.get_running_loop().create_task(self._worker.run(end), name="worker")

    @property
    def pid(self) -> int:
        """Control's own process id."""
        return os.getpid()

    async def wait(self) -> int:
        """Return the exit code once the worker's task has ended."""
        await asyncio.wait([self._task])
        return -signal.SIGKILL if self._task.cancelled() else self._task.result()

    def terminate(self) -> None:
        """Drain."""
        self._worker.drain()

    def kill(self) -> None:
        """Cancel."""
        self._task.cancel()


def worker_process(
    end: socket.socket, listeners: Sequence[socket.socket], *, index: int, log_format: LogFormat
) -> ProcessBody:
    """Start a worker in a process of its own, with the listening sockets and one end of a link."""
    descriptors = [listener.fileno() for listener in listeners]
    words = ["strangler.runtime.worker", "--link", str(end.fileno())]
    words += [word for descriptor in descriptors for word in ("--listener", str(descriptor))]
    words += ["--index", str(index), "--log-format", log_format]
    return ProcessBody(words, [end.fileno(), *descriptors])
