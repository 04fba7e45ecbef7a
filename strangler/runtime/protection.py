"""Protection: guards, and whoever is told of them, put together for one running proxy."""

import asyncio
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from strangler.control.guarddesk import GuardDesk
from strangler.control.guards import Guards
from strangler.control.happening import Happening
from strangler.control.journal import Deed, as_text
from strangler.control.outbox import LAST_S, Outbox
from strangler.control.share import Shares
from strangler.control.store import Store
from strangler.control.truth import Truth
from strangler.control.webhook import WebhookSender
from strangler.control.writeback import LaunchDarkly, Off, WriteBack
from strangler.core.audit import ROUTES, Action
from strangler.core.model import Config, FlagSourceKind, Webhook
from strangler.core.tally import Tally
from strangler.errors import StoreError
from strangler.flags.edit import TurnOff
from strangler.flags.embedded import EmbeddedSource
from strangler.flags.source import FlagSource
from strangler.proxy import keybook
from strangler.runtime.tasks import Tasks

TICK_S = 0.25
"""How late a cool-down may end."""
API_TOKEN = "LAUNCHDARKLY_API_TOKEN"  # noqa: S105 (a variable's name)
WHO = "guard"

LOG = logging.getLogger(__name__)


class Protection:
    """Judges what workers count, and tells whoever wants to know."""

    def __init__(
        self,
        store: Store,
        truth: Truth,
        source: FlagSource,
        *,
        environ: Mapping[str, str] = os.environ,
        lost: str = "",
    ) -> None:
        """`lost` says why what was kept cannot be read; then every guarded route is the monolith's."""
        self._store = store
        self._truth = truth
        self._source = source
        self._environ = environ
        self._lost = lost
        self._tasks = Tasks("protection")
        self._shares = Shares()
        self._session: aiohttp.ClientSession | None = None
        self._senders: dict[Webhook, tuple[WebhookSender, asyncio.Task[None]]] = {}
        self._write_back = WriteBack(None, None)
        self._writing_back: asyncio.Task[None] | None = None
        self._undelivered = 0
        """What receivers that are gone were not told."""
        self._has_book = False
        self.guards = Guards(store.guards, on_overrides=truth.replace_overrides, on_happening=self._tell)
        self.desk = GuardDesk(
            self.guards,
            store.journal,
            lambda: truth.config,
            prerequisites=lambda name: self._shares.of(truth.config, truth.flags)[name].prerequisites,
        )

    def start(self) -> None:
        """Serve by what is kept, and begin to judge. Raises StoreError."""
        config = self._truth.config
        self._truth.replace_overrides(self.guards.start(config, self._lost))
        self._session = aiohttp.ClientSession()
        self._write_back = self._make_write_back(config, self._session)
        self._follow(config)
        self._tasks.spawn("tick", self._tick())

    def take_config(self, config: Config) -> None:
        """Serve by another routes file, guarded by its rules, and record it."""
        before = self._truth.config.digest
        self.guards.apply(config)
        self._truth.replace_config(config)
        self._follow(config)
        self._record(
            Deed(
                at=time.time(),
                who="routes file",
                what=Action.RELOAD,
                subject=ROUTES,
                why="the file changed",
                before=as_text(before),
                after=as_text(config.digest),
            )
        )

    def follow_flags(self) -> None:
        """Note how far each route has come now."""
        truth = self._truth
        shares = self._shares.of(truth.config, truth.flags)
        self.guards.follow_shares({name: share.basis_points for name, share in shares.items()}, truth.generation)

    def count(self, tallies: Sequence[Tally]) -> None:
        """Judge what one worker counted."""
        self.guards.count(tallies)

    def notice(self, event: str, fields: Mapping[str, Any]) -> None:
        """Keep a failed exchange as evidence."""
        if event == "exchange_failed":
            self.guards.remember(fields)

    def record(self, what: Action, subject: str, *, who: str, why: str) -> None:
        """Put on the audit log what somebody did; a log that cannot be written does not undo it."""
        self._record(Deed(at=time.time(), who=who, what=what, subject=subject, why=why))

    @property
    def undelivered(self) -> int:
        """Messages to other systems that were given up."""
        outboxes: list[Outbox[Any]] = [sender.outbox for sender, _ in self._senders.values()]
        if self._write_back.outbox is not None:
            outboxes.append(self._write_back.outbox)
        return self._undelivered + sum(outbox.dropped for outbox in outboxes)

    async def close(self, *, within_s: float = LAST_S) -> None:
        """Store what was learnt, have what waits told to others if they take it within this time, and end."""
        self.guards.save()
        sending: dict[Outbox[Any], asyncio.Task[None]] = {one.outbox: task for one, task in self._senders.values()}
        if self._write_back.outbox is not None and self._writing_back is not None:
            sending[self._write_back.outbox] = self._writing_back
        await _empty(sending, within_s)
        await self._tasks.close()
        for outbox in sending:
            outbox.drop("the proxy ends")
        if self._session is not None:
            await self._session.close()

    # --- inside

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.guards.tick()

    def _follow(self, config: Config) -> None:
        self.follow_flags()
        self._make_book(config)
        gone = {hook.name: self._senders.pop(hook) for hook in tuple(self._senders) if hook not in config.webhooks}
        self._undelivered += sum(sender.outbox.dropped for sender, _ in gone.values())
        for hook in config.webhooks:
            if hook not in self._senders and self._session is not None:
                secret = self._environ.get(hook.secret_env, "")
                if hook.secret_env and not secret:
                    why = f"{hook.secret_env} is not set, so its messages are not signed"
                    LOG.warning("webhook_unsigned", extra={"fields": {"webhook": hook.name, "why": why}})
                sender = WebhookSender(hook, secret, self._session)
                if hook.name in gone:
                    # Because a receiver that has moved is still to hear what the former one has not taken.
                    former, sending = gone.pop(hook.name)
                    sending.cancel()
                    sender.outbox.take_over(former.outbox)
                task = self._tasks.spawn(f"webhook_{hook.name}", sender.outbox.run())
                self._senders[hook] = (sender, task)
        for name, (sender, sending) in gone.items():
            self._tasks.spawn(f"last_of_{name}", self._retire(sender.outbox, sending))

    async def _retire(self, outbox: Outbox[bytes], sending: asyncio.Task[None]) -> None:
        """Let a receiver that the file does not have any more hear the last of it."""
        before = outbox.dropped
        try:
            await _empty({outbox: sending}, LAST_S)
        finally:
            sending.cancel()
            outbox.drop("the routes file does not have it any more")
            self._undelivered += outbox.dropped - before

    def _make_book(self, config: Config) -> None:
        """Make the key book before a worker needs it; its size holds from start to end."""
        if self._has_book or not any(route.idempotency for route in config.routes):
            return
        try:
            keybook.make(Path(config.state_dir) / keybook.FILE, config.idempotency_keys)
            self._has_book = True
        except StoreError as error:
            LOG.critical("key_book_failed", extra={"fields": {"why": str(error)}})

    def _make_write_back(self, config: Config, session: aiohttp.ClientSession) -> WriteBack:
        source = self._source
        if isinstance(source, EmbeddedSource):

            def switch_off(off: Off) -> None:
                source.write(off.flag, TurnOff(), by=WHO)

            return WriteBack(switch_off, None)
        if config.flags.source is not FlagSourceKind.LAUNCHDARKLY:
            return WriteBack(None, None)
        token = self._environ.get(API_TOKEN, "").strip()
        if not token and any(route.rollback is not None and route.rollback.write_back for route in config.routes):
            LOG.error("write_back_impossible", extra={"fields": {"why": f"{API_TOKEN} is not set"}})
        api = LaunchDarkly(config.flags, token, session, on_done=self._record_off)
        outbox: Outbox[Off] = Outbox("launchdarkly", api.switch_off)
        self._writing_back = self._tasks.spawn("write_back", outbox.run())
        return WriteBack(None, outbox)

    def _tell(self, happening: Happening) -> None:
        for sender, _ in self._senders.values():
            sender.tell(happening)
        self._write_back.tell(happening)

    def _record_off(self, off: Off) -> None:
        deed = Deed(at=time.time(), who=WHO, what=Action.WRITE_BACK, subject=off.flag, why=off.why)
        self._record(deed)

    def _record(self, deed: Deed) -> None:
        try:
            self._store.journal.record(deed)
        except StoreError:
            # Because what was done is done and in the log, a full disk does not undo it.
            LOG.exception("audit_failed", extra={"fields": {"what": deed.what.value, "subject": deed.subject}})


async def _empty(sending: Mapping[Outbox[Any], asyncio.Task[None]], within_s: float) -> None:
    """Have outboxes deliver what they can in this time."""
    for outbox in sending:
        outbox.hurry()
    if sending:
        await asyncio.wait(sending.values(), timeout=within_s)
