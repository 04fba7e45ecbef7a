"""The planner: what other routes would do with the requests of the last hour. Nothing is applied."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from strangler.config.remembering import Remembering
from strangler.control.discovery import Discovery
from strangler.control.share import Shares
from strangler.control.truth import Truth
from strangler.core.decide import Evaluation, Reason
from strangler.core.foresight import Effect, Plan, Served, foresee
from strangler.core.hour import Row
from strangler.core.model import Config
from strangler.core.shares import Overrides
from strangler.core.snapshot import Snapshot, compile_snapshot
from strangler.errors import UsageError
from strangler.flags.data import FlagData


class EffectShown(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the requests that one route has now and another one, or none, would have."""

    before: str
    """The route's name; empty for none."""
    after: str
    requests: float
    to_extracted: float
    """Requests that the extracted side would answer in place of the monolith."""
    to_legacy: float
    upstream: float
    """Requests that stay on their side, and would go to an address that this side does not have now."""
    shadow_gained: float
    """Requests of which the other side would be asked as well, and is not now."""
    shadow_lost: float
    refused: float
    """Requests that would be refused, and are not now."""
    accepted: float
    uncertain: float
    """Requests that would be another route's, if they had a header that was not looked at."""
    estimated: float
    """Of those that change side, what is computed from a share and not request by request."""


class PlanShown(msgspec.Struct, frozen=True, kw_only=True):
    """What other routes would do with the requests of the last hour; numbers are estimated from a sample."""

    generation: int
    """Of the routes and flags that they are compared with."""
    since: float | None
    """When the oldest of it was recorded; None while nothing is."""
    requests: float
    sampled: int
    """Requests that were looked at; each stands for `requests / sampled`, on average."""
    uncounted: float
    """Requests since the start whose shape found no room."""
    changes: bool
    """Whether any request would be treated otherwise."""
    effects: tuple[EffectShown, ...]
    """Those that change something, by the routes' names."""
    unseen: tuple[str, ...]
    """Routes of the new file that no recorded request is for."""


class Planner:
    """Works out one plan at a time, beside the loop."""

    def __init__(
        self, discovery: Discovery, truth: Truth, file: Path, adopt: Callable[[Config], Config], read: Remembering
    ) -> None:
        """`adopt` makes of a file what would be served of it by this process."""
        self._discovery = discovery
        self._truth = truth
        self._file = file
        self._adopt = adopt
        self._read = read
        self._is_busy = False

    async def plan(self, text: str) -> PlanShown:
        """Return what a routes file would do. Raises ConfigError with its faults, and UsageError while busy."""
        if self._is_busy:
            raise UsageError("another plan is being worked out; ask again in a moment.")
        self._is_busy = True
        try:
            return await self._plan(text)
        finally:
            self._is_busy = False

    async def _plan(self, text: str) -> PlanShown:
        truth, hour = self._truth, self._discovery.hour
        now = self._discovery.now()
        # Because requests come meanwhile, and routes may change, the thread works on what there is at this moment.
        before, flags, overrides, generation = truth.config, truth.flags, truth.overrides, truth.generation
        rows = [row.copied() for row in hour.rows(now)]

        def work() -> Plan:
            after = self._adopt(self._read.parse(text.encode("utf-8", "surrogatepass"), path=self._file))
            return _foresee(rows, before, after, flags, overrides)

        found = await asyncio.to_thread(work)
        return PlanShown(
            generation=generation,
            since=hour.since(now),
            requests=round(found.requests, 1),
            sampled=found.sampled,
            uncounted=round(hour.uncounted, 1),
            changes=found.changes,
            effects=tuple(_shown(effect) for effect in found.effects if effect.changes),
            unseen=found.unseen,
        )


class _Unasked:
    """Flags for snapshots that decide nothing: what they serve comes as shares."""

    def place(self, flag: str, key: str) -> float:
        return 1.0

    def evaluate(self, flag: str, key: str, attributes: tuple[tuple[str, str], ...]) -> Evaluation:
        return Evaluation(value=None, reason=Reason.FLAGS_NOT_READY)

    def check_ratio(self, flag: str) -> int | None:
        return None


def _foresee(rows: list[Row], before: Config, after: Config, flags: FlagData, overrides: Overrides) -> Plan:
    return foresee(
        rows,
        _compiled(before, overrides),
        _compiled(after, overrides),
        served_before=_served(before, flags),
        served_after=_served(after, flags),
    )


def _served(config: Config, flags: FlagData) -> dict[str, Served]:
    shares = Shares().of(config, flags)
    return {name: Served(share=share.basis_points, held=share.held_bp) for name, share in shares.items()}


def _compiled(config: Config, overrides: Overrides) -> Snapshot:
    return compile_snapshot(config, generation=0, flags=_Unasked(), overrides=overrides)


def _shown(effect: Effect) -> EffectShown:
    return EffectShown(
        before=effect.before,
        after=effect.after,
        requests=round(effect.requests, 1),
        to_extracted=round(effect.to_extracted, 1),
        to_legacy=round(effect.to_legacy, 1),
        upstream=round(effect.upstream, 1),
        shadow_gained=round(effect.shadow_gained, 1),
        shadow_lost=round(effect.shadow_lost, 1),
        refused=round(effect.refused, 1),
        accepted=round(effect.accepted, 1),
        uncertain=round(effect.uncertain, 1),
        estimated=round(effect.estimated, 1),
    )
