"""The supervisor: keeps as many workers serving as were asked for, replaces them on request, and ends them all.

Each worker has a place, its slot. One that dies is replaced with back-off; one that was told to drain is replaced at
once, while it still finishes; and in a rolling restart the successor serves before the former worker is told.
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
START_S = 30.0
"""How long a successor may take until it serves; about a second where a processor is free."""
HUNG_S = 30.0
"""A worker that has said nothing for this long is killed and replaced. Precedent: gunicorn's `timeout`, 30 s."""
LOOK_S = 1.0
_KEEP = "keep_"
LATE_S = 5.0
"""When control itself was held up for so long, silence tells nothing of the workers."""

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
        """Workers that were replaced since the start, other than by a rolling restart."""
        self._listeners = listeners
        self._workers = workers
        self._truth = truth
        self._log_format = log_format
        self._audience = audience
        self._members: list[Member] = []
        self._present: dict[int, Member] = {}
        """By slot, the worker that is meant to serve."""
        self._heirs: dict[int, Member] = {}
        """By slot, a successor that serves and that the slot has not taken over yet."""
        self._replacing: dict[int, asyncio.Event] = {}
        """By slot, set when the replacing that runs has ended."""
        self._retired: set[Member] = set()
        self._deadline_s = 0.0
        self._ended = asyncio.Event()
        self._stopping = asyncio.Event()
        self._looked_at = 0.0
        self._tasks = Tasks("supervisor", on_failure=self._revive)

    @property
    def members(self) -> tuple[Member, ...]:
        """The workers that have not ended; a draining one may share its index with its replacement."""
        return tuple(sorted(self._members, key=lambda member: member.index))

    @property
    def slots(self) -> range:
        """The places that always have a worker."""
        return range(max(self._workers, 1))

    def start(self) -> None:
        """Start all workers, and keep them."""
        for index in self.slots:
            self._spawn_keeper(index)
        if self._workers > 0:
            self._tasks.spawn("watch", self._watch())

    def publish(self) -> None:
        """Offer every worker the newest truth."""
        for member in self._members:
            member.offer()

    def serving(self) -> int:
        """Return how many slots have a worker that serves."""
        return len({member.index for member in self._members if member.phase is Phase.SERVING})

    def lacks(self) -> tuple[str, ...]:
        """Return what keeps the workers from being as they should; nothing if all serve the newest generation."""
        now = asyncio.get_running_loop().time()
        lacks: list[str] = []
        if self.serving() < len(self.slots):
            lacks.append(f"{self.serving()} of {len(self.slots)} workers serve")
        for member in self.members:
            if member.is_silent(now):
                lacks.append(f"worker {member.index} has said nothing for {now - member.heard_at:.0f} s")
            elif member.phase is Phase.SERVING and member.generation != self._truth.generation:
                lacks.append(f"worker {member.index} serves generation {member.generation}, not the newest")
        return tuple(lacks)

    def is_well(self) -> bool:
        """Return whether at least one worker serves, and none that should is silent."""
        now = asyncio.get_running_loop().time()
        return self.serving() > 0 and not any(member.is_silent(now) for member in self._members)

    async def replace(self, index: int) -> str:
        """Bring up a successor in this slot and have the present worker drain; return why not, else nothing.

        The present worker serves until the successor does, and for good if it does not.
        """
        if index in self._replacing:
            raise RuntimeError(f"slot {index} is being replaced already")
        self._replacing[index] = asyncio.Event()
        try:
            return await self._replace(index)
        finally:
            self._replacing.pop(index).set()

    async def wait_retired(self) -> None:
        """Return once all workers that were replaced have ended."""
        while self._retired:
            self._ended.clear()
            await self._ended.wait()

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

    def look(self, now: float) -> None:
        """Kill workers that have hung by `now`, so that they are replaced; asked every second."""
        is_late, self._looked_at = bool(self._looked_at) and now - self._looked_at > LATE_S, now
        for member in self._members:
            if is_late:
                member.heard_at = now
            elif member.is_silent(now) and now - member.heard_at > HUNG_S:
                LOG.error("worker_hung", extra={"fields": {"worker": member.index, "pid": member.pid}})
                member.kill()

    def _spawn_keeper(self, index: int) -> None:
        self._tasks.spawn(f"{_KEEP}{index}", self._keep(index))

    def _revive(self, name: str) -> None:
        """Keep a slot again whose keeper met a fault of ours: a place without a keeper would stay empty."""
        if name.startswith(_KEEP) and not self._stopping.is_set():
            index = int(name.removeprefix(_KEEP))
            asyncio.get_running_loop().call_later(BACKOFF_MAX_S, self._keep_again, index)

    def _keep_again(self, index: int) -> None:
        if not self._stopping.is_set():
            self.restarts += 1
            self._spawn_keeper(index)

    async def _keep(self, index: int) -> None:
        loop = asyncio.get_running_loop()
        delay_s = 0.0
        while not self._stopping.is_set():
            started = loop.time()
            await self._wait_replaced(index)
            member = self._heirs.pop(index, None) or await self._start(index)
            if member is not None:
                self._present[index] = member
                await member.wait_leaving()
                await self._wait_replaced(index)
            if index in self._heirs:
                delay_s = 0.0
                continue
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

    async def _wait_replaced(self, index: int) -> None:
        """Wait while a successor comes up, because a slot wants one worker only."""
        if index in self._replacing:
            await self._replacing[index].wait()

    async def _replace(self, index: int) -> str:
        heir = await self._start(index)
        if heir is None:
            return f"the successor of worker {index} could not be started; see the log"
        try:
            async with asyncio.timeout(START_S):
                # Because no request may meet an older truth than the one before it.
                serves = await heir.wait_serving(self._truth.generation)
        except TimeoutError:
            heir.kill()
            return f"the successor of worker {index} (process {heir.pid}) did not serve within {START_S:.0f} s"
        if not serves:
            return f"the successor of worker {index} (process {heir.pid}) ended before it served; see the log"
        self._heirs[index] = heir
        present = self._present.get(index)
        if present is not None and present in self._members:
            deadline_s = self._truth.config.drain_s
            self._retired.add(present)
            present.drain(deadline_s)
            asyncio.get_running_loop().call_later(deadline_s + GRACE_S, present.kill)
            await present.wait_leaving()
        return ""

    async def _start(self, index: int) -> Member | None:
        member = Member(index, truth=self._truth, audience=self._audience)
        self._members.append(member)
        has_started = False
        try:
            await member.start(self._listeners, as_process=self._workers > 0, log_format=self._log_format)
            has_started = True
        except OSError:
            LOG.exception("worker_not_started", extra={"fields": {"worker": index}})
            return None
        finally:
            # Because a member that stays without having started would be waited for at every stop.
            if not has_started:
                await self._abandon(member)
        self._tasks.spawn(f"follow_{member.pid}", self._follow(member))
        if self._stopping.is_set():
            member.drain(self._deadline_s)
        self._audience.change()
        return member

    async def _abandon(self, member: Member) -> None:
        member.kill()
        try:
            await member.wait_gone()
        finally:
            self._forget(member)

    async def _follow(self, member: Member) -> None:
        try:
            code = await member.wait_gone()
        finally:
            self._forget(member)
        is_expected = self._stopping.is_set() or member.was_told
        LOG.log(
            logging.INFO if is_expected and code == 0 else logging.ERROR,
            "worker_ended" if is_expected else "worker_died",
            extra={"fields": {"worker": member.index, "pid": member.pid, "exit_code": code}},
        )

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self.look(asyncio.get_running_loop().time())

    def _forget(self, member: Member) -> None:
        self._members.remove(member)
        self._retired.discard(member)
        self._ended.set()
        self._audience.change()
