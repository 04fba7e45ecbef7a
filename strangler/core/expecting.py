"""Expecting: what a route's rules let be asserted of a recorded answer, and what redaction does.

Ignored places are not asserted. Where a value holds a secret, only its type is; the value is not in what is made.
"""

from collections.abc import Iterator

from strangler.core.checking import ANY, Alike, Members, OfType, Unordered
from strangler.core.comparison import Json
from strangler.core.document import HugeNumber, Repeated, type_name
from strangler.core.rewrite import Lower, MapValues, Numeric, Round, Rule, Uuid, Within
from strangler.core.rulebook import Node, Rulebook, is_ignored

MAX_LEVELS = 30
"""Below, types are asserted alone. Because Python reads a literal of hardly a hundred levels, and each takes three."""
_UNLIKELY = "\x00"
"""A name that no path names."""

Expected = object
"""A document of plain values and those of core.checking."""


def expect(value: Json, redacted: Json, rules: tuple[Rule, ...]) -> Expected:
    """Return what is expected where an answer said `value`, of which `redacted` may be seen.

    Raises ValueError if it cannot be said: a member's name stands twice in an object.
    """
    book = Rulebook(rules)
    return _expected(value, redacted, book.root, book, 0)


def _expected(value: Json, seen: Json, node: Node | None, book: Rulebook, depth: int) -> Expected:
    if is_ignored(node):
        return ANY
    if depth >= MAX_LEVELS or isinstance(value, HugeNumber) or type(value) is not type(seen):
        return ANY if isinstance(value, HugeNumber) else OfType(type_name(value))
    if isinstance(value, dict) and isinstance(seen, dict):
        return _members(value, seen, node, book, depth)
    if isinstance(value, list) and isinstance(seen, list):
        return _elements(value, seen, node, book, depth)
    if value != seen:
        return OfType(type_name(value))
    told = tuple(_told(node.rules)) if node is not None else ()
    return Alike(value, told) if told else value


def _members(value: dict[str, Json], seen: dict[str, Json], node: Node | None, book: Rulebook, depth: int) -> Expected:
    if isinstance(value, Repeated):
        raise ValueError("an object has a name twice")  # noqa: TRY004 -- because it is the document that is at fault
    members: dict[str, Expected] = {}
    may_have: list[str] = []
    # Because two names that are secret may have become one, which stands for which is not known then.
    is_open = is_merged = len(seen) != len(value)
    for (name, inner), (shown, part) in zip(value.items(), seen.items(), strict=False):
        below = None if node is None else node.below(name)
        if name != shown or is_merged:
            # Because a name that is a secret cannot be written, others than those that are may stand there.
            is_open = True
        elif is_ignored(below):
            may_have.append(name)
        else:
            members[name] = _expected(inner, part, below, book, depth + 1)
    if node is not None:
        is_open = is_open or is_ignored(node.below(_UNLIKELY))
        named = sorted(key for key in book.named if isinstance(key, str) and key not in value)
        may_have += [name for name in named if is_ignored(node.below(name))]
    return Members(members, tuple(may_have), is_open) if may_have or is_open else members


def _elements(value: list[Json], seen: list[Json], node: Node | None, book: Rulebook, depth: int) -> Expected:
    told = [
        _expected(inner, part, None if node is None else node.below(at), book, depth + 1)
        for at, (inner, part) in enumerate(zip(value, seen, strict=True))
    ]
    if node is not None and node.unordered is not None:
        return Unordered(told, node.unordered.by)
    return told


def _told(rules: tuple[Rule, ...]) -> Iterator[tuple[object, ...]]:
    for rule in rules:
        match rule:
            case Round(digits=digits):
                yield "round", digits
            case Numeric():
                yield ("numeric",)
            case Within(seconds=seconds):
                yield "within", seconds
            case Uuid():
                yield ("uuid",)
            case Lower():
                yield ("lower",)
            case MapValues(pairs=pairs):
                yield "map", pairs
            case _:
                # Ignored places are gone before, and a list's order is no matter of a single value.
                pass
