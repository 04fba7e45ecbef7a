"""The file source: flags in a file of LaunchDarkly's format, followed while it changes.

It looks at the path four times a second instead of asking the kernel: that way an editor's atomic rename and a
ConfigMap's change of symlink are noticed like any other, on every file system.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from strangler.errors import FlagError
from strangler.flags.data import NOT_READY, FlagData
from strangler.flags.document import MAX_JSON_BYTES, read_document
from strangler.flags.source import SourceState, SourceStatus, Standing

LOOK_S = 0.25
"""With SETTLE_S, a change is served within the promised half second."""
SETTLE_S = 0.05
"""A file that is written in place is read when it has not changed for this long, so that no half of it is served."""

MAX_FAULTS = 20
"""Lines of faults in status and log; `strangler check` prints all."""

_Mark = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What one reading of the file found."""

    digest: bytes = b""
    document: bytes | None = None
    """None if the content is as it was, or of no use."""
    fault: str = ""
    absent: str = ""
    """Why there is nothing to read."""


class FileSource:
    """Serves one file; a bad one changes nothing but the status."""

    def __init__(self, path: Path, *, loop: asyncio.AbstractEventLoop, on_change: Callable[[FlagData], None]) -> None:
        self._path = path
        self._loop = loop
        self._on_change = on_change
        self._standing = Standing(f"file {path}")
        self._data = NOT_READY
        self._loaded: _Mark | None = None
        """The file as it was when it was last read."""
        self._seen: _Mark | None = None
        """The file as it was at the last look, if it has not been read since."""
        self._digest = b""
        self._timer: asyncio.TimerHandle | None = None
        self._reading: asyncio.Future[_Found] | None = None
        """The reading that is under way on a thread; there is no timer meanwhile."""
        self._closed = False

    def start(self) -> None:
        # Because nothing is served yet, this one reading may hold the loop up.
        self._take(self._mark(), _read(self._path, self._digest))
        self._timer = self._loop.call_later(LOOK_S, self._look)

    async def close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._reading is not None:
            await asyncio.wait([self._reading])

    def data(self) -> FlagData:
        return self._data

    def status(self) -> SourceStatus:
        return self._standing.status

    def _look(self) -> None:
        """Read the file if it has changed and come to rest; then plan the next look."""
        mark = self._mark()
        wait_s = LOOK_S
        if mark == self._loaded:
            self._seen = None
        elif mark is not None and mark != self._seen:
            self._seen, wait_s = mark, SETTLE_S
        else:
            # Because a large file takes seconds to read, and with `workers: 0` this loop carries traffic.
            self._reading = self._loop.run_in_executor(None, _read, self._path, self._digest)
            self._reading.add_done_callback(partial(self._was_read, mark))
            return
        self._timer = self._loop.call_later(wait_s, self._look)

    def _was_read(self, mark: _Mark | None, reading: "asyncio.Future[_Found]") -> None:
        self._reading = None
        if self._closed or reading.cancelled():
            return
        self._timer = self._loop.call_later(LOOK_S, self._look)
        if (error := reading.exception()) is not None:
            # Because the file that brings out a bug of ours must not be the last one that is looked at.
            self._loaded, self._seen = mark, None
            self._standing.tell(SourceState.INVALID, f"{self._path}: {type(error).__name__} while it was read")
            return
        version = self._data.version
        self._take(mark, reading.result())
        if self._data.version != version:
            self._on_change(self._data)

    def _mark(self) -> _Mark | None:
        """Return what tells one state of the file from another; None if there is no file."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        # Because a tool that keeps times writes in place without a new st_mtime, and so does chmod.
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def _take(self, mark: _Mark | None, found: _Found) -> None:
        self._loaded, self._seen = mark, None
        if found.absent:
            self._absent(found.absent)
        elif found.fault:
            self._standing.tell(SourceState.INVALID, found.fault)
        else:
            if found.document is not None:
                self._digest = found.digest
                self._data = FlagData(version=self._data.version + 1, ready=True, document=found.document)
            self._standing.tell(SourceState.READY)

    def _absent(self, reason: str) -> None:
        if self._data.ready:
            self._standing.tell(SourceState.STALE, f"{self._path}: {reason}; its last flags serve on")
        else:
            self._standing.tell(
                SourceState.UNREACHABLE,
                f"{self._path}: {reason}; routes with a flag stay on the monolith until it is there",
            )


def _read(path: Path, known: bytes) -> _Found:
    """Return what the file holds; reads only what has another digest than `known`."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_JSON_BYTES + 1)
    except OSError as error:
        return _Found(absent=error.strerror or type(error).__name__)
    digest = sha256(content).digest()
    if digest == known:
        return _Found(digest=digest)
    try:
        return _Found(digest=digest, document=read_document(content, path))
    except FlagError as error:
        return _Found(fault=_shortened(str(error)))


def _shortened(faults: str) -> str:
    lines = faults.splitlines()
    more = len(lines) - MAX_FAULTS
    return "\n".join([*lines[:MAX_FAULTS], *([f"and {more} more; `strangler check` lists them"] if more > 0 else [])])
