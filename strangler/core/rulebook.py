"""Rulebooks: the rules of a route, looked up by place while a document is walked.

Every path is followed at once. What is below no path costs nothing, because its state is empty.
"""

import json
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal

from strangler.core.comparison import MAX_DEPTH, Json
from strangler.core.document import Repeated
from strangler.core.jsonpath import State, advance, hits, start
from strangler.core.rewrite import IGNORED, Ignore, Rule, Unordered, settle

NOWHERE: State = frozenset()


class Rulebook:
    """Rules, and a memory of the places that were looked up; one is made for one comparison."""

    __slots__ = ("_has_indexes", "_moves", "_paths", "_rules", "_taken", "root")

    def __init__(self, rules: tuple[Rule, ...] = ()) -> None:
        self._rules = rules
        self._paths = tuple(rule.path for rule in rules)
        self._has_indexes = any(type(step.key) is int for path in self._paths for step in path.steps)
        self._moves: dict[tuple[State, str | int], State] = {}
        self._taken: dict[State, tuple[Rule, ...]] = {}
        self.root = start(self._paths)
        """The state of the document itself."""

    def below(self, state: State, key: str | int) -> State:
        """Return the state of a member or element."""
        if type(key) is int and not self._has_indexes:
            key = 0
        found = self._moves.get((state, key))
        if found is None:
            found = self._moves[state, key] = advance(self._paths, state, key)
        return found

    def at(self, state: State) -> tuple[Rule, ...]:
        """Return the rules of a place."""
        found = self._taken.get(state)
        if found is None:
            found = self._taken[state] = tuple(self._rules[index] for index in hits(self._paths, state))
        return found

    def is_ignored(self, state: State) -> bool:
        """Return whether nothing at a place matters."""
        return any(type(rule) is Ignore for rule in self.at(state))

    def unordered(self, state: State) -> Unordered | None:
        """Return the rule that lets the list at a place have any order."""
        return next((rule for rule in self.at(state) if type(rule) is Unordered), None)


def normalise(value: Json, rules: tuple[Rule, ...]) -> Json:
    """Return a document as the rules see it: ignored members gone, values settled, unordered lists sorted."""
    book = Rulebook(rules)
    return _normalised(value, book, book.root, 0)


def key_of(value: Json, book: Rulebook, state: State, depth: int) -> str:
    """Return a text that is the same for values that the rules hold for the same.

    It is nearly exact: only a value made to look like another has its text, so what it pairs is compared as well.
    """
    return _text(_normalised(value, book, state, depth) if state else value)


def _normalised(value: Json, book: Rulebook, state: State, depth: int) -> Json:
    if not state:
        return value
    if depth > MAX_DEPTH:
        raise RecursionError
    if book.is_ignored(state):
        return IGNORED
    if isinstance(value, list):
        settled = [_normalised(inner, book, book.below(state, index), depth + 1) for index, inner in enumerate(value)]
        if book.unordered(state) is not None:
            settled.sort(key=_text)
        return settled
    if isinstance(value, dict):
        pairs = list(value.pairs) if isinstance(value, Repeated) else list(value.items())
        kept = [(name, inner, below) for name, inner in pairs if not book.is_ignored(below := book.below(state, name))]
        told = [(name, _normalised(inner, book, below, depth + 1)) for name, inner, below in kept]
        return Repeated(told) if isinstance(value, Repeated) else dict(told)
    return settle(value, book.at(state))


_EXACT = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX)


def _number(value: object) -> str:
    # Because a lone surrogate stands in hardly any text, this is hardly any string.
    return f"\ud800{_EXACT.normalize(value)}" if isinstance(value, Decimal) else str(value)


_text = json.JSONEncoder(sort_keys=True, check_circular=False, default=_number).encode
