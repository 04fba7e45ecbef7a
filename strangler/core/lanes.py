"""Lanes: what shares a name goes one after the other, in its order; all else goes side by side."""

from collections import deque
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class Lanes(Generic[Item]):
    """Holds what waits or is under way; each item stands in the lane of each of its names."""

    def __init__(self) -> None:
        self._lanes: dict[Hashable, deque[Item]] = {}
        self._names: dict[Item, frozenset[Hashable]] = {}
        self._behind: dict[Item, int] = {}
        """In how many of its lanes an item has others before it."""
        self._ready: deque[Item] = deque()

    def __len__(self) -> int:
        return len(self._names)

    def add(self, item: Item, names: Iterable[Hashable]) -> None:
        """Put an item behind all that share a name with it."""
        mine = frozenset(names)
        behind = 0
        for name in mine:
            lane = self._lanes.setdefault(name, deque())
            behind += bool(lane)
            lane.append(item)
        self._names[item] = mine
        self._behind[item] = behind
        if not behind:
            self._ready.append(item)

    def take(self) -> Item | None:
        """Return the next item that may go, once; None if none may."""
        return self._ready.popleft() if self._ready else None

    def done(self, item: Item) -> None:
        """Let go of an item that was taken, so that those behind it may go."""
        for name in self._names.pop(item):
            lane = self._lanes[name]
            assert lane[0] == item
            lane.popleft()
            if not lane:
                del self._lanes[name]
                continue
            self._behind[lane[0]] -= 1
            if not self._behind[lane[0]]:
                self._ready.append(lane[0])
        del self._behind[item]
