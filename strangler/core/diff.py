"""Differences of two JSON documents, by structure.

Types are kept apart: `1` is not `1.0`, `true` is not `1`, null is not absent. Members have no order, elements do. Where
no rule applies, equal values cost one look each, and no path is written down until something differs.
"""

from collections import Counter, defaultdict
from typing import Any, NamedTuple, TypeAlias

from strangler.core.comparison import MAX_DEPTH, MAX_DIFFERENCES, Difference, Json, Kind, Place
from strangler.core.document import Repeated
from strangler.core.jsonpath import State
from strangler.core.rewrite import Rule, Unordered, are_alike
from strangler.core.rulebook import NOWHERE, Rulebook, key_of

Trail: TypeAlias = "tuple[Trail, str | int] | None"
"""A place as it is walked to, innermost key first; cheaper than a tuple that grows."""

MAX_MATCHED = 400_000
"""Values that are looked at to tell another order from other values, about a second; beyond it lists are in order."""

_ABSENT: Any = object()


class Differences(NamedTuple):
    """What differs, and whether there was more."""

    found: tuple[Difference, ...]
    is_cut: bool


class _Full(Exception):  # noqa: N818 -- because it is no error: enough was found.
    pass


def diff(primary: Json, shadow: Json, rules: tuple[Rule, ...] = (), *, matches: int = MAX_MATCHED) -> Differences:
    """Return what differs and is not explained by the rules; raise RecursionError beyond MAX_DEPTH levels.

    `matches` bounds the values that are looked at to find the elements of a list elsewhere in it.
    """
    walk = _Walk(Rulebook(rules), matches)
    is_cut = False
    try:
        walk.compare(primary, shadow, None, walk.book.root, 0)
    except _Full:
        is_cut = True
    return Differences(tuple(walk.found), is_cut)


