"""The service: what a service manager hears of this instance, from its coming up to its stop."""

import time
from collections.abc import Callable

from strangler.runtime.systemd import Notifier


class Service:
    """Says ready, reloading and stopping, in that order and never a word too late."""

    def __init__(self, notifier: Notifier, *, watchdog_s: float) -> None:
        self.sign_every_s = watchdog_s / 2
        """How often a sign of life is due; 0 for never. Half, as sd_watchdog_enabled(3) advises."""
        self._notifier = notifier
        self._is_up = False
        self._is_stopping = False

    def ready(self, status: str) -> None:
        """Say that all is up, or that a reload is over."""
        self._is_up = True
        if not self._is_stopping:
            self._notifier.tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Say that the routes file is being read; `ready` ends it."""
        if self._is_up and not self._is_stopping:
            # The time lets the manager tell this answer to its signal from an earlier one (Type=notify-reload).
            now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
            self._notifier.tell("RELOADING=1", f"MONOTONIC_USEC={now_us}", "STATUS=reading the routes file")

    def status(self, status: str) -> None:
        """Say how it stands, in words."""
        if not self._is_stopping:
            self._notifier.tell(f"STATUS={status}")

    def sign(self, is_well: Callable[[], bool]) -> None:
        """Give a sign of life, if all is well; before all is up and while stopping, that this runs is enough."""
        if not self._is_up or self._is_stopping or is_well():
            self._notifier.tell("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that it ends."""
        if not self._is_stopping:
            self._is_stopping = True
            self._notifier.tell("STOPPING=1", "STATUS=finishing what runs")

    def close(self) -> None:
        """Say nothing more."""
        self._notifier.close()
