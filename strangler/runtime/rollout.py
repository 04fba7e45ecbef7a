"""The rolling restart: each worker in turn is replaced by a fresh one, and let go only once its successor serves.

Asking again while it runs joins it. A successor that does not come up ends it, and the workers that were not replaced
yet serve on.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from typing import Protocol

from strangler.runtime.tasks import Tasks

LOG = logging.getLogger(__name__)


class Stage(StrEnum):
    """How far the rolling restart is."""

    NEVER = "never"
    """None was asked for since control started."""
    REPLACING = "replacing"
    DRAINING = "draining"
    """All workers are replaced; former ones still finish what runs."""
    DONE = "done"
    FAILED = "failed"
    """A successor did not come up; what was not replaced serves on."""
    STOPPED = "stopped"
    """The proxy was told to stop meanwhile."""


class Event(Enum):
    """What happens to a rolling restart."""

    ASKED = auto()
    REPLACED = auto()
    """The last worker has a successor."""
    DRAINED = auto()
    """The last former worker has ended."""
    FAILED = auto()
    STOPPED = auto()


_N, _R, _D = Stage.NEVER, Stage.REPLACING, Stage.DRAINING
TABLE: dict[Stage, dict[Event, Stage]] = {
    _N: {Event.ASKED: _R, Event.REPLACED: _N, Event.DRAINED: _N, Event.FAILED: _N, Event.STOPPED: Stage.STOPPED},
    _R: {
        Event.ASKED: _R,
        Event.REPLACED: _D,
        Event.DRAINED: _R,
        Event.FAILED: Stage.FAILED,
        Event.STOPPED: Stage.STOPPED,
    },
    _D: {
        Event.ASKED: _D,
        Event.REPLACED: _D,
        Event.DRAINED: Stage.DONE,
        Event.FAILED: Stage.FAILED,
        Event.STOPPED: Stage.STOPPED,
    },
    Stage.DONE: {
        Event.ASKED: _R,
        Event.REPLACED: Stage.DONE,
        Event.DRAINED: Stage.DONE,
        Event.FAILED: Stage.DONE,
        Event.STOPPED: Stage.STOPPED,
    },
    Stage.FAILED: {
        Event.ASKED: _R,
        Event.REPLACED: Stage.FAILED,
        Event.DRAINED: Stage.FAILED,
        Event.FAILED: Stage.FAILED,
        Event.STOPPED: Stage.STOPPED,
    },
    Stage.STOPPED: dict.fromkeys(Event, Stage.STOPPED),
}
"""Total over stage and event. Nothing leads out of STOPPED, and only ASKED leads out of an end."""

RUNNING = frozenset({Stage.REPLACING, Stage.DRAINING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One rolling restart as it stands."""

    number: int = 0
    """Counts the restarts since control started, so that who waits can tell his own from the next."""
    stage: Stage = Stage.NEVER
    replaced: int = 0
    workers: int = 0
    detail: str = ""
    """Why it failed."""


def advance(progress: Progress, event: Event, *, workers: int = 0, detail: str = "") -> Progress:
    """Return what becomes of a restart."""
    stage = TABLE[progress.stage][event]
    if stage is progress.stage:
        return progress
    if event is Event.ASKED:
        return Progress(number=progress.number + 1, stage=stage, workers=workers)
    return replace(progress, stage=stage, detail=detail)


class Fleet(Protocol):
    """The workers, as a rolling restart needs them."""

    @property
    def slots(self) -> Sequence[int]:
        """The places that always have a worker."""

    async def replace(self, index: int) -> str:
        """Bring up a successor and have the present worker drain; return why not, else nothing."""

    async def wait_retired(self) -> None:
        """Return once all workers that were replaced have ended."""


class Rollout:
    """Owns the rolling restart, one at a time."""

    def __init__(self, fleet: Fleet) -> None:
        self.progress = Progress()
        self._fleet = fleet
        self._tasks = Tasks("rollout", on_failure=lambda _name: self._step(Event.FAILED, "see the log"))

    def ask(self) -> Progress:
        """Start a rolling restart, or join the one that runs."""
        before = self.progress
        self._step(Event.ASKED)
        if self.progress.number != before.number:
            self._tasks.spawn("restart", self._run())
        return self.progress

    async def stop(self) -> None:
        """Give up what runs, and start no other."""
        self._step(Event.STOPPED)
        await self._tasks.close()

    async def _run(self) -> None:
        for index in self._fleet.slots:
            problem = await self._fleet.replace(index)
            if problem:
                self._step(Event.FAILED, problem)
                return
            self.progress = replace(self.progress, replaced=self.progress.replaced + 1)
        self._step(Event.REPLACED)
        await self._fleet.wait_retired()
        self._step(Event.DRAINED)

    def _step(self, event: Event, detail: str = "") -> None:
        before = self.progress
        self.progress = advance(before, event, workers=len(self._fleet.slots), detail=detail)
        if self.progress is not before and self.progress.number:
            fields = {"stage": self.progress.stage.value, "number": self.progress.number, "detail": detail}
            level = logging.ERROR if self.progress.stage is Stage.FAILED else logging.INFO
            LOG.log(level, "rolling_restart", extra={"fields": fields})
