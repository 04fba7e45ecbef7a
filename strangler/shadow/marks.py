"""Marks: how far the writes of one log file have come, in a file beside it that outlives whoever makes them."""

import fcntl
import os
import struct
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

from strangler.core.divergence import Verdict, Why

SUFFIX = ".marks"
_MARK = struct.Struct(">IBBH")
_WHYS = tuple(Why)
_CARRIED_OUT = 255


class Step(IntEnum):
    """What a mark says of a write."""

    SENDING = 1
    """From now on it may have left."""
    SETTLED = 2
    """It is known how it went: on both sides, or why not."""
    KEPT = 3
    """That it is not on both sides is kept in the state store."""


class Marks:
    """Reads what was marked before, and appends. A mark that was cut was never made."""

    def __init__(self, path: Path) -> None:
        """Open or make the file, and hold it alone. Raises BlockingIOError if somebody else does, and OSError."""
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_APPEND, 0o600)
        try:
            # Because a comparer whose control died may still be at work, and two would send a write twice.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise
        whole = os.fstat(self._file).st_size // _MARK.size * _MARK.size
        os.ftruncate(self._file, whole)

    def read(self) -> Iterator[tuple[int, Step, Verdict | None]]:
        """Yield each mark: which write, and of a settled one why it is not on both sides.

        Raises ValueError for a mark that nobody made, as a power cut may leave.
        """
        data = os.pread(self._file, os.fstat(self._file).st_size, 0)
        for number, step, why, status in _MARK.iter_unpack(data):
            if why != _CARRIED_OUT and why >= len(_WHYS):
                raise ValueError("a mark is damaged")
            yield number, Step(step), None if why == _CARRIED_OUT else Verdict(why=_WHYS[why], status=status)

    def add(self, number: int, step: Step, verdict: Verdict | None = None) -> None:
        """Make a mark. Raises OSError; then the file is as it was."""
        why = _CARRIED_OUT if verdict is None else _WHYS.index(verdict.why)
        before = os.fstat(self._file).st_size
        if os.write(self._file, _MARK.pack(number, step, why, 0 if verdict is None else verdict.status)) != _MARK.size:
            os.ftruncate(self._file, before)
            raise OSError("the disk is full")

    def close(self) -> None:
        """Mark no more."""
        os.close(self._file)
