"""The last hour: recorded shapes in bounded memory, the requests of equal form together.

It is kept in twelfths. What is of one form is one row with a number of requests and a list of places; a list that has
become too long keeps every second one. Time is an argument.
"""

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import floor

from strangler.core.decide import Reason
from strangler.core.migration import Stage
from strangler.core.model import FULL_SHARE, Side
from strangler.core.shapes import NO_PLACE, Shape

SLOT_S = 300.0
SLOTS = 12
MOST_FORMS = 2_048
"""Of one twelfth; the requests of more are counted as one number. A form takes about 600 bytes, and its places 1 KB."""
MOST_PLACES = 512
"""Of one form in a twelfth: half of it is always kept, 3,072 in an hour, and a share of 2 % is told to within half a
percent of the requests."""
MOST_HOSTS = 64
"""Hosts that are told apart in a twelfth; in place of others is nothing, which routes for any host take."""

_NONE = (1 << 14) - 1
_HELD = 2
_UNKNOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What requests have in common that one row stands for; the fields are as those of a shape."""

    method: str
    host: str
    paths: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]
    sources: tuple[str, ...]
    route: str
    cohort: str
    source: str
    stage: Stage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where one sampled request stood."""

    place: int
    """In basis points; -1 for one without a key."""
    side: Side | None
    """Where its flag sent it; None if that is not known, or not by the flags as they are now."""
    is_held: bool = False
    """Whether its flag gave it away, and `rollback.hold_back` kept it on the monolith."""


class Row:
    """The requests of one form within a twelfth of the hour."""

    __slots__ = ("_places", "_skipped", "_stale", "_stride", "form", "requests", "sampled")

    def __init__(self, form: Form) -> None:
        self.form = form
        self.requests = 0.0
        self.sampled = 0
        self._places = array("H")
        self._stale = 0
        """So many of the first places have a side that is not known any more."""
        self._stride = 1
        self._skipped = 0

    def add(self, spot: Spot, weight: float) -> None:
        """Count a sample that stands for so many requests."""
        self.requests += weight
        self.sampled += 1
        self._skipped += 1
        if self._skipped < self._stride:
            return
        self._skipped = 0
        if len(self._places) >= MOST_PLACES:
            self._places = self._places[::2]
            self._stale = (self._stale + 1) // 2
            self._stride *= 2
        self._places.append(_packed(spot))

    def spots(self) -> tuple[Spot, ...]:
        """Return the places that were kept; each stands for as many of the requests."""
        stale = self._stale
        return tuple(_unpacked(packed, is_stale=index < stale) for index, packed in enumerate(self._places))

    def groups(self, cuts: Iterable[int]) -> Iterator[tuple[Spot, int]]:
        """Yield how many of the places that were kept are alike, and one of them.

        Alike are those with the same side that no cut separates; a cut is the first place of what is above it.
        """
        fresh = self._places[self._stale :]
        # Because sorting is done at once, and what follows for each group alone, a million places take no second.
        packed = sorted([*fresh, *(place | _UNKNOWN << 14 for place in self._places[: self._stale])])
        edges = sorted({*cuts, 0, FULL_SHARE, _NONE})
        start = 0
        for side in range(_UNKNOWN + 1):
            for edge in (*edges[1:], _NONE + 1):
                end = bisect_left(packed, edge | side << 14 if edge <= _NONE else (side + 1) << 14, lo=start)
                if end > start:
                    yield _unpacked(packed[start], is_stale=False), end - start
                start = end

    def copied(self) -> "Row":
        """Return a copy that does not change."""
        copy = Row(self.form)
        copy.requests, copy.sampled, copy._places, copy._stale = (
            self.requests,
            self.sampled,
            self._places[:],
            self._stale,
        )
        return copy

    def forget_sides(self) -> None:
        """Hold no side for known any more."""
        # Because this is done for all forms at once, in the process that guards judge in, it is one number each.
        self._stale = len(self._places)


class _Slot:
    __slots__ = ("hosts", "number", "rows")

    def __init__(self, number: int) -> None:
        self.number = number
        self.rows: dict[Form, Row] = {}
        self.hosts: set[str] = set()


class Hour:
    """What was recorded within the last hour, or up to a twelfth of it less."""

    def __init__(self) -> None:
        self._slots: deque[_Slot] = deque()
        self._began: float | None = None
        self._now = 0.0
        self.uncounted = 0.0
        """Requests of forms that found no room, since the start."""

    def add(self, shape: Shape, path: str, *, now: float, weight: float, is_current: bool) -> None:
        """Take a sample that stands for so many requests. `path` is what is kept of the shape's first one; without
        `is_current`, flags were others when it was decided."""
        slot = self._slot(now)
        if shape.host not in slot.hosts and len(slot.hosts) < MOST_HOSTS:
            slot.hosts.add(shape.host)
        form = Form(
            method=shape.method,
            host=shape.host if shape.host in slot.hosts else "",
            paths=(path, *shape.paths[1:]) if shape.is_proof else (path,),
            fields=shape.fields,
            sources=shape.sources,
            route=shape.route,
            cohort=shape.cohort,
            source=shape.source,
            stage=shape.stage,
        )
        row = slot.rows.get(form)
        if row is None:
            if len(slot.rows) >= MOST_FORMS:
                self.uncounted += weight
                return
            row = slot.rows[form] = Row(form)
        is_held = is_current and shape.reason == Reason.HOLD_BACK
        is_by_flag = is_held or (is_current and shape.reason.startswith("flag_"))
        row.add(Spot(place=shape.place, side=shape.side if is_by_flag else None, is_held=is_held), weight)

    def rows(self, now: float) -> Iterator[Row]:
        """Yield what is within the last hour."""
        self._forget(now)
        for slot in self._slots:
            yield from slot.rows.values()

    def since(self, now: float) -> float | None:
        """Return when the oldest of it began; None while there is nothing."""
        self._forget(now)
        if not self._slots or self._began is None:
            return None
        return max(self._slots[0].number * SLOT_S, self._began)

    def forget_sides(self) -> None:
        """Hold no side for known any more, because flags are others now."""
        for slot in self._slots:
            for row in slot.rows.values():
                row.forget_sides()

    def _slot(self, now: float) -> _Slot:
        number = self._forget(now)
        if self._began is None:
            self._began = now
        if not self._slots or self._slots[-1].number != number:
            self._slots.append(_Slot(number))
        return self._slots[-1]

    def _forget(self, now: float) -> int:
        # Because a clock that went back must not fill slots that are over, it counts as one that stood still.
        self._now = max(self._now, now)
        number = floor(self._now / SLOT_S)
        while self._slots and self._slots[0].number <= number - SLOTS:
            self._slots.popleft()
        return number


def _packed(spot: Spot) -> int:
    side = _UNKNOWN if spot.side is None else _HELD if spot.is_held else int(spot.side is Side.EXTRACTED)
    return (_NONE if spot.place == NO_PLACE else spot.place) | side << 14


def _unpacked(packed: int, *, is_stale: bool) -> Spot:
    place, side = packed & _NONE, _UNKNOWN if is_stale else packed >> 14
    return Spot(
        place=NO_PLACE if place == _NONE else place,
        side=None if side == _UNKNOWN else Side.EXTRACTED if side == 1 else Side.LEGACY,
        is_held=side == _HELD,
    )
