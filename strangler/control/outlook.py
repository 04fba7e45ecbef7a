"""Outlook: of which routes the extracted side would answer another part, if other things were served, and how much."""

import asyncio
from collections.abc import Callable, Mapping

from strangler.control.dryrun import Moved, Served
from strangler.control.effective import effective
from strangler.control.pace import paced
from strangler.control.share import Shares
from strangler.control.truth import Truth
from strangler.core.model import FULL_SHARE, Config
from strangler.core.shares import Overrides
from strangler.flags.data import FlagData


class Outlook:
    """Compares what is served with what would be."""

    def __init__(self, truth: Truth, per_minute: Callable[[str], tuple[float, float] | None]) -> None:
        """`per_minute` says how many requests a minute each side of a route had lately, the monolith first."""
        self._truth = truth
        self._per_minute = per_minute

    async def moved(self, served: Served) -> tuple[Moved, ...]:
        """Return the routes that would move, in the order of the file; those that are new or gone come last."""
        config, flags, overrides = self._truth.config, self._truth.flags, self._truth.overrides
        # Because thousands of routes take a while, they are looked at beside the loop, which has guards to judge by.
        before = await asyncio.to_thread(_shares, config, flags, overrides)
        after = await asyncio.to_thread(
            _shares, served.config or config, served.flags or flags, served.overrides or overrides
        )
        # Because what no route names is the monolith's.
        stand = ((name, before.get(name, 0), after.get(name, 0)) for name in {**before, **after})
        return tuple([self._moved(name, old, new) async for name, old, new in paced(stand) if old != new])

    def _moved(self, name: str, before_bp: int | None, after_bp: int | None) -> Moved:
        rates = self._per_minute(name)
        if rates is None:
            return _unknown(name, before_bp, after_bp)
        total, extracted = sum(rates), rates[1]
        return Moved(
            route=name,
            before_bp=before_bp,
            after_bp=after_bp,
            per_minute=round(total, 3),
            # Because no share says what keys of their own stages do, what was counted must do.
            extracted_before=round(extracted if before_bp is None else total * before_bp / FULL_SHARE, 3),
            extracted_after=None if after_bp is None else round(total * after_bp / FULL_SHARE, 3),
        )


def _unknown(name: str, before_bp: int | None, after_bp: int | None) -> Moved:
    return Moved(
        route=name,
        before_bp=before_bp,
        after_bp=after_bp,
        per_minute=None,
        extracted_before=None,
        extracted_after=None,
    )


def _shares(config: Config, flags: FlagData, overrides: Overrides) -> Mapping[str, int | None]:
    shares, caps = Shares().of(config, flags), dict(overrides.caps)
    return {
        route.name: effective(
            route, shares[route.name], cap=caps.get(route.name), is_killed=overrides.is_killed
        ).share_bp
        for route in config.routes
    }
