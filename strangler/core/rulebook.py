"""Rulebooks: the rules of a route, looked up by place while a document is walked.

Every path is followed at once: a node stands for all that the paths have in common at a place, and knows the nodes
below it. What is below no path has no node, and costs nothing.
"""

import json
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import Final, cast

from strangler.core.comparison import MAX_DEPTH, Json
from strangler.core.document import Repeated, exact
from strangler.core.jsonpath import State, advance, hits, start
from strangler.core.rewrite import IGNORED, Ignore, Rule, Unordered, settle


class Node:
    """The rules of a place, and the way down from it."""

    __slots__ = ("_below", "_book", "is_ignored", "rules", "state", "unordered")

    def __init__(self, book: "Rulebook", state: State, rules: tuple[Rule, ...]) -> None:
        self._book = book
        self._below: dict[str | int | None, Node | None] = {}
        self.state: Final = state
        self.rules: Final = rules
        self.is_ignored: Final = any(type(rule) is Ignore for rule in rules)
        """Whether nothing at the place matters."""
        self.unordered: Final = next((rule for rule in rules if type(rule) is Unordered), None)
        """The rule that lets the list at the place have any order."""

    def below(self, key: str | int) -> "Node | None":
        """Return the node of a member or element; None if no path leads there or further."""
        known = key if key in self._book.named else _OTHERS[type(key) is int]
        try:
            return self._below[known]
        except KeyError:
            found = self._below[known] = self._book.node(self.state, key)
            return found


class Rulebook:
    """Rules, and the nodes that were come by; one is made for one comparison, because documents say how many."""

    __slots__ = ("_nodes", "_paths", "_rules", "named", "root")

    def __init__(self, rules: tuple[Rule, ...] = ()) -> None:
        self._rules = rules
        self._paths = tuple(rule.path for rule in rules)
        self._nodes: dict[State, Node] = {}
        self.named = frozenset(step.key for path in self._paths for step in path.steps if step.key is not None)
        """Every member and index that a path names. All others are alike to all paths."""
        self.root = self._node(start(self._paths))
        """The node of the document itself."""

    def node(self, state: State, key: str | int) -> Node | None:
        """Return the node one level down."""
        return self._node(advance(self._paths, state, key))

    def _node(self, state: State) -> Node | None:
        if not state:
            return None
        found = self._nodes.get(state)
        if found is None:
            rules = tuple(self._rules[index] for index in hits(self._paths, state))
            found = self._nodes[state] = Node(self, state, rules)
        return found


_OTHERS: tuple[None, int] = (None, -1)
"""What stands for a name, and for an index, that no path names; no document and no path has them."""


def normalise(value: Json, rules: tuple[Rule, ...]) -> Json:
    """Return a document as the rules see it: ignored members gone, values settled, unordered lists sorted."""
    return _normalised(value, Rulebook(rules).root, 0)


def key_of(value: Json, node: Node | None, depth: int) -> str:
    """Return a text that is the same for values that the rules hold for the same.

    It is nearly exact: only a value made to look like another has its text, so what it pairs is compared as well.
    """
    return _text(_normalised(value, node, depth))


def _normalised(value: Json, node: Node | None, depth: int) -> Json:
    if node is None:
        return value
    if depth > MAX_DEPTH:
        raise RecursionError
    if node.is_ignored:
        return IGNORED
    if isinstance(value, list):
        settled = [_normalised(inner, node.below(index), depth + 1) for index, inner in enumerate(value)]
        if node.unordered is not None:
            settled.sort(key=_text)
        return settled
    if isinstance(value, dict):
        pairs = list(value.pairs) if isinstance(value, Repeated) else list(value.items())
        kept = [(name, inner, below) for name, inner in pairs if not is_ignored(below := node.below(name))]
        told = [(name, _normalised(inner, below, depth + 1)) for name, inner, below in kept]
        return Repeated(told) if isinstance(value, Repeated) else dict(told)
    return settle(exact(value), node.rules)


def is_ignored(node: Node | None) -> bool:
    """Return whether nothing at a place matters."""
    return node is not None and node.is_ignored


_EXACT = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX)


def _number(value: object) -> object:
    value = exact(cast(Json, value))
    # Because a lone surrogate stands in hardly any text, this is hardly any string.
    return f"\ud800{_EXACT.normalize(value)}" if isinstance(value, Decimal) else value


_text = json.JSONEncoder(sort_keys=True, check_circular=False, default=_number).encode
