"""Waiting for what another process will do, by looking again until a deadline."""

import time
from collections.abc import Callable

LOOK_EVERY_S = 0.1


def until(is_so: Callable[[], bool], *, deadline_s: float = 60.0, what: str = "") -> None:
    """Return once it is so; fail if that is not before the deadline."""
    started = time.monotonic()
    while not is_so():
        assert time.monotonic() - started < deadline_s, f"not within {deadline_s} s: {what or is_so}"
        # Because nothing tells of another process's state; this is the one place that looks again.
        time.sleep(LOOK_EVERY_S)
