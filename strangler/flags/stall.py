"""Stalls: an evaluation whose patterns take far longer to search than any should is given up, so that none stops a
process: all of its searches together have one bound, because a flag may have a thousand patterns.

Python's `re` lets nothing else run while it searches, but looks for signals now and then; so a timer of processor time
ends it. It is one thread's, the main one, which is where loops run. Nothing but the search is ended, because the SDK
around it holds locks, which whoever is ended in the middle of them would leave locked.
"""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

LONGEST_S = 0.02
"""Of processor time, for all searches of one evaluation together; a few µs are usual. Below it a busy machine's own
clock cannot tell."""
MOST_TEXT = 4096
"""Characters that are searched; in more, `re` may go on for a second without looking for signals."""
_LOOK_S = LONGEST_S / 4


class StalledError(BaseException):
    """Patterns take too long. Because the SDK takes every Exception for its own, this is none."""


class _Timer:
    """The process's one timer of its own processor time."""

    def __init__(self) -> None:
        self._is_set = False
        self._began: float | None = None
        self._left_s = LONGEST_S

    def begin(self) -> None:
        """Give the searches that follow the whole time again."""
        self._left_s = LONGEST_S

    def run(self, search: Callable[[], bool]) -> bool:
        """Return what the search finds. Raises StalledError if it, with those before it, takes too long."""
        if threading.current_thread() is not threading.main_thread():
            return search()
        if self._left_s <= 0:
            raise StalledError
        if not self._is_set:
            signal.signal(signal.SIGVTALRM, self._look)
            self._is_set = True
        self._began = time.thread_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, _LOOK_S, _LOOK_S)
        try:
            return search()
        finally:
            self._end()

    def _look(self, _number: int, _frame: FrameType | None) -> None:
        # Because the timer counts what other threads do too, and a signal may be told of late, it alone ends nothing.
        if self._began is not None and time.thread_time() - self._began >= self._left_s:
            self._end()
            raise StalledError

    def _end(self) -> None:
        if self._began is not None:
            self._left_s -= time.thread_time() - self._began
        self._began = None
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


_TIMER = _Timer()
begin = _TIMER.begin
"""Called before each evaluation."""


def bounded(matches: Callable[[Any, Any, Any], bool]) -> Callable[[Any, Any, Any], bool]:
    """Return the SDK's operator `matches` so that it raises StalledError where it would take too long."""

    def run(text: Any, value: Any, pattern: Any) -> bool:
        if isinstance(text, str) and len(text) > MOST_TEXT:
            raise StalledError
        return _TIMER.run(lambda: matches(text, value, pattern))

    return run
