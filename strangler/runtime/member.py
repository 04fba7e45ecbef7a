"""A member: one worker as control sees it, from its start to its end.

A slow worker costs control nothing: what it has not taken is not queued, and when it has room again it gets
the newest blueprint only.
"""

import asyncio
import logging
import socket
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from strangler.control.truth import Truth
from strangler.core.model import Config
from strangler.core.shapes import Shape
from strangler.core.tally import Tally
from strangler.errors import LinkError
from strangler.flags.data import FlagData
from strangler.runtime import link
from strangler.runtime.body import Body, TaskBody, worker_process
from strangler.runtime.link import Applied, Blueprint, Drain, Draining, Health, Link, Notice, Report, ToControl
from strangler.runtime.logs import LogFormat

SILENT_S = 10.0
"""A worker speaks every second; one that has not for this long hangs, or has no processor left."""
_LAST_WORDS_S = 1.0
"""How long a dead worker's last report may take to arrive; it is in the kernel already."""

LOG = logging.getLogger(__name__)


class Audience(Protocol):
    """Who hears what workers say."""

    def count(self, tallies: Sequence[Tally], grown: Mapping[str, int]) -> None:
        """Add what one worker counted, and by how much its counters grew."""

    def record(self, seen: int, shapes: Sequence[Shape]) -> None:
        """Take the shapes of some of the requests that one worker has seen."""

    def notice(self, worker: int, event: str, fields: dict[str, Any]) -> None:
        """Log what one worker has to say."""

    def change(self) -> None:
        """Look anew: a worker came, went, or applied a generation."""


class Phase(StrEnum):
    """How far a worker's life has come."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"
    GONE = "gone"


class Member:
    """One worker: its body, its link, and what it last said."""

    def __init__(self, index: int, *, truth: Truth, audience: Audience) -> None:
        self.index = index
        self.phase = Phase.STARTING
        self.generation = 0
        """The last generation that it applied."""
        self.was_told = False
        """Whether it ends because it was told to."""
        self.gauges: dict[str, int] = {}
        self._counters: dict[str, int] = {}
        """As it last told; they only grow."""
        self.heard_at = 0.0
        """When (loop time) it last said something."""
        self._truth = truth
        self._audience = audience
        self._sent_generation = 0
        self._sent_config: Config | None = None
        self._sent_flags: FlagData | None = None
        self._sent_unhealthy: tuple[tuple[str, str], ...] = ()
        self._body: Body | None = None
        self._link: Link[ToControl] | None = None
        self._link_lost = asyncio.Event()
        self._leaving = asyncio.Event()
        self._news = asyncio.Event()

    @property
    def pid(self) -> int:
        """The process it runs in; 0 before its start."""
        return 0 if self._body is None else self._body.pid

    async def start(self, listeners: Sequence[socket.socket], *, as_process: bool, log_format: LogFormat) -> None:
        """Start the worker and send it the truth."""
        ours, theirs = socket.socketpair()
        try:
            if as_process:
                with theirs:
                    self._body = worker_process(theirs, listeners, index=self.index, log_format=log_format)
            else:
                self._body = TaskBody(theirs, listeners)
            await self.attach(ours)
        finally:
            if self._link is None:
                ours.close()

    async def attach(self, end: socket.socket) -> None:
        """Talk to the worker over this end of a socket pair, and send it the truth."""
        self.heard_at = asyncio.get_running_loop().time()
        self._link = await link.open_to_worker(end, on_message=self._receive, on_room=self.offer, on_lost=self._lose)
        self.offer()

    def offer(self) -> None:
        """Send what the worker does not have yet, if it has room; else `on_room` does it later."""
        truth = self._truth
        if self._link is not None and not self._link.is_full and self._sent_unhealthy != truth.unhealthy:
            self._link.send(Health(unhealthy=truth.unhealthy))
            self._sent_unhealthy = truth.unhealthy
        if self._link is None or self._link.is_full or self._sent_generation == truth.generation:
            return
        blueprint = Blueprint(
            generation=truth.generation,
            config=None if truth.config is self._sent_config else truth.config,
            flags=None if truth.flags is self._sent_flags else truth.flags,
            overrides=truth.overrides,
        )
        try:
            self._link.send(blueprint)
        except LinkError as error:
            # Because a worker serves on with what it has, and the next truth may have room.
            fields = {"worker": self.index, "why": str(error)}
            LOG.error("blueprint_not_sent", extra={"fields": fields})  # noqa: TRY400 (a traceback tells no more)
            return
        self._sent_generation, self._sent_config, self._sent_flags = truth.generation, truth.config, truth.flags

    def drain(self, deadline_s: float) -> None:
        """Tell the worker to finish and end."""
        if self._link is not None:
            self._link.send(Drain(deadline_s=deadline_s))

    def kill(self) -> None:
        """End the worker now."""
        if self._body is not None and self.phase is not Phase.GONE:
            self._body.kill()

    async def wait_gone(self) -> int:
        """Return the exit code once the worker has ended and its last report is counted."""
        try:
            code = 0 if self._body is None else await self._body.wait()
            await self._wait_last_words()
        finally:
            # Because a worker that cannot be waited for must not live on unseen.
            self.kill()
            self.gauges = {}
            self._enter(Phase.GONE)
        return code

    async def wait_leaving(self) -> None:
        """Return once the worker serves no new connections, whether it drains or has ended."""
        await self._leaving.wait()

    def is_silent(self, now: float) -> bool:
        """Return whether a worker that serves has said nothing for too long."""
        return self.phase is Phase.SERVING and now - self.heard_at > SILENT_S

    async def wait_serving(self, generation: int) -> bool:
        """Return whether the worker came to serve this generation or a later one, and not its end."""
        while not self._leaving.is_set() and not (self.phase is Phase.SERVING and self.generation >= generation):
            self._news.clear()
            await self._news.wait()
        return not self._leaving.is_set()

    async def _wait_last_words(self) -> None:
        if self._link is None:
            return
        try:
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._link_lost.wait()
        except TimeoutError:
            LOG.warning("last_report_missing", extra={"fields": {"worker": self.index, "pid": self.pid}})

    def _receive(self, message: ToControl) -> None:
        self.heard_at = asyncio.get_running_loop().time()
        match message:
            case Applied(generation=generation):
                self.generation = generation
                self._enter(Phase.SERVING if self.phase is Phase.STARTING else self.phase)
            case Report(tallies=tallies, gauges=gauges, counters=counters, seen=seen, shapes=shapes):
                self.gauges = gauges
                grown = {name: count - self._counters.get(name, 0) for name, count in counters.items()}
                self._counters = counters
                self._audience.count(tallies, grown)
                if seen:
                    self._audience.record(seen, shapes)
            case Notice(event=event, fields=fields):
                self._audience.notice(self.index, event, fields)
            case Draining():
                self.was_told = True
                self._enter(Phase.DRAINING)

    def _lose(self) -> None:
        self._link_lost.set()
        if self.phase in (Phase.STARTING, Phase.SERVING) and self._body is not None:
            # Because a worker that control cannot reach would never learn of a change; if it still lives, it
            # drains.
            self._body.terminate()
            self._leaving.set()
            self._news.set()

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        if phase in (Phase.DRAINING, Phase.GONE):
            self._leaving.set()
        self._news.set()
        self._audience.change()
