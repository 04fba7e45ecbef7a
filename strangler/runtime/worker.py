"""A worker: one data plane on one loop, fed with blueprints over its link.

A worker serves on its last snapshot whatever happens to control. It ignores the terminal's Ctrl-C, because
control drains it then, and it drains and ends on SIGTERM.
"""

import argparse
import asyncio
import logging
import signal
import socket
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from strangler.core.decide import Flags, Reason
from strangler.core.migration import settings
from strangler.core.model import Config
from strangler.core.snapshot import Snapshot, compile_snapshot, with_flags
from strangler.core.tally import FLAG_EVALUATIONS_GIVEN_UP
from strangler.errors import StoreError
from strangler.flags.evaluator import Evaluator
from strangler.proxy import keybook
from strangler.proxy.keybook import KeyBook
from strangler.proxy.plane import Plane
from strangler.proxy.tls import Served
from strangler.runtime import link, logs, offers
from strangler.runtime.certificates import Certificates
from strangler.runtime.child import leave_terminal_to_control
from strangler.runtime.handover import Offer
from strangler.runtime.heap import keep_freed
from strangler.runtime.link import Applied, Blueprint, Drain, Draining, Health, Link, Notice, Report, ToWorker
from strangler.runtime.notices import FLAG_PROBLEM, LEVELS
from strangler.runtime.offers import OfferSender
from strangler.runtime.tasks import Tasks

REPORT_EVERY_S = 0.25
"""Short enough that a rollback within a second can rest on it; four small messages a second cost nothing."""
HEARTBEAT_S = 1.0
"""A worker says something at least this often, so that control can tell a silent one."""
NOTICES_KEPT = 512
"""Lines for the log that wait while control is slow; beyond it they are dropped and counted."""
FLUSH_S = 1.0
"""How long the last report may take to leave."""

LOG = logging.getLogger("strangler.runtime.worker")
"""By name, because this module is also run as `__main__`, which is nobody's logger."""


