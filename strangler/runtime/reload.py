"""Reload: the routes file and the files that it names are watched by their paths, and what is served follows them.

The path is looked at anew each time, so an editor's atomic rename and the swap of a Kubernetes ConfigMap's symbolic
link are noticed like a write in place. A file that cannot be served changes nothing.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

from strangler.config import load
from strangler.config.document import MAX_BYTES
from strangler.config.warnings import warnings_of
from strangler.control.status import ConfigStatus
from strangler.core.model import Config
from strangler.errors import ConfigError, UsageError
from strangler.runtime import settings
from strangler.runtime.settings import Overrides
from strangler.runtime.stamp import Stamp, stamp_of
from strangler.runtime.tasks import Tasks

POLL_S = 0.25
"""One stat(2) each; a change is taken over once the file is the same at two looks in a row."""

LOG = logging.getLogger(__name__)

_UNREAD: Stamp = (-1, -1, -1, -1, -1)


class RoutesFile:
    """Follows one file for as long as `watch` runs."""

    def __init__(
        self, path: Path, *, running: Config, overrides: Overrides, on_config: Callable[[Config], None]
    ) -> None:
        self._path = path
        self._running = running
        self._overrides = overrides
        self._on_config = on_config
        self._tasks = Tasks("routes_file")
        self._asked = asyncio.Event()
        self._waiting: list[asyncio.Event] = []
        self._seen = running.digest
        """The digest of the file as last read, whether it was good or not."""
        self._files = running.files
        """Other files that are part of what was last read."""
        self._faults: tuple[str, ...] = ()
        self._needs_restart: tuple[str, ...] = ()

    def ask(self) -> None:
        """Read the file now, whether it changed or not."""
        self._asked.set()

    async def wait_read(self) -> None:
        """Read the file now, and return once it is taken over or rejected."""
        done = asyncio.Event()
        self._waiting.append(done)
        self._asked.set()
        await done.wait()

    def adopt(self, loaded: Config) -> Config:
        """Return what would be served of another file; raises UsageError for one that would be rejected."""
        config, _ = settings.hold(self._running, settings.effective(loaded, self._overrides))
        if found := settings.conflicts(config):
            raise UsageError(" ".join(found))
        return config

    def held(self, loaded: Config) -> tuple[str, ...]:
        """Return the settings of another file that only a restart would take over."""
        return settings.hold(self._running, settings.effective(loaded, self._overrides))[1]

    def status(self) -> ConfigStatus:
        """Return what is served and whether the file agrees."""
        return ConfigStatus(
            file=str(self._path),
            digest=self._running.digest,
            disk_digest=self._seen,
            state="rejected" if self._faults else "current",
            faults=self._faults,
            needs_restart=self._needs_restart,
        )

    async def watch(self) -> None:
        """Take over every change of the file that can be served; never returns."""
        settled: tuple[Stamp, ...] = (_UNREAD,)
        last: tuple[Stamp, ...] = (_UNREAD,)
        while True:
            is_asked = await self._wait()
            waiting, self._waiting = (self._waiting, []) if is_asked else ([], self._waiting)
            stamp = (stamp_of(self._path), *(stamp_of(Path(file)) for file in self._files))
            if is_asked or (stamp == last and stamp != settled):
                settled = stamp
                # Because a task of its own keeps a failure of ours in one reading from ending the watch.
                await self._tasks.spawn("read", self._read(is_asked=is_asked))
            for done in waiting:
                done.set()
            last = stamp

    async def _wait(self) -> bool:
        try:
            async with asyncio.timeout(POLL_S):
                await self._asked.wait()
        except TimeoutError:
            return False
        self._asked.clear()
        return True

    async def _read(self, *, is_asked: bool) -> None:
        # Because a large file takes long to parse, and with `workers: 0` this loop carries traffic.
        try:
            data = await asyncio.to_thread(_bytes, self._path)
        except OSError as error:
            self._reject("", (f"{self._path}: cannot be read ({error.strerror}). Put the file back.",))
            return
        digest = hashlib.sha256(data).hexdigest()
        if digest == self._seen and not self._files:
            self._keep(is_asked=is_asked)
            return
        try:
            config = await asyncio.to_thread(load.parse, data, path=self._path)
        except ConfigError as error:
            self._files = error.files
            faults = tuple(str(fault) for fault in error.faults)
            if digest == self._seen and faults == self._faults:
                self._keep(is_asked=is_asked)
            else:
                self._reject(digest, faults)
            return
        self._files = config.files
        self._accept(config, is_asked=is_asked)

    def _keep(self, *, is_asked: bool) -> None:
        if is_asked:
            # Because whoever asked waits for a word, and silence would look like a signal that was lost.
            LOG.info("config_unchanged", extra={"fields": {"file": str(self._path), "faults": len(self._faults)}})

    def _accept(self, loaded: Config, *, is_asked: bool) -> None:
        config, differing = settings.hold(self._running, settings.effective(loaded, self._overrides))
        if found := settings.conflicts(config):
            self._reject(loaded.digest, tuple(f"{self._path}: {conflict}" for conflict in found))
            return
        is_same = config == self._running
        if is_same and loaded.digest == self._seen and not self._faults:
            self._keep(is_asked=is_asked)
            return
        self._seen = loaded.digest
        self._running = config
        self._faults = ()
        self._needs_restart = differing
        LOG.info("config_accepted", extra={"fields": {"file": str(self._path), "digest": config.digest}})
        warn(config)
        if differing:
            LOG.warning("config_needs_restart", extra={"fields": {"settings": differing}})
        if not is_same:
            self._on_config(config)

    def _reject(self, digest: str, faults: tuple[str, ...]) -> None:
        if digest == self._seen and faults == self._faults:
            return
        self._seen = digest
        self._faults = faults
        for fault in faults:
            LOG.error("config_fault", extra={"fields": {"fault": fault}})
        LOG.error(
            "config_rejected",
            extra={"fields": {"file": str(self._path), "faults": len(faults), "serving": self._running.digest}},
        )


def warn(config: Config) -> None:
    """Say what somebody should know about a file that is served all the same."""
    for warning in warnings_of(config):
        LOG.warning("config_warning", extra={"fields": {"warning": warning}})


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)
