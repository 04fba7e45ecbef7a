"""The log writer: lines go out on a thread of their own, so that a reader who stops reading stops no process.

A pipe holds 64 KiB. Without this, a log collector that hangs would hang control, and the traffic of `workers: 0`.
"""

import logging
import os
import select
import threading
from collections import deque

MAX_LINES = 10_000
"""Lines that wait for a slow reader: about 2 MB. The newest beyond it are dropped and counted."""
LAST_LINES_S = 1.0
"""How long the end of the process waits for lines to be written."""

LOG = logging.getLogger(__name__)


class LogWriter(logging.Handler):
    """Writes each record as one line to a descriptor; never waits for whoever reads it."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._dropped = 0
        self._changed = threading.Condition(threading.Lock())
        self._is_writing = False
        self._is_closed = False
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take the record's line over (logging.Handler)."""
        line = f"{self.format(record)}\n".encode("utf-8", "backslashreplace")
        with self._changed:
            # Because the count of what is lost must not be lost; at most one such line comes for each that is written.
            if len(self._lines) < MAX_LINES or record.name == LOG.name:
                self._lines.append(line)
            else:
                self._dropped += 1
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all lines are written, or for as long as the end of a process may take (logging.Handler)."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines and not self._is_writing, LAST_LINES_S)

    def close(self) -> None:
        """End the thread once it has nothing to write (logging.Handler)."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        super().close()

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._lines) or self._is_closed)
                if not self._lines:
                    return
                line = self._lines.popleft()
                self._is_writing = True
                dropped, self._dropped = self._dropped, 0
            self._write(line)
            if dropped:
                LOG.warning("log_lines_dropped", extra={"fields": {"count": dropped}})

    def _write(self, line: bytes) -> None:
        while line:
            try:
                line = line[os.write(self._descriptor, line) :]
            except BlockingIOError:
                # Because whoever shares the descriptor may have made it one that does not wait.
                select.select([], [self._descriptor], [], 1.0)
            except OSError:
                # Because a reader that went away must not end or flood the process that logs.
                return
