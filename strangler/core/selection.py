"""Selection: which recordings of a route are kept, so that they are few and stand for all.

Each has a shape and an id. Where there are too many, the shape that has the most gives one up, so a rare shape keeps
what it has while a frequent one is thinned out. Within a shape those of the lowest ids stay; where an id is a digest
keyed by a secret, they are a random sample of its requests. As long as only their number is too high, what is kept
depends on what came, not on the order in which it came.
"""

from bisect import insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from strangler.core.shadowing import Record

REFRESH_SHARE = 0.1
"""Of the time to keep; a request that comes again is recorded anew once its recording is older than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the selection knows of one recording."""

    id: str
    """The same for the same request; a digest, all of one length."""
    shape: str
    size: int
    """Bytes."""
    at: float
    """When it was recorded, in seconds."""


class Selection:
    """The recordings of one route, without what is in them."""

    def __init__(self, kept: Iterable[Kept] = ()) -> None:
        self._kept: dict[str, Kept] = {}
        self._shapes: dict[str, list[str]] = {}
        """Ids by shape, the lowest first."""
        self._bytes: dict[str, int] = {}
        """By shape."""
        for one in kept:
            self._add(one)

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Kept]:
        return iter(self._kept.values())

    def wants(self, new: Kept, limits: Record) -> bool:
        """Return False where a recording would surely not be taken, at the cost of a look."""
        former = self._kept.get(new.id)
        if former is not None:
            return new.at - former.at >= limits.for_s * REFRESH_SHARE
        if new.size > limits.most_bytes:
            return False
        if len(self._kept) < limits.keep:
            return True
        most = max(map(len, self._shapes.values()))
        own = len(self._shapes.get(new.shape, ())) + 1
        if own < most:
            return True
        # Because it makes its shape one of the largest, or the largest, the highest id of these goes.
        rivals = [ids[-1] for shape, ids in self._shapes.items() if len(ids) == most and (own == most)]
        return new.id < max((*rivals, *self._shapes.get(new.shape, [])[-1:]), default="")

    def offer(self, new: Kept, limits: Record) -> tuple[str, ...] | None:
        """Take a recording and return the ids of those that it takes the place of; None if it is not taken.

        One that came before is taken again once it is old.
        """
        former = self._kept.get(new.id)
        if former is not None:
            if new.at - former.at < limits.for_s * REFRESH_SHARE:
                return None
            self._remove(former.id)
        self._add(new)
        gone = self._thin(limits)
        if any(one.id == new.id for one in gone):
            for one in gone:
                self._add(one)
            self._remove(new.id)
            if former is not None:
                self._add(former)
            return None
        return tuple(one.id for one in gone)

    def trim(self, limits: Record, now: float) -> tuple[str, ...]:
        """Let go of what is too old or too much, and return its ids."""
        old = [one for one in self._kept.values() if one.at <= now - limits.for_s]
        for one in old:
            self._remove(one.id)
        return tuple(one.id for one in (*old, *self._thin(limits)))

    def _thin(self, limits: Record) -> list[Kept]:
        gone = []
        while len(self._kept) > limits.keep:
            gone.append(self._remove(self._last_of({shape: len(ids) for shape, ids in self._shapes.items()})))
        while sum(self._bytes.values()) > limits.most_bytes:
            gone.append(self._remove(self._last_of(self._bytes)))
        return gone

    def _last_of(self, sizes: dict[str, int]) -> str:
        """Return the highest id of the shape that has the most; of all those that have."""
        most = max(sizes.values())
        return max(self._shapes[shape][-1] for shape, size in sizes.items() if size == most)

    def _add(self, new: Kept) -> None:
        self._kept[new.id] = new
        insort(self._shapes.setdefault(new.shape, []), new.id)
        self._bytes[new.shape] = self._bytes.get(new.shape, 0) + new.size

    def _remove(self, which: str) -> Kept:
        gone = self._kept.pop(which)
        ids = self._shapes[gone.shape]
        ids.remove(which)
        self._bytes[gone.shape] -= gone.size
        if not ids:
            del self._shapes[gone.shape], self._bytes[gone.shape]
        return gone
