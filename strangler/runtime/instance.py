"""An instance: control and its workers, from start to stop.

Control owns the truth and pushes it; nothing that clients wait for passes through here.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from strangler.control.api import Surface
from strangler.control.configdesk import ConfigDesk
from strangler.control.flagdesk import FlagDesk
from strangler.control.health import HealthChecks
from strangler.control.history import HistoryDesk
from strangler.control.metrics import Exposition
from strangler.control.outbox import LAST_S
from strangler.control.outlook import Outlook
from strangler.control.routesapi import Routes
from strangler.control.statusapi import Whole
from strangler.control.store import Store
from strangler.control.stream import Stream
from strangler.control.totals import Totals
from strangler.control.truth import Truth
from strangler.core.audit import Action
from strangler.core.model import Config
from strangler.core.shapes import Shape
from strangler.core.tally import Tally
from strangler.errors import UsageError
from strangler.flags.data import NOT_READY, FlagData
from strangler.flags.source import SourceState
from strangler.flags.sources import make_source
from strangler.proxy.resolver import resolve
from strangler.runtime import adminport, firststart, handover, longlived, runfile, sockets
from strangler.runtime.admindoor import Door
from strangler.runtime.adminport import AdminPort
from strangler.runtime.discovering import Discovering
from strangler.runtime.handover import Orphan
from strangler.runtime.logs import LogFormat
from strangler.runtime.notices import Notices
from strangler.runtime.overview import Overview
from strangler.runtime.protection import Protection
from strangler.runtime.reload import RoutesFile, warn
from strangler.runtime.rollout import Rollout
from strangler.runtime.runfile import Run
from strangler.runtime.service import Service
from strangler.runtime.settings import Overrides
from strangler.runtime.shadowing import Shadowing
from strangler.runtime.supervisor import Supervisor
from strangler.runtime.tasks import Tasks
from strangler.vault.vault import Vault

FLAGS_WAIT_S = 5.0
"""How long coming up waits for a flag service, so that nobody is sent back and forth meanwhile.

