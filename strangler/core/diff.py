"""Differences of two JSON documents, by structure.

Types are kept apart: `1` is not `1.0`, `true` is not `1`, null is not absent. Members have no order, elements do.
Because the numbers of a document are as they are written (core.document.read_json), Python's own `==` tells what is the
same in no time. Only what it does not hold for the same is walked, and no rule is looked at anywhere else.
"""

from typing import Any, NamedTuple, TypeAlias

from strangler.core.comparison import MAX_DEPTH, MAX_DIFFERENCES, Difference, Json, Kind, Place
from strangler.core.document import Repeated, exact
from strangler.core.matching import MAX_MATCHED, Matcher, Pairing
from strangler.core.rewrite import Rule, are_alike
from strangler.core.rulebook import Node, Rulebook, is_ignored

Trail: TypeAlias = "tuple[Trail, str | int] | None"
"""A place as it is walked to, innermost key first; cheaper than a tuple that grows."""

_ABSENT: Any = object()
_CONTAINERS = (dict, list)


class Differences(NamedTuple):
    """What differs, and whether there was more."""

    found: tuple[Difference, ...]
    is_cut: bool


class _Full(Exception):  # noqa: N818 -- because it is no error: enough was found.
    pass


def diff(primary: Json, shadow: Json, rules: tuple[Rule, ...] = (), *, matches: int = MAX_MATCHED) -> Differences:
    """Return what differs and is not explained by the rules, of documents whose numbers are as they are written.

    Raises RecursionError where a difference is beyond MAX_DEPTH levels. `matches` bounds what is looked at to find the
    elements of a list elsewhere in it.
    """
    walk = _Walk(matches)
    is_cut = False
    try:
        if primary != shadow:
            walk.compare(primary, shadow, None, Rulebook(rules).root, 0)
    except _Full:
        is_cut = True
    return Differences(tuple(walk.found), is_cut)


class _Walk:
    __slots__ = ("found", "matcher")

    def __init__(self, matches: int) -> None:
        self.matcher = Matcher(matches)
        self.found: list[Difference] = []

    def compare(self, one: Json, other: Json, trail: Trail, node: Node | None, depth: int) -> None:
        """Compare two values that are not written the same."""
        if node is not None and node.is_ignored:
            return
        if not isinstance(one, _CONTAINERS) and not isinstance(other, _CONTAINERS):
            # Because most of what differs is text, exact() is not asked each time.
            ours = exact(one) if type(one) is bytes else one
            theirs = exact(other) if type(other) is bytes else other
            self._scalars(ours, theirs, trail, node)
        elif isinstance(one, dict) and isinstance(other, dict):
            self._objects(one, other, trail, node, depth + 1)
        elif isinstance(one, list) and isinstance(other, list):
            self._lists(one, other, trail, node, depth + 1)
        else:
            self._tell(Kind.TYPE, trail, exact(one), exact(other))

    def _scalars(self, one: Json, other: Json, trail: Trail, node: Node | None) -> None:
        is_typed = type(one) is type(other)
        if not (is_typed and one == other) and not (node is not None and are_alike(one, other, node.rules)):
            self._tell(Kind.VALUE if is_typed else Kind.TYPE, trail, one, other)

    def _objects(
        self, one: dict[str, Json], other: dict[str, Json], trail: Trail, node: Node | None, depth: int
    ) -> None:
        if depth > MAX_DEPTH:
            raise RecursionError
        if isinstance(one, Repeated) or isinstance(other, Repeated):
            self._repeated(one, other, trail, node, depth)
            return
        missing = 0
        for name, value in one.items():
            against = other.get(name, _ABSENT)
            if value == against:
                continue
            missing += against is _ABSENT
            below = None if node is None else node.below(name)
            if below is not None and below.is_ignored:
                continue
            if against is _ABSENT:
                self._tell(Kind.MISSING, (trail, name), exact(value), None)
            else:
                self.compare(value, against, (trail, name), below, depth)
        if len(one) - missing == len(other):
            return
        for name, value in other.items():
            if name not in one and not (node is not None and is_ignored(node.below(name))):
                self._tell(Kind.EXTRA, (trail, name), None, exact(value))

    def _repeated(
        self, one: dict[str, Json], other: dict[str, Json], trail: Trail, node: Node | None, depth: int
    ) -> None:
        """Compare objects of which one has a name twice: every value that stands under a name, in order."""
        for name in dict.fromkeys((*one, *other)):
            below = None if node is None else node.below(name)
            if is_ignored(below):
                continue
            ours, theirs = _under(one, name), _under(other, name)
            if not theirs:
                self._tell(Kind.MISSING, (trail, name), exact(ours[-1]), None)
            elif not ours:
                self._tell(Kind.EXTRA, (trail, name), None, exact(theirs[-1]))
            elif len(ours) != len(theirs):
                self._tell(Kind.DUPLICATE, (trail, name), len(ours), len(theirs))
            else:
                for value, against in zip(ours, theirs, strict=True):
                    if value != against:
                        self.compare(value, against, (trail, name), below, depth)

    def _lists(self, one: list[Json], other: list[Json], trail: Trail, node: Node | None, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise RecursionError
        unordered = None if node is None else node.unordered
        if len(one) != len(other) and unordered is None:
            self._tell(Kind.LENGTH, trail, len(one), len(other))
            return
        before, is_full = len(self.found), False
        if len(one) == len(other):
            try:
                self._in_order(one, other, trail, node, depth)
            except _Full:
                is_full = True
            if not is_full and len(self.found) == before:
                return
        if unordered is not None and node is not None:
            pairing = self.matcher.pair(one, other, unordered, node, depth)
            if pairing is not None:
                del self.found[before:]
                self._paired(one, other, pairing, trail, node, depth)
                return
        if len(one) != len(other):
            self._tell(Kind.LENGTH, trail, len(one), len(other))
        elif unordered is None and self.matcher.is_permutation(one, other, node, depth):
            del self.found[before:]
            self._tell(Kind.ORDER, trail, one, other)
        elif is_full:
            raise _Full

    def _in_order(self, one: list[Json], other: list[Json], trail: Trail, node: Node | None, depth: int) -> None:
        for index, (value, against) in enumerate(zip(one, other, strict=True)):
            if value != against:
                self.compare(value, against, (trail, index), None if node is None else node.below(index), depth)

    def _paired(
        self, one: list[Json], other: list[Json], pairing: Pairing, trail: Trail, node: Node, depth: int
    ) -> None:
        for index, position in pairing.pairs:
            if one[index] != other[position]:
                self.compare(one[index], other[position], (trail, index), node.below(index), depth)
        for index in pairing.missing:
            self._tell(Kind.MISSING, (trail, index), exact(one[index]), None)
        for index in pairing.extra:
            self._tell(Kind.EXTRA, (trail, index), None, exact(other[index]))

    def _tell(self, kind: Kind, trail: Trail, primary: Json, shadow: Json) -> None:
        if len(self.found) >= MAX_DIFFERENCES:
            raise _Full
        self.found.append(Difference(kind=kind, place=_place(trail), primary=primary, shadow=shadow))


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