class _Walk:
    __slots__ = ("book", "budget", "found")

    def __init__(self, book: Rulebook, budget: int) -> None:
        self.book = book
        self.budget = budget
        self.found: list[Difference] = []

    def compare(self, one: Json, other: Json, trail: Trail, state: State, depth: int) -> None:
        """Compare any two values at a place."""
        if state and self.book.is_ignored(state):
            return
        if isinstance(one, dict) and isinstance(other, dict):
            self._objects(one, other, trail, state, depth + 1)
        elif isinstance(one, list) and isinstance(other, list):
            self._lists(one, other, trail, state, depth + 1)
        elif isinstance(one, dict | list) or isinstance(other, dict | list):
            self._tell(Kind.TYPE, trail, one, other)
        elif (type(one) is not type(other) or one != other) and not (
            state and are_alike(one, other, self.book.at(state))
        ):
            self._tell(Kind.VALUE if type(one) is type(other) else Kind.TYPE, trail, one, other)

    def _objects(self, one: dict[str, Json], other: dict[str, Json], trail: Trail, state: State, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise RecursionError
        if isinstance(one, Repeated) or isinstance(other, Repeated):
            self._repeated(one, other, trail, state, depth)
            return
        met = 0
        below = NOWHERE
        for name, value in one.items():
            against = other.get(name, _ABSENT)
            if against is _ABSENT:
                if not (state and self.book.is_ignored(self.book.below(state, name))):
                    self._tell(Kind.MISSING, (trail, name), value, None)
                continue
            met += 1
            kind = type(value)
            if kind is not type(against) or kind is dict or kind is list or value != against:
                if state:
                    below = self.book.below(state, name)
                self.compare(value, against, (trail, name), below, depth)
        if met == len(other):
            return
        for name, value in other.items():
            if name not in one and not (state and self.book.is_ignored(self.book.below(state, name))):
                self._tell(Kind.EXTRA, (trail, name), None, value)

    def _repeated(self, one: dict[str, Json], other: dict[str, Json], trail: Trail, state: State, depth: int) -> None:
        """Compare objects of which one has a name twice: every value that stands under a name, in order."""
        for name in dict.fromkeys((*one, *other)):
            below = self.book.below(state, name) if state else NOWHERE
            if below and self.book.is_ignored(below):
                continue
            ours, theirs = _under(one, name), _under(other, name)
            if not theirs:
                self._tell(Kind.MISSING, (trail, name), ours[-1], None)
            elif not ours:
                self._tell(Kind.EXTRA, (trail, name), None, theirs[-1])
            elif len(ours) != len(theirs):
                self._tell(Kind.DUPLICATE, (trail, name), len(ours), len(theirs))
            else:
                for value, against in zip(ours, theirs, strict=True):
                    self.compare(value, against, (trail, name), below, depth)

    def _lists(self, one: list[Json], other: list[Json], trail: Trail, state: State, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise RecursionError
        unordered = self.book.unordered(state) if state else None
        if len(one) != len(other) and unordered is None:
            self._tell(Kind.LENGTH, trail, len(one), len(other))
            return
        before, is_full = len(self.found), False
        if len(one) == len(other):
            try:
                self._in_order(one, other, trail, state, depth)
            except _Full:
                is_full = True
            if not is_full and len(self.found) == before:
                return
        if unordered is not None and self._may_match(one, other):
            del self.found[before:]
            self._unordered(one, other, unordered, trail, state, depth)
        elif len(one) != len(other):
            self._tell(Kind.LENGTH, trail, len(one), len(other))
        elif unordered is None and self._is_permutation(one, other, state, depth):
            del self.found[before:]
            self._tell(Kind.ORDER, trail, one, other)
        elif is_full:
            raise _Full

    def _in_order(self, one: list[Json], other: list[Json], trail: Trail, state: State, depth: int) -> None:
        below = NOWHERE
        for index, (value, against) in enumerate(zip(one, other, strict=True)):
            kind = type(value)
            if kind is not type(against) or kind is dict or kind is list or value != against:
                if state:
                    below = self.book.below(state, index)
                self.compare(value, against, (trail, index), below, depth)

    def _may_match(self, one: list[Json], other: list[Json]) -> bool:
        """Return whether elements may still be looked for elsewhere, so that no document costs more than so much."""
        self.budget -= _size(one, self.budget) + _size(other, self.budget)
        return self.budget >= 0

    def _is_permutation(self, one: list[Json], other: list[Json], state: State, depth: int) -> bool:
        if len(one) < 2 or not (state or _has_moved(one, other)):
            # Because this is what most lists with a difference are, and it takes no time.
            return False
        if not self._may_match(one, other):
            return False
        return Counter(self._keys(one, state, depth)) == Counter(self._keys(other, state, depth))

    def _unordered(
        self, one: list[Json], other: list[Json], rule: Unordered, trail: Trail, state: State, depth: int
    ) -> None:
        """Pair the elements of two lists, and compare what is paired."""
        waiting: dict[str, list[int]] = defaultdict(list)
        for index, key in reversed(list(enumerate(self._keys(other, state, depth, rule.by)))):
            waiting[key].append(index)
        pairs: list[tuple[int, int]] = []
        left: list[int] = []
        for index, key in enumerate(self._keys(one, state, depth, rule.by)):
            if waiting[key]:
                pairs.append((index, waiting[key].pop()))
            else:
                left.append(index)
        extra = sorted(index for indexes in waiting.values() for index in indexes)
        if rule.by is None:
            paired = min(len(left), len(extra))
            pairs += zip(left[:paired], extra[:paired], strict=True)
            left, extra = left[paired:], extra[paired:]
        for index, position in pairs:
            self.compare(one[index], other[position], (trail, index), self._below(state, index), depth)
        for index in left:
            self._tell(Kind.MISSING, (trail, index), one[index], None)
        for index in extra:
            self._tell(Kind.EXTRA, (trail, index), None, other[index])

    def _keys(self, values: list[Json], state: State, depth: int, by: str | None = None) -> list[str]:
        keys = []
        for index, value in enumerate(values):
            below = self._below(state, index)
            if by is not None and isinstance(value, dict) and by in value:
                value, below = value[by], self._below(below, by)
            keys.append(key_of(value, self.book, below, depth))
        return keys

    def _below(self, state: State, key: str | int) -> State:
        return self.book.below(state, key) if state else NOWHERE

    def _tell(self, kind: Kind, trail: Trail, primary: Json, shadow: Json) -> None:
        if len(self.found) >= MAX_DIFFERENCES:
            raise _Full
        self.found.append(Difference(kind=kind, place=_place(trail), primary=primary, shadow=shadow))


def _has_moved(one: list[Json], other: list[Json]) -> bool:
    """Return whether the first element that differs from what stands in its place stands somewhere else, at least.

    Equality is Python's here, which takes more for equal than ours does.
    """
    moved = next((value for value, against in zip(one, other, strict=True) if value != against), _ABSENT)
    return moved is _ABSENT or moved in other


def _under(value: dict[str, Json], name: str) -> list[Json]:
    if isinstance(value, Repeated):
        return value.under(name)
    return [value[name]] if name in value else []


def _place(trail: Trail) -> Place:
    keys: list[str | int] = []
    while trail is not None:
        trail, key = trail
        keys.append(key)
    return tuple(reversed(keys))


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
