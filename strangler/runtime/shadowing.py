"""Shadowing, as control sees it: a comparer runs while any route may be shadowed, and another one if it ends."""

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from strangler.control.divergencedesk import DivergenceDesk
from strangler.control.shadowbook import ShadowBook
from strangler.control.shadowdesk import ShadowDesk
from strangler.control.status import ComparerStatus
from strangler.control.store import Store
from strangler.control.truth import Truth
from strangler.core.divergence import Verdict, Why, Write
from strangler.core.findings import Findings
from strangler.core.migration import settings
from strangler.core.model import Config, Route
from strangler.core.shadowing import ShadowMode
from strangler.core.writelog import FOLDER, SUFFIX
from strangler.errors import LinkError, UsageError
from strangler.flags.data import FlagData
from strangler.flags.migration import migrations_of
from strangler.runtime import findinglink
from strangler.runtime.body import ProcessBody
from strangler.runtime.findinglink import (
    Avoid,
    CarriedOut,
    Diverged,
    Forget,
    Found,
    FromComparer,
    Gauges,
    Listening,
    Recall,
    Recorded,
    Repair,
    Repaired,
    Stored,
    Watch,
)
from strangler.runtime.link import Link
from strangler.runtime.logs import LogFormat
from strangler.runtime.recordings import Recordings
from strangler.runtime.supervisor import HUNG_S, LATE_S, LOOK_S, backoff
from strangler.runtime.tasks import Tasks
from strangler.vault.vault import Vault

END_S = 3.0
"""How long the comparer may take to end; it closes connections only."""

NO_GAUGES = dict.fromkeys(
    (
        *("shadow_waiting", "shadow_asking", "shadow_bytes", "shadow_recording_bytes", "shadow_breakers_open"),
        *("writes_waiting", "writes_untold", "writes_files", "writes_unreadable", "writes_clients"),
    ),
    0,
)
"""Of a comparer that does not run (shadow.comparer.Comparer.gauges, shadow.writes.Writes.gauges)."""
REPAIR_S = 65.0
"""How long a repair may take; the longest `timeout` of a shadow, and the way there and back."""
SAVE_EVERY_S = 5.0
"""Between two writes of what comparisons have shown; a crash of control loses no more."""

LOG = logging.getLogger(__name__)


