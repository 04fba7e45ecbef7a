"""Matching: which elements of two lists belong together, wherever they stand.

Elements that say the same, byte by byte, are found by a cheap print of each. Only the others are rewritten as the rules
see them. All of it is bounded, so that no document costs more than so much.
"""

import marshal
from collections import Counter, defaultdict
from typing import Any, NamedTuple, TypeAlias

from strangler.core.comparison import Json
from strangler.core.rewrite import Unordered
from strangler.core.rulebook import Node, key_of

MAX_MATCHED = 64 * 1_048_576
"""Bytes that are looked at, as marshal writes them, well under a second; beyond it lists are in order. Two documents of
8 MiB (core.content.MAX_BYTES) take some 20 MiB, and what has to be rewritten counts for much more."""

_REWRITING = 256
"""What rewriting one value costs, in bytes that could be looked at in its place."""
Key: TypeAlias = str | bytes
"""The same for elements that belong together; bytes for a number that no rule is about."""

_FORMAT = 0
"""Because later formats of marshal write the same value in several ways."""


class Pairing(NamedTuple):
    """Elements that have to be compared, and those that nothing belongs to; what is identical is not told."""

    pairs: list[tuple[int, int]]
    missing: list[int]
    extra: list[int]


class Matcher:
    """Looks for elements elsewhere, as long as its budget lasts."""

    __slots__ = ("_left",)

    def __init__(self, budget: int = MAX_MATCHED) -> None:
        self._left = budget

    def pair(self, one: list[Json], other: list[Json], rule: Unordered, node: Node, depth: int) -> Pairing | None:
        """Return which elements of two lists of any order belong together; None if looking would cost too much."""
        rest = self._rest(one, other) if rule.by is None else _moved(one, other)
        if rest is None:
            return None
        ours = self._keys(one, rest[0], node, depth, rule.by)
        theirs = None if ours is None else self._keys(other, rest[1], node, depth, rule.by)
        if ours is None or theirs is None:
            return None
        waiting: dict[Key, list[int]] = defaultdict(list)
        for index, key in reversed(list(zip(rest[1], theirs, strict=True))):
            waiting[key].append(index)
        pairs: list[tuple[int, int]] = []
        left: list[int] = []
        for index, key in zip(rest[0], ours, strict=True):
            if waiting[key]:
                pairs.append((index, waiting[key].pop()))
            else:
                left.append(index)
        extra = sorted(index for indexes in waiting.values() for index in indexes)
        paired = min(len(left), len(extra)) if rule.by is None else 0
        return Pairing([*pairs, *zip(left[:paired], extra[:paired], strict=True)], left[paired:], extra[paired:])

    def is_permutation(self, one: list[Json], other: list[Json], node: Node | None, depth: int) -> bool:
        """Return whether two lists of one length have the same elements in another order."""
        if len(one) < 2 or (node is None and not _has_moved(one, other)):
            # Because this is what most lists with a difference are, and it takes no time.
            return False
        rest = self._rest(one, other)
        if rest is None:
            return False
        ours = self._keys(one, rest[0], node, depth)
        theirs = None if ours is None else self._keys(other, rest[1], node, depth)
        return ours is not None and theirs is not None and Counter(ours) == Counter(theirs)

    def _rest(self, one: list[Json], other: list[Json]) -> tuple[list[int], list[int]] | None:
        """Return the elements of each list that have no twin in the other."""
        if self._left <= 0:
            return None
        ours, theirs = _moved(one, other)
        prints, others = self._prints(one, ours), self._prints(other, theirs)
        if prints is None or others is None:
            return ours, theirs
        if self._left < 0 or sorted(prints) == sorted(others):
            return None if self._left < 0 else ([], [])
        waiting: dict[bytes, list[int]] = defaultdict(list)
        for index, text in zip(reversed(theirs), reversed(others), strict=True):
            waiting[text].append(index)
        left = []
        for index, text in zip(ours, prints, strict=True):
            if same := waiting.get(text):
                same.pop()
            else:
                left.append(index)
        return left, sorted(index for indexes in waiting.values() for index in indexes)

    def _prints(self, values: list[Any], indexes: list[int]) -> list[bytes] | None:
        """Return a text for each element, the same for what says the same alone; None if there is none for one."""
        try:
            prints = [marshal.dumps(values[index], _FORMAT) for index in indexes]
        except ValueError:
            # Because marshal writes no object that has a name twice.
            return None
        self._left -= sum(map(len, prints))
        return prints

    def _keys(
        self, values: list[Json], indexes: list[int], node: Node | None, depth: int, by: str | None = None
    ) -> list[Key] | None:
        """Return the key of each of these elements; None if that would cost too much."""
        keys: list[Key] = []
        for index in indexes:
            value, below = values[index], None if node is None else node.below(index)
            if by is not None and isinstance(value, dict) and by in value:
                value, below = value[by], None if below is None else below.below(by)
            if below is None and type(value) is bytes and value.isdigit():
                # Because this is what most lists have their elements by, and it is its own key.
                keys.append(value)
                continue
            self._left -= _REWRITING * _size(value, max(0, self._left) // _REWRITING)
            if self._left < 0:
                return None
            keys.append(key_of(value, below, depth))
        return keys


def _moved(one: list[Json], other: list[Json]) -> tuple[list[int], list[int]]:
    """Return the elements of each list that are not the same as what stands in their place in the other."""
    moved = [index for index, (value, against) in enumerate(zip(one, other, strict=False)) if value != against]
    shorter = min(len(one), len(other))
    return [*moved, *range(shorter, len(one))], [*moved, *range(shorter, len(other))]


def _has_moved(one: list[Json], other: list[Json]) -> bool:
    """Return whether the first element that differs from what stands in its place stands somewhere else."""
    return next(value for value, against in zip(one, other, strict=True) if value != against) in other


def _size(value: Json, most: int) -> int:
    """Return how many values there are in a value, or some number above `most`."""
    waiting, count = [value], 0
    while waiting and count <= most:
        inner = waiting.pop()
        count += 1
        if isinstance(inner, list):
            waiting += inner
        elif isinstance(inner, dict):
            waiting += inner.values()
    return count