The same as LaunchDarkly's SDKs wait at their start. Without an answer the routes start on the monolith.
"""
_LOOK_S = 0.05
RELOAD_WAIT_S = 5.0
"""How long a reload waits for all workers before it is told to be over; they take milliseconds."""

LOG = logging.getLogger(__name__)


async def wait_heard(
    is_heard: Callable[[], bool], *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> bool:
    """Return whether flags were heard of, at the latest after `FLAGS_WAIT_S`."""
    for _ in range(round(FLAGS_WAIT_S / _LOOK_S)):
        if is_heard():
            return True
        # Because a source tells of new flags only, not of its state.
        await sleep(_LOOK_S)
    return is_heard()


class Instance:
    """One running proxy."""

    def __init__(
        self,
        path: Path,
        *,
        config: Config,
        store: Store,
        overrides: Overrides,
        listener: socket.socket,
        admin: socket.socket,
        orphans: Sequence[Orphan],
        service: Service,
        log_format: LogFormat,
        lost: str = "",
    ) -> None:
        self._state_dir = Path(config.state_dir)
        self._path = path
        self._store = store
        self._access = config.admin_access
        self._admin_tls = config.admin_tls
        self._door = Door(trusted=config.admin_access.trusted)
        self._listener = listener
        self._admin = admin
        self._listen_address = sockets.bound(listener)
        self._admin_address = sockets.bound(admin)
        self._orphans = orphans
        self._service = service
        self._run: Run | None = None
        self._tasks = Tasks("control")
        self._notices = Notices()
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._hurrying = asyncio.Event()
        self._is_up = False
        self._totals = Totals()
        self._truth = Truth(config, NOT_READY)
        self._source = make_source(
            config.flags,
            store=store,
            environ=os.environ,
            loop=asyncio.get_running_loop(),
            on_change=self._take_flags,
        )
        self._supervisor = Supervisor(
            (listener,), workers=config.workers, truth=self._truth, log_format=log_format, audience=self
        )
        self._rollout = Rollout(self._supervisor)
        self._protection = Protection(store, self._truth, self._source, lost=lost)
        self._shadowing = Shadowing(
            store,
            self._truth,
            vault=Vault(Path(config.state_dir)),
            log_format=log_format,
            on_compared=self._protection.guards.compare,
        )
        self._routes = RoutesFile(path, running=config, overrides=overrides, on_config=self._protection.take_config)
        self._discovering = Discovering(store, self._truth, path, self._routes.adopt)
        self._health = HealthChecks(spawn=self._tasks.spawn, resolve=resolve, on_change=self._truth.replace_unhealthy)
        self._history = HistoryDesk(store.journal)
        self._overview = Overview(
            self._truth,
            health=self._health,
            totals=self._totals,
            routes=self._routes,
            source=self._source,
            supervisor=self._supervisor,
            rollout=self._rollout,
            protection=self._protection,
            shadowing=self._shadowing,
            discovery=self._discovering.discovery,
            door=self._door,
            unready=self._unready,
        )
        self._stream = Stream(self._overview.head, self._overview.standings, self._history, tag=lambda: self._truth.tag)
        store.journal.watch(self._stream.follow)

    async def run(self) -> None:
        """Serve until told to stop; on return nothing of it is left."""
        self._source.start()
        self._truth.replace_flags(self._source.data())
        self._protection.start()
        self._truth.watch(self._supervisor.publish)
        self._truth.watch(lambda: self._health.follow(self._truth.config))
        self._truth.watch(self._shadowing.follow)
        self._truth.watch(self._discovering.discovery.follow)
        self._truth.watch(lambda: self._history.follow(self._truth.config))
        self._listen_to_signals()
        admin = await self._open_admin()
        telling = Tasks("stream")
        telling.spawn("tell", self._stream.run())
        self._health.follow(self._truth.config)
        self._supervisor.start()
        self._shadowing.start()
        self._discovering.start()
        self._tasks.spawn("watch_routes", self._routes.watch())
        self._tasks.spawn("come_up", self._come_up())
        LOG.info(
            "started",
            extra={
                "fields": {
                    "listen": str(self._listen_address),
                    "admin": str(self._admin_address),
                    "pid": os.getpid(),
                    "state_dir": str(self._state_dir),
                }
            },
        )
        warn(self._truth.config)
        longlived.settle()
        if self._service.sign_every_s:
            self._tasks.spawn("sign", self._sign())
        await self._stopping.wait()
        await self._end()
        # Because whoever looks on sees the draining to its end, the stream is told last.
        await telling.close()
        self._stream.close()
        await admin.close()
        await self._protection.close(within_s=0.0 if self._hurrying.is_set() else LAST_S)
        await self._source.close()
        runfile.remove(self._state_dir)
        self._service.close()
        LOG.info("stopped")

    def count(self, tallies: Sequence[Tally], grown: Mapping[str, int]) -> None:
        """Add what one worker counted (Audience)."""
        self._totals.add(tallies)
        self._totals.grow(grown)
        self._protection.count(tallies)
        self._discovering.discovery.count(tallies)
        self._history.count(tallies)

    def record(self, seen: int, shapes: Sequence[Shape]) -> None:
        """Learn from what one worker has seen (Audience)."""
        self._discovering.discovery.record(seen, shapes)

    def notice(self, worker: int, event: str, fields: dict[str, Any]) -> None:
        """Log what one worker has to say (Audience)."""
        self._notices.log(worker, event, fields)
        self._protection.notice(event, fields)

    def change(self) -> None:
        """Write down which workers there are (Audience)."""
        self._changed.set()
        pids = {member.pid for member in self._supervisor.members}
        run = runfile.of_this(pids, listen=str(self._listen_address), admin=str(self._admin_address))
        if run is not None and run != self._run:
            self._run = run
            runfile.keep(self._state_dir, run)

    def _take_flags(self, flags: FlagData) -> None:
        self._notices.forget()
        self._truth.replace_flags(flags)
        self._protection.follow_flags()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(signal.SIGUSR2, self._restart_workers)

    def _stop(self) -> None:
        if self._stopping.is_set():
            LOG.warning("stopping_now")
            self._hurrying.set()
            self._supervisor.kill()
        self._stopping.set()

    async def _end(self) -> None:
        config = self._truth.config
        self._service.stopping()
        LOG.info("stopping", extra={"fields": {"delay_s": config.drain_delay_s, "deadline_s": config.drain_s}})
        await self._rollout.stop()
        try:
            async with asyncio.timeout(config.drain_delay_s):
                # Because a load balancer that sees the failing readiness sends nobody here any more.
                await self._hurrying.wait()
        except TimeoutError:
            pass
        if config.workers > 0:
            # Because with this last copy gone new connections are refused, and do not wait for nobody.
            self._listener.close()
        drain_s = 0.0 if self._hurrying.is_set() else config.drain_s
        await self._supervisor.stop(drain_s)
        await self._shadowing.close()
        await self._discovering.close()
        await self._tasks.close()
        await handover.end_all(self._orphans, drain_s)

    def _reload(self) -> None:
        if not self._stopping.is_set():
            self._service.reloading()
            self._tasks.spawn("reload", self._follow_reload())

    async def _follow_reload(self) -> None:
        await self._routes.wait_read()
        try:
            async with asyncio.timeout(RELOAD_WAIT_S):
                await self._wait_current()
        except TimeoutError:
            LOG.warning("reload_slow", extra={"fields": {"lacks": self._supervisor.lacks()}})
        if self._is_up:
            self._service.ready(self._summary())

    def _restart_workers(self) -> None:
        try:
            self._ask_restart("signal", "SIGUSR2")
        except UsageError as error:
            LOG.warning("restart_refused", extra={"fields": {"why": str(error)}})

    def _check_restart(self) -> None:
        if self._truth.config.workers == 0:
            raise UsageError("with `workers: 0` there are no worker processes to replace; start the proxy anew instead")
        if not self._is_up or self._stopping.is_set():
            raise UsageError("the proxy is not up yet, or stopping; nothing was restarted")

    def _ask_restart(self, who: str, why: str) -> None:
        """Start a rolling restart of the workers, or join the one that runs, and record it."""
        self._check_restart()
        self._rollout.ask()
        self._protection.record(Action.RESTART, "workers", who=who, why=why)

    def _unready(self) -> tuple[str, ...]:
        """Return why no traffic should be sent here; nothing if it should."""
        if self._stopping.is_set():
            return ("stopping",)
        if not self._is_up:
            waits = () if self._is_heard() else (f"flags: {self._source.status().state.value}",)
            return (*(self._supervisor.lacks()), *waits) or ("starting",)
        return () if self._supervisor.serving() else self._supervisor.lacks()

    def _is_heard(self) -> bool:
        return self._source.status().state is not SourceState.STARTING

    def _summary(self) -> str:
        routes = self._routes.status()
        rejected = f"; the routes file is rejected, {len(routes.faults)} faults" if routes.faults else ""
        return f"generation {self._truth.generation}, {self._supervisor.serving()} workers serve{rejected}"

    async def _sign(self) -> None:
        """Give signs of life for as long as this loop and the workers are well."""
        while True:
            self._service.sign(self._supervisor.is_well)
            await asyncio.sleep(self._service.sign_every_s)

    async def _open_admin(self) -> AdminPort:
        is_first = firststart.is_first(self._state_dir, self._store.journal)
        surface = Surface(
            admin=self._admin_address,
            hosts=self._access.hosts,
            callers=adminport.callers(self._state_dir, self._store, self._access),
            whole=Whole(
                status=self._overview.status,
                readiness=self._overview.readiness,
                tag=lambda: self._truth.tag,
                restart=self._overview.restart,
                check_restart=self._check_restart,
                ask_restart=self._ask_restart,
                exposition=Exposition(self._totals, self._overview.reading),
                explain=self._overview.explain,
            ),
            flags=FlagDesk(self._truth, self._source),
            guards=self._protection.desk,
            shadow=self._shadowing.desk,
            recordings=self._shadowing.recordings.desk,
            history=self._history,
            stream=self._stream,
            discovery=self._discovering.desk,
            planner=self._discovering.planner,
            config=ConfigDesk(
                self._path,
                self._store.journal,
                self._discovering.read,
                config=lambda: self._truth.config,
                adopt=self._routes.adopt,
                held=self._routes.held,
                status=self._routes.status,
                generation=lambda: self._truth.generation,
                wait_taken=self._routes.wait_read,
            ),
            routes=Routes(every=self._overview.routes, one=self._overview.route, names=self._overview.names),
            divergences=self._shadowing.divergences,
            outlook=Outlook(self._truth, self._history.per_minute),
        )
        admin = await adminport.serve(surface, self._admin, self._admin_tls, self._door)
        if is_first:
            firststart.greet(
                surface.callers.tokens,
                self._admin_address,
                is_tls=self._admin_tls is not None,
                state_dir=self._state_dir,
                screen=sys.stderr.fileno(),
            )
        return admin

    async def _wait_current(self) -> None:
        while self._supervisor.lacks():
            self._changed.clear()
            await self._changed.wait()

    async def _come_up(self) -> None:
        """Say so once all workers serve, and let the orphans of the control process before go."""
        await self._wait_current()
        await self._wait_flags()
        await self._wait_current()
        self._is_up = True
        LOG.info("ready", extra={"fields": {"workers": len(self._supervisor.members)}})
        self._service.ready(self._summary())
        orphans, self._orphans = self._orphans, ()
        await handover.end_all(orphans, self._truth.config.drain_s)

    async def _wait_flags(self) -> None:
        if await wait_heard(self._is_heard):
            return
        LOG.warning("flags_awaited", extra={"fields": {"waited_s": FLAGS_WAIT_S}})
