"""Stalls: an evaluation that takes far longer than any should is given up, so that no pattern stops a process.

Python's `re` lets nothing else run while it searches, but looks for signals now and then; so a timer of processor time
ends it. It is one thread's, the main one, which is where loops run.
"""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

LONGEST_S = 0.02
"""Of processor time, for one evaluation; 12 µs is usual. Below it a busy machine's own clock cannot tell."""

_Found = TypeVar("_Found")


class _StalledError(BaseException):
    """Because the SDK takes every Exception for its own, this is none; it never leaves this module."""


class _Timer:
    """The process's one timer of its own processor time."""

    def __init__(self) -> None:
        self._is_set = False
        self._is_on = False

    def run(self, evaluate: Callable[[], _Found]) -> _Found | None:
        """Return what is found; None if it was given up."""
        if threading.current_thread() is not threading.main_thread():
            return evaluate()
        if not self._is_set:
            signal.signal(signal.SIGVTALRM, self._stop)
            self._is_set = True
        try:
            self._is_on = True
            signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST_S)
            try:
                return evaluate()
            finally:
                self._is_on = False
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        except _StalledError:
            return None

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        # Because a signal may be told of late, one that comes when nothing is evaluated ends nothing.
        if self._is_on:
            raise _StalledError


bounded = _Timer().run