class Worker:
    """One data plane from its first blueprint to the end of its draining."""

    def __init__(self, listeners: Sequence[socket.socket], *, is_process: bool) -> None:
        self._listeners = listeners
        self._is_process = is_process
        """Whether the plane has a process of its own, and so may outlive control."""
        self._plane = Plane(on_notice=self._notice)
        self._certificates = Certificates(on_served=self._take_tls, on_notice=self._notice)
        self._evaluator = Evaluator(on_problem=self._report_flag)
        self._tasks = Tasks("worker", on_failure=self._fail)
        self._notices: deque[Notice] = deque(maxlen=NOTICES_KEPT)
        self._dropped = 0
        self._config: Config | None = None
        self._flags: Flags | None = None
        self._snapshot: Snapshot | None = None
        self._generation = 0
        self._gauges: dict[str, int] = {}
        self._counters: dict[str, int] = {}
        self._quiet = 0
        """Turns without a report."""
        self._link: Link[ToWorker] | None = None
        self._offer: Offer | None = None
        self._offering: asyncio.Task[None] | None = None
        self._has_begun = False
        self._is_serving = False
        self._is_draining = False
        self._is_orphan = False
        self._exit_code = 0
        self._done = asyncio.Event()

    async def run(self, end: socket.socket) -> int:
        """Serve what comes over `end` until drained; return the exit code."""
        self._link = await link.open_to_control(
            end, on_message=self._receive, on_room=self._tell, on_lost=self._lose_control
        )
        self._tasks.spawn("report", self._report())
        self._tasks.spawn("watch_certificates", self._certificates.watch())
        try:
            await self._done.wait()
        finally:
            await self._tasks.close()
            await self._plane.close()
            if self._offer is not None:
                self._offer.close()
            self._tell(last=True)
            await self._link.close(FLUSH_S)
            self._evaluator.close()
        return self._exit_code

    def drain(self, deadline_s: float | None = None) -> None:
        """Take no more connections, finish what runs within the deadline (else the configured one), then end `run`."""
        if self._is_draining:
            return
        self._is_draining = True
        if self._link is not None:
            self._link.send(Draining())
        if self._is_serving and self._config is not None:
            self._tasks.spawn("drain", self._finish(self._config.drain_s if deadline_s is None else deadline_s))
        else:
            self._done.set()

    def _receive(self, message: ToWorker) -> None:
        match message:
            case Blueprint():
                self._apply(message)
            case Health(unhealthy=unhealthy):
                self._plane.take_verdicts(unhealthy)
            case Drain(deadline_s=deadline_s):
                self.drain(deadline_s)

    def _apply(self, blueprint: Blueprint) -> None:
        if blueprint.config is not None:
            self._config, self._snapshot = blueprint.config, None
        if blueprint.flags is not None:
            self._flags = self._evaluator.apply(blueprint.flags)
        if self._config is None or self._flags is None:
            raise ValueError("the first blueprint must be whole")
        if self._snapshot is None or self._snapshot.overrides != blueprint.overrides:
            self._open_book(self._config)
            self._open_log(self._config)
            self._snapshot = compile_snapshot(
                self._config,
                generation=blueprint.generation,
                flags=self._flags,
                overrides=blueprint.overrides,
                before=self._snapshot,
            )
        else:
            self._snapshot = with_flags(self._snapshot, generation=blueprint.generation, flags=self._flags)
        self._plane.apply(self._snapshot)
        self._follow_shadow(self._config)
        self._certificates.apply(self._config.tls)
        self._generation = blueprint.generation
        if self._is_serving:
            self._confirm()
        else:
            self._begin()

    def _open_book(self, config: Config) -> None:
        """Open the key book before the first route that needs it is served; without it, keyed writes are refused."""
        if self._plane.book is not None or not any(route.idempotency for route in config.routes):
            return
        try:
            self._plane.book = KeyBook(Path(config.state_dir) / keybook.FILE)
        except StoreError as error:
            self._notice("key_book_lost", {"why": str(error), "keyed_writes": "refused"})

    def _open_log(self, config: Config) -> None:
        """Have a log before the first route that declares writes is served."""
        if self._plane.writes is None and any(route.shadow and route.shadow.writes for route in config.routes):
            # Here, because what seals takes megabytes that most workers need not have.
            from strangler.proxy.writelog import WriteLog

            self._plane.writes = WriteLog(Path(config.state_dir), self._notice)

    def _follow_shadow(self, config: Config) -> None:
        """Offer exchanges to the comparer while any route may have its other side asked.

        Because only flags know which flag is a migration flag, every route with one that says nothing else may.
        """
        is_wanted = any(settings(route, config.shadow) is not None for route in config.routes)
        if is_wanted and self._offering is None:
            sender = OfferSender(Path(config.state_dir) / offers.SOCKET, lambda: self._plane.writes)
            self._plane.offers = sender
            self._offering = self._tasks.spawn("offer", sender.run())
        elif not is_wanted and self._offering is not None:
            # Because captures under way still hold the former end, they find it closed, and are counted.
            self._plane.offers = None
            self._offering.cancel()
            self._offering = None

    def _begin(self) -> None:
        """Serve once there is something to serve, and TLS to serve it with; others keep serving until then."""
        if not self._has_begun and self._generation and self._certificates.is_ready:
            self._has_begun = True
            self._tasks.spawn("serve", self._serve())

    def _take_tls(self, served: Served) -> None:
        self._plane.tls = served.context
        self._begin()

    async def _serve(self) -> None:
        await self._plane.serve(self._listeners)
        self._is_serving = True
        self._confirm()

    def _confirm(self) -> None:
        if self._link is not None:
            self._link.send(Applied(generation=self._generation))

    async def _finish(self, deadline_s: float) -> None:
        await self._plane.drain(deadline_s)
        self._done.set()

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            self._tell()

    def _tell(self, *, last: bool = False) -> None:
        """Send what is new; while the link is full it stays where it is, in counters that only grow."""
        if self._link is None:
            return
        while self._notices and (last or not self._link.is_full):
            self._link.send(self._notices.popleft())
        if self._link.is_full and not last:
            return
        if self._dropped:
            self._link.send(Notice(event="notices_dropped", fields={"count": self._dropped}))
            self._dropped = 0
        if self._generation == 0:
            return
        tallies = self._plane.take_tallies()
        gauges = {**self._plane.gauges(), **self._certificates.gauges()}
        counters = {**self._plane.counters(), FLAG_EVALUATIONS_GIVEN_UP: self._evaluator.given_up}
        self._quiet += 1
        is_news = bool(tallies) or gauges != self._gauges or counters != self._counters
        if last or is_news or self._quiet * REPORT_EVERY_S >= HEARTBEAT_S:
            self._gauges, self._counters, self._quiet = gauges, counters, 0
            seen, shapes = self._plane.sampler.drain()
            self._link.send(Report(tallies=tallies, gauges=gauges, counters=counters, seen=seen, shapes=shapes))

    def _notice(self, event: str, fields: dict[str, Any]) -> None:
        if self._is_orphan:
            LOG.log(LEVELS.get(event, logging.INFO), event, extra={"fields": fields})
            return
        if len(self._notices) == NOTICES_KEPT:
            self._dropped += 1
        self._notices.append(Notice(event=event, fields=fields))

    def _report_flag(self, flag: str, reason: Reason) -> None:
        self._notice(FLAG_PROBLEM, {"flag": flag, "reason": reason.value})

    def _lose_control(self) -> None:
        if self._done.is_set():
            return
        if not self._is_process or self._config is None or not self._is_serving:
            # Because a worker that serves nobody yet has nothing to keep up.
            self._done.set()
            return
        self._is_orphan = True
        LOG.critical(
            "control_lost",
            extra={"fields": {"generation": self._generation, "serving": "the last good state, until SIGTERM"}},
        )
        try:
            self._offer = Offer(Path(self._config.state_dir), self._listeners)
        except OSError as error:
            LOG.warning("handover_failed", extra={"fields": {"why": str(error)}})

    def _fail(self, name: str) -> None:
        self._exit_code = 1
        self._done.set()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one worker process on inherited descriptors."""
    leave_terminal_to_control()
    keep_freed()
    parser = argparse.ArgumentParser(prog="strangler.runtime.worker", description="Started by control only.")
    parser.add_argument("--link", type=int, required=True)
    parser.add_argument("--listener", type=int, action="append", required=True)
    parser.add_argument("--index", type=int, required=True)
    parser.add_argument("--log-format", type=logs.LogFormat, required=True)
    options = parser.parse_args(argv)
    logs.setup(options.log_format, worker=options.index)
    end = socket.socket(fileno=options.link)
    listeners = tuple(socket.socket(fileno=descriptor) for descriptor in options.listener)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(end, listeners))


async def _run(end: socket.socket, listeners: Sequence[socket.socket]) -> int:
    worker = Worker(listeners, is_process=True)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.drain)
    return await worker.run(end)


if __name__ == "__main__":
    sys.exit(main())
