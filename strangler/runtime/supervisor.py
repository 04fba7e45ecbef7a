"""The supervisor: keeps as many workers serving as were asked for, and ends them all.

A worker that dies is replaced with back-off; one that was told to drain is replaced at once, while it still
finishes.
"""

import asyncio
import logging
import socket
from collections.abc import Sequence

from strangler.control.truth import Truth
from strangler.runtime.logs import LogFormat
from strangler.runtime.member import Audience, Member, Phase
from strangler.runtime.tasks import Tasks

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 5.0
"""A worker that cannot start costs a fork every 5 s at most; a start takes about half a second of CPU."""
HEALTHY_AFTER_S = 10.0
"""A worker that lived this long is not part of a crash loop (systemd's `StartLimitIntervalSec` is 10 s too).
"""
GRACE_S = 2.0
"""Beyond the drain's own deadline, before what is left is killed."""

LOG = logging.getLogger(__name__)


def backoff(previous_s: float, lived_s: float) -> float:
    """Return how long to wait before the next start, after a worker that lived for `lived_s`."""
    if lived_s >= HEALTHY_AFTER_S or previous_s == 0.0:
        return BACKOFF_FIRST_S
    return min(previous_s * 2, BACKOFF_MAX_S)


class Supervisor:
    """Owns the workers."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        *,
        workers: int,
        truth: Truth,
        log_format: LogFormat,
        audience: Audience,
    ) -> None:
        self.restarts = 0
        """Workers that were replaced since the start."""
        self._listeners = listeners
        self._workers = workers
        self._truth = truth
        self._log_format = log_format
        self._audience = audience
        self._members: list[Member] = []
        self._deadline_s = 0.0
        self._ended = asyncio.Event()
        self._stopping = asyncio.Event()
        self._tasks = Tasks("supervisor")

    @property
    def members(self) -> tuple[Member, ...]:
        """The workers that have not ended; a draining one may share its index with its replacement."""
        return tuple(sorted(self._members, key=lambda member: member.index))

    def start(self) -> None:
        """Start all workers, and keep them."""
        for index in range(max(self._workers, 1)):
            self._tasks.spawn(f"keep_{index}", self._keep(index))

    def publish(self) -> None:
        """Offer every worker the newest truth."""
        for member in self._members:
            member.offer()

    def is_current(self) -> bool:
        """Return whether all workers that were asked for serve, and the newest generation."""
        serving = [member for member in self._members if member.phase is Phase.SERVING]
        return len(serving) == max(self._workers, 1) and all(
            member.generation == self._truth.generation for member in serving
        )

    async def stop(self, deadline_s: float) -> None:
        """Drain all workers, kill what is left after the deadline, and return when none is left."""
        self._stopping.set()
        self._deadline_s = deadline_s
        for member in self._members:
            member.drain(deadline_s)
        last_resort = asyncio.get_running_loop().call_later(deadline_s + GRACE_S, self.kill)
        while self._members:
            self._ended.clear()
            await self._ended.wait()
        last_resort.cancel()
        await self._tasks.close()

    def kill(self) -> None:
        """End all workers now."""
        for member in self._members:
            member.kill()

    async def _keep(self, index: int) -> None:
        loop = asyncio.get_running_loop()
        delay_s = 0.0
        while not self._stopping.is_set():
            started = loop.time()
            member = await self._start(index)
            if member is not None:
                await member.wait_leaving()
            if self._stopping.is_set():
                return
            self.restarts += 1
            if member is not None and member.was_told:
                delay_s = 0.0
                continue
            delay_s = backoff(delay_s, loop.time() - started)
            try:
                async with asyncio.timeout(delay_s):
                    await self._stopping.wait()
            except TimeoutError:
                pass

    async def _start(self, index: int) -> Member | None:
        member = Member(index, truth=self._truth, audience=self._audience)
        self._members.append(member)
        try:
            await member.start(self._listeners, in_process=self._workers > 0, log_format=self._log_format)
        except OSError:
            self._forget(member)
            LOG.exception("worker_not_started", extra={"fields": {"worker": index}})
            return None
        self._tasks.spawn(f"follow_{member.pid}", self._follow(member))
        if self._stopping.is_set():
            member.drain(self._deadline_s)
        self._audience.change()
        return member

    async def _follow(self, member: Member) -> None:
        code = await member.wait_gone()
        self._forget(member)
        is_expected = self._stopping.is_set() or member.was_told
        LOG.log(
            logging.INFO if is_expected and code == 0 else logging.ERROR,
            "worker_ended" if is_expected else "worker_died",
            extra={"fields": {"worker": member.index, "pid": member.pid, "exit_code": code}},
        )

    def _forget(self, member: Member) -> None:
        self._members.remove(member)
        self._ended.set()
        self._audience.change()
