"""The file source: flags in a file of LaunchDarkly's format, followed while it changes.

It looks at the path four times a second instead of asking the kernel: that way an editor's atomic rename and a
ConfigMap's change of symlink are noticed like any other, on every file system.
"""

import asyncio
from collections.abc import Callable
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

_Mark = tuple[int, int, int, int]


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

    def start(self) -> None:
        self._load(self._mark())
        self._timer = self._loop.call_later(LOOK_S, self._look)

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

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
            version = self._data.version
            self._load(mark)
            if self._data.version != version:
                self._on_change(self._data)
        self._timer = self._loop.call_later(wait_s, self._look)

    def _mark(self) -> _Mark | None:
        """Return what tells one state of the file from another; None if there is no file."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)

    def _load(self, mark: _Mark | None) -> None:
        self._loaded, self._seen = mark, None
        try:
            with self._path.open("rb") as file:
                content = file.read(MAX_JSON_BYTES + 1)
        except OSError as error:
            self._absent(error.strerror or type(error).__name__)
            return
        digest = sha256(content).digest()
        if digest == self._digest:
            self._standing.tell(SourceState.READY)
            return
        try:
            document = read_document(content, self._path)
        except FlagError as error:
            self._standing.tell(SourceState.INVALID, str(error))
            return
        self._digest = digest
        self._data = FlagData(version=self._data.version + 1, ready=True, document=document)
        self._standing.tell(SourceState.READY)

    def _absent(self, reason: str) -> None:
        if self._data.ready:
            self._standing.tell(SourceState.STALE, f"{self._path}: {reason}; its last flags serve on")
        else:
            self._standing.tell(
                SourceState.UNREACHABLE,
                f"{self._path}: {reason}; routes with a flag stay on the monolith until it is there",
            )