class Shadowing:
    """Owns the comparer."""

    def __init__(
        self,
        store: Store,
        truth: Truth,
        *,
        vault: Vault,
        log_format: LogFormat,
        on_compared: Callable[[str, int, int], None],
    ) -> None:
        """`on_compared` is told of a route how many comparisons came since the last time, and how many differed."""
        self.restarts = 0
        """Comparers that were replaced because they ended by themselves."""
        self.gauges: dict[str, int] = dict(NO_GAUGES)
        self._truth = truth
        self._log_format = log_format
        self._on_compared = on_compared
        self._book = ShadowBook(store)
        self.desk = ShadowDesk(
            self._book, lambda: truth.config, migrations=lambda: self._migrations, on_reset=self._forget
        )
        """What operators see of it."""
        self.recordings = Recordings(store, vault, truth)
        self.divergences = DivergenceDesk(
            store.divergences,
            vault,
            lambda: truth.config,
            is_killed=lambda: truth.overrides.is_killed,
            repair=self._repair,
            check_repair=self._check_repair,
            waiting=self._waiting,
        )
        """Writes that are not on both sides."""
        self._repairs: dict[str, asyncio.Future[Verdict | None]] = {}
        self._tasks = Tasks("shadowing")
        self._wanted = asyncio.Event()
        self._unwanted = asyncio.Event()
        self._link: Link[FromComparer] | None = None
        self._pid: int | None = None
        self._is_listening = False
        self._has_gauges = False
        """Whether the gauges are those of the comparer that runs."""
        self._sent: tuple[Config, bool] | None = None
        self._sent_unhealthy: tuple[tuple[str, str], ...] = ()
        self._heard_at = 0.0
        self._flags: FlagData | None = None
        self._migrations: frozenset[str] = frozenset()
        """The migration flags among these flags."""

    def start(self) -> None:
        """Take up what was found before, and run a comparer whenever one is wanted."""
        self._book.start()
        self.recordings.start()
        self.divergences.start()
        self.follow()
        self._tasks.spawn("keep", self._keep())
        self._tasks.spawn("save", self._save())

    def follow(self) -> None:
        """Look anew at the truth."""
        config, flags = self._truth.config, self._truth.flags
        if flags is not self._flags:
            self._flags, self._migrations = flags, migrations_of(json.loads(flags.document)["flags"])
        if any(self._may_ask(route, config) for route in config.routes) or self._has_leftovers():
            self._unwanted.clear()
            self._wanted.set()
        else:
            self._wanted.clear()
            self._unwanted.set()
        self._offer()

    def status(self) -> ComparerStatus | None:
        """Return how the comparer stands; None where none is wanted."""
        if not self._wanted.is_set():
            return None
        return ComparerStatus(
            state="running" if self._is_listening else "starting" if self._pid is not None else "down",
            pid=self._pid,
            restarts=self.restarts,
            waiting=self.gauges["shadow_waiting"],
            asking=self.gauges["shadow_asking"],
            bytes=self.gauges["shadow_bytes"],
            resting=self.gauges["shadow_breakers_open"],
            unreadable=self.gauges["writes_unreadable"],
        )

    async def close(self) -> None:
        """End the comparer, with what it found last."""
        self._wanted.clear()
        self._unwanted.set()
        await self._tasks.close()
        self._book.save()

    # --- inside

    def _may_ask(self, route: Route, config: Config) -> bool:
        rules = settings(route, config.shadow)
        return rules is not None and (rules.mode is not ShadowMode.STAGE or route.flag in self._migrations)

    async def _save(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            self._book.save()
            self.recordings.expire()
            if not self._wanted.is_set() and self._has_leftovers():
                # Because a worker may have noted a write by the routes before, after these were looked at.
                self.follow()

    def _has_leftovers(self) -> bool:
        """Return whether writes wait in files, of routes that do not shadow any more perhaps."""
        return any((Path(self._truth.config.state_dir) / FOLDER).glob(f"*{SUFFIX}"))

    def _waiting(self) -> int | None:
        """Return how many writes wait to be sent on or listed; None while a comparer is wanted and has not said so."""
        if self._has_gauges:
            return self.gauges["writes_waiting"] + self.gauges["writes_untold"]
        return None if self._wanted.is_set() else 0

    def _check_repair(self) -> None:
        if self._link is None:
            raise UsageError(
                "no comparer runs that could send it: no route shadows. Repair it by hand, then settle it."
            )

    async def _repair(self, one: str, write: Write, secrets: Sequence[tuple[bytes, bytes]]) -> Verdict | None:
        self._check_repair()
        assert self._link is not None
        answer: asyncio.Future[Verdict | None] = asyncio.get_running_loop().create_future()
        self._repairs[one] = answer
        self._link.send(Repair(id=one, write=write, secrets=tuple(secrets)))
        try:
            async with asyncio.timeout(REPAIR_S):
                return await answer
        except TimeoutError:
            return Verdict(why=Why.COMPARER_ENDED)
        finally:
            del self._repairs[one]

    def _forget(self, route: str) -> None:
        if self._link is not None:
            self._link.send(Forget(route=route))

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        delay_s = 0.0
        while True:
            await self._wanted.wait()
            started = loop.time()
            try:
                code = await self._run()
            except OSError as error:
                # Because a system that is short of processes or memory now may not be so later.
                code = -1
                LOG.error("comparer_not_started", extra={"fields": {"why": str(error)}})  # noqa: TRY400
            if code is None or not self._wanted.is_set():
                delay_s = 0.0
                continue
            self.restarts += 1
            LOG.error("comparer_died", extra={"fields": {"exit_code": code}})
            delay_s = backoff(delay_s, loop.time() - started)
            await asyncio.sleep(delay_s)

    async def _run(self) -> int | None:
        """Run one comparer to its end; return its exit code if it ended by itself."""
        ours, theirs = socket.socketpair()
        try:
            words = ["strangler.runtime.comparer", "--link", str(theirs.fileno()), "--log-format", self._log_format]
            body = ProcessBody(words, [theirs.fileno()])
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._pid = body.pid
        lost = asyncio.Event()
        gone = asyncio.get_running_loop().create_task(body.wait(), name="shadowing.gone")
        unwanted = asyncio.get_running_loop().create_task(self._unwanted.wait(), name="shadowing.unwanted")
        try:
            self._link = await findinglink.open_to_comparer(ours, on_message=self._receive, on_lost=lost.set)
            for found in self._book.all():
                # Because all of them together may be larger than a message.
                self._link.send(Recall(findings=found))
            self.recordings.attach(self._link)
            self._offer()
            await self._watch(body, gone, unwanted)
            # Because it may be wanted again before it has ended at our word, that word is what counts.
            is_by_itself = gone.done()
        finally:
            unwanted.cancel()
            await self._end(body, gone, lost)
        return gone.result() if is_by_itself else None

    async def _watch(self, body: ProcessBody, *ends: "asyncio.Task[Any]") -> None:
        """Return once one of these tasks has ended; a comparer that hangs is killed."""
        loop = asyncio.get_running_loop()
        self._heard_at = looked_at = loop.time()
        while not (await asyncio.wait(ends, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED))[0]:
            now = loop.time()
            if now - looked_at > LATE_S:
                # Because control itself was held up, silence tells nothing of the comparer.
                self._heard_at = now
            elif now - self._heard_at > HUNG_S:
                LOG.error("comparer_hung", extra={"fields": {"pid": body.pid}})
                body.kill()
                self._heard_at = now
            looked_at = now

    async def _end(self, body: ProcessBody, gone: "asyncio.Task[int]", lost: asyncio.Event) -> None:
        if not gone.done():
            body.terminate()
            await asyncio.wait((gone,), timeout=END_S)
        if not gone.done():
            body.kill()
            await asyncio.wait((gone,))
        try:
            async with asyncio.timeout(END_S):
                # Because its last words are in the kernel already.
                await lost.wait()
        except TimeoutError:
            pass
        self.recordings.detach()
        self._link, self._sent, self._sent_unhealthy, self.gauges = None, None, (), dict(NO_GAUGES)
        self._pid, self._is_listening, self._has_gauges = None, False, False
        for answer in self._repairs.values():
            if not answer.done():
                answer.set_result(Verdict(why=Why.COMPARER_ENDED))

    def _offer(self) -> None:
        """Tell the comparer what it does not know yet."""
        if self._link is not None and self._sent_unhealthy != self._truth.unhealthy:
            self._link.send(Avoid(unhealthy=self._truth.unhealthy))
            self._sent_unhealthy = self._truth.unhealthy
        config, is_killed = self._truth.config, self._truth.overrides.is_killed
        if self._link is not None and (self._sent is None or self._sent[0] is not config or self._sent[1] != is_killed):
            try:
                self._link.send(Watch(config=config, is_killed=is_killed))
            except LinkError as error:
                # Because workers do not get it either, all go on with the one before.
                LOG.error("comparer_not_told", extra={"fields": {"why": str(error)}})  # noqa: TRY400 (a traceback tells no more)
                return
            self._sent = (config, is_killed)
            self.recordings.follow()

    def _take(self, found: Findings) -> None:
        before = self._book.of(found.route)
        if not self._book.take(found):
            return
        # Because findings only grow until they begin anew, with another `since`.
        known = before if before is not None and before.since == found.since else Findings(route=found.route, since=0.0)
        # Because only the extracted side is judged, what the monolith did not answer is no fault of it.
        silent = found.unanswered - known.unanswered
        if (compared := found.compared - known.compared + silent) > 0:
            self._on_compared(found.route, compared, found.different - known.different + silent)

    def _receive(self, message: FromComparer) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        match message:
            case Listening():
                self._is_listening = True
                LOG.info("comparer_ready")
            case Found(findings=findings):
                self._take(findings)
            case Recorded(picked=picked):
                self.recordings.take(picked)
            case Gauges(gauges=gauges):
                self.gauges, self._has_gauges = gauges, True
                if not self._unwanted.is_set() and not gauges.get("writes_files"):
                    # Because what no route wants any more may have been the last that waited.
                    self.follow()
            case Diverged(listed=listed):
                if (kept := self.divergences.take(listed)) and self._link is not None:
                    self._link.send(Stored(ids=kept))
            case CarriedOut(counts=counts):
                self.divergences.count(counts)
            case Repaired(id=one, verdict=verdict):
                if (answer := self._repairs.get(one)) is not None and not answer.done():
                    answer.set_result(verdict)
