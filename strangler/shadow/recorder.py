"""The recorder: picks the reads of a route that are kept, and holds them until control has taken them to be sealed."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from strangler.core.jsonpath import JsonPath, parse_path
from strangler.core.model import Route
from strangler.core.offer import READS, Offer
from strangler.core.recording import Recording, Skip, id_of, record, shape_of, size_of
from strangler.core.selection import Kept, Selection
from strangler.core.shadowing import Record

MOST_WAITING_BYTES = 8 * 1_048_576
"""Of recordings that control has not taken yet; what comes beyond is not recorded. As much as one body may have."""
_MOST_TOLD_BYTES = 1_048_576
"""In one go, twice a second. Because control writes them to the disk, and judges four times a second besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """News of one route for control: what to keep, what to let go of, and what was not recorded and why."""

    route: str
    epoch: int
    """Of the route's recordings; they begin anew with each that is forgotten."""
    kept: Kept | None = None
    recording: Recording | None = None
    """Both are there, or neither."""
    gone: tuple[str, ...] = ()
    """Ids."""
    skipped: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Recorded:
    """One route."""

    selection: Selection = field(default_factory=Selection)
    epoch: int = 0
    limits: Record | None = None
    redact: tuple[JsonPath, ...] = ()
    skipped: dict[str, int] = field(default_factory=dict)


class Recorder:
    """Records nothing until it has a salt."""

    def __init__(self) -> None:
        self._salt = b""
        self._routes: dict[str, _Recorded] = {}
        self._news: deque[Picked] = deque()
        self.held = 0
        """Bytes of recordings that wait."""

    def begin(self, salt: bytes) -> None:
        """Record from now on; `salt` is a secret, the same over restarts, so that a read keeps its id."""
        self._salt = salt

    def apply(self, routes: Iterable[Route], now: float) -> None:
        """Record by these routes from now on; what is too much for them goes."""
        wanted = {route.name: route.shadow for route in routes if route.shadow is not None}
        for name in self._routes.keys() | wanted.keys():
            shadow = wanted.get(name)
            one = self._routes.setdefault(name, _Recorded())
            one.limits = None if shadow is None else shadow.record
            one.redact = () if shadow is None else tuple(map(parse_path, shadow.redact))
            if one.limits is not None and (gone := one.selection.trim(one.limits, now)):
                self._news.append(Picked(route=name, epoch=one.epoch, gone=gone))

    def recall(self, route: str, epoch: int, kept: Iterable[Kept], now: float) -> None:
        """Go on from what is kept of a route; what was picked before that is let go of."""
        one = self._routes.setdefault(route, _Recorded())
        one.selection, one.epoch = Selection(kept), epoch
        waiting = [news for news in self._news if news.route != route]
        self._news = deque(waiting)
        self.held = sum(news.kept.size for news in waiting if news.kept is not None)
        if one.limits is not None and (gone := one.selection.trim(one.limits, now)):
            self._news.append(Picked(route=route, epoch=epoch, gone=gone))

    def take(self, offer: Offer, result: str, now: float) -> None:
        """Record a read, if it is one of those that are kept."""
        one = self._routes.get(offer.route)
        if one is None or one.limits is None or not self._salt or offer.method not in READS:
            return
        kept = Kept(id=id_of(offer, self._salt), shape=shape_of(offer, result), size=size_of(offer), at=now)
        if kept.size > one.limits.most_bytes:
            self._skip(one, Skip.TOO_LARGE)
            return
        if not one.selection.wants(kept, one.limits):
            return
        if self.held and self.held + kept.size > MOST_WAITING_BYTES:
            self._skip(one, Skip.BUSY)
            return
        made = record(offer, at=now, result=result, redact=one.redact, most_bytes=one.limits.most_bytes)
        if isinstance(made, Skip):
            self._skip(one, made)
            return
        # Because what was packed is stored as plain text where something was taken out of it, many times as large.
        kept = replace(kept, size=made.size)
        if self.held and self.held + kept.size > MOST_WAITING_BYTES:
            self._skip(one, Skip.BUSY)
            return
        old = one.selection.trim(one.limits, now)
        gone = one.selection.offer(kept, one.limits)
        if gone is not None:
            self.held += kept.size
            self._news.append(Picked(route=offer.route, epoch=one.epoch, kept=kept, recording=made, gone=(*old, *gone)))
        elif old:
            self._news.append(Picked(route=offer.route, epoch=one.epoch, gone=old))

    def news(self) -> tuple[Picked, ...]:
        """Return what control has to know next, in order, and no more than it can take in one go."""
        told, size = [], 0
        while self._news and size < _MOST_TOLD_BYTES:
            news = self._news.popleft()
            told.append(news)
            size += 0 if news.kept is None else news.kept.size
        self.held -= size
        for route, one in self._routes.items():
            if one.skipped:
                told.append(Picked(route=route, epoch=one.epoch, skipped=one.skipped))
                one.skipped = {}
        return tuple(told)

    def _skip(self, one: _Recorded, why: Skip) -> None:
        one.skipped[why.value] = one.skipped.get(why.value, 0) + 1
