"""Sources: where flags come from, as control sees it."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from strangler.flags.data import FlagData

LOG = logging.getLogger(__name__)


class SourceState(StrEnum):
    """How a flag source stands."""

    STARTING = "starting"
    """Not heard from yet; flags leave their routes on the monolith."""
    READY = "ready"
    STALE = "stale"
    """Cut off; the last known flags serve on."""
    INVALID = "invalid"
    """What it says cannot be used; the last good flags, if there are any, serve on."""
    UNREACHABLE = "unreachable"
    """Cut off, and no flags are known; flags leave their routes on the monolith."""


_NORMAL = frozenset({SourceState.STARTING, SourceState.READY})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """A source's state and the reason for it."""

    state: SourceState
    detail: str
    """For an operator; empty when there is nothing to say. Never holds a secret."""
    since: float
    """Seconds since the epoch."""


class FlagSource(Protocol):
    """One place that flags come from. All of it is used from the loop's thread."""

    def start(self) -> None:
        """Begin to follow the source; never waits for it. What is known at once is in `data()` on return."""

    async def close(self) -> None:
        """Stop following; no change is told afterwards."""

    def data(self) -> FlagData:
        """Return the flags as last known."""

    def status(self) -> SourceStatus:
        """Return how the source stands."""


class FlagTable(Protocol):
    """Flags that this proxy itself keeps."""

    def flags(self) -> dict[str, dict[str, Any]]:
        """Return every flag by its key, in LaunchDarkly's format."""

    def write_flag(self, flag: dict[str, Any], *, by: str, what: str, at: float) -> None:
        """Keep a flag in place of the one with its key, and record who changed what; kept when it returns."""

    def delete_flag(self, key: str, *, by: str, what: str, at: float) -> None:
        """Keep a flag no longer, and record who deleted it; gone when it returns."""


class FlagCache(Protocol):
    """The last flags of a service elsewhere, for a start while it is away."""

    def cached(self, fingerprint: str) -> bytes | None:
        """Return the document last kept for this service and environment."""

    def cache(self, fingerprint: str, document: bytes, *, at: float) -> None:
        """Keep a document; kept when it returns."""


class FlagStore(FlagTable, FlagCache, Protocol):
    """What sources need of the state store."""


class Standing:
    """A source's present status; a change of state is logged once, however often it is told."""

    def __init__(self, name: str, *, now: Callable[[], float] = time.time) -> None:
        self._name = name
        self._now = now
        self.status = SourceStatus(state=SourceState.STARTING, detail="", since=now())

    def tell(self, state: SourceState, detail: str = "") -> None:
        """Take a new status; only a change of state, or of what is invalid, is one to log."""
        before = self.status
        if (state, detail) == (before.state, before.detail):
            return
        since = before.since if state is before.state else self._now()
        self.status = SourceStatus(state=state, detail=detail, since=since)
        if state is before.state and state is not SourceState.INVALID:
            return
        level = logging.INFO if state in _NORMAL else logging.WARNING
        LOG.log(level, "flags_state", extra={"fields": {"source": self._name, "state": state.value, "detail": detail}})
