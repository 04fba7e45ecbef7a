"""Serving: from a routes file to a running proxy. What can be refused is refused before anything runs."""

import asyncio
import logging
import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import uvloop

from strangler.config import load
from strangler.control.store import Store
from strangler.core.model import Config
from strangler.errors import StoreDamagedError, UsageError
from strangler.runtime import handover, listening, settings, systemd
from strangler.runtime.handover import Orphan
from strangler.runtime.instance import Instance
from strangler.runtime.logs import LogFormat, setup
from strangler.runtime.service import Service
from strangler.runtime.settings import Overrides
from strangler.runtime.systemd import Notifier

LOG = logging.getLogger(__name__)


def serve(path: Path, overrides: Overrides, log_format: LogFormat | None) -> None:
    """Serve until SIGTERM or SIGINT; raises ConfigError or UsageError if it cannot start."""
    chosen = setup(log_format)
    manager = systemd.take(os.environ, os.getpid())
    config = settings.effective(load.load(path), overrides)
    if found := settings.conflicts(config):
        raise UsageError(" ".join(found))
    state_dir = Path(config.state_dir)
    with ExitStack() as stack:
        store, lost = _open_store(state_dir)
        stack.enter_context(closing(store))
        given = systemd.choose(manager.given, config.listen, config.admin)
        is_open = config.admin_tls is not None or config.admin_access.allow_plain
        admin = stack.enter_context(
            listening.open_admin(config.admin, may_be_reached=is_open, given=given.get("admin"))
        )
        orphans = handover.find_orphans(state_dir)
        listener = stack.enter_context(
            listening.open_listener(
                config.listen, state_dir, orphans, drain_s=config.drain_s, given=given.get("listen")
            )
        )
        service = Service(Notifier(manager.notify_address), watchdog_s=manager.watchdog_s)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(path, config, overrides, store, listener, admin, orphans, service, chosen, lost))


def _open_store(state_dir: Path) -> tuple[Store, str]:
    """Return the store, and why it is only an empty one in memory: a damaged file must not keep traffic waiting."""
    try:
        return Store(state_dir), ""
    except StoreDamagedError as error:
        LOG.critical("store_damaged", extra={"fields": {"why": str(error), "serving": "the monolith, from memory"}})
        return Store(state_dir, in_memory=True), str(error)


async def _run(
    path: Path,
    config: Config,
    overrides: Overrides,
    store: Store,
    listener: socket.socket,
    admin: socket.socket,
    orphans: Sequence[Orphan],
    service: Service,
    log_format: LogFormat,
    lost: str,
) -> None:
    # Because an instance asks for the running loop, it is made on it.
    instance = Instance(
        path,
        config=config,
        overrides=overrides,
        store=store,
        listener=listener,
        admin=admin,
        orphans=orphans,
        service=service,
        log_format=log_format,
        lost=lost,
    )
    await instance.run()
