"""Folding: which of the many words at one place are names, and which are values.

A word is a name for sure if a route writes it, if a value follows it (`orders` in `/orders/17`), if there is something
below it that is below few others, or if it has a fifth of the place's traffic.
"""

from collections import Counter
from collections.abc import Set

from strangler.core.pathtree import Node, join
from strangler.core.segments import REST, Kind

_FEW = 5
"""What fewer than a fifth of the words have below them is unusual; a word with a fifth of the traffic is a name. Of a
thousand values whose popularity is as Zipf's law has it, the first has 13 %.
"""

_DEEP = 4
"""Segments below a word that are looked at."""

Form = frozenset[tuple[str, str]]
"""What is below a node: templates with nameless parameters, and methods."""


def folded(node: Node, names: Set[str], wide: int) -> Node:
    """Return a tree in which the values among the words have become their place's parameter; `node` stays as it is.

    Both trees share what is the same in them.
    """
    below = {name: folded(child, names, wide) for name, child in node.names.items()}
    kept = _kept(node, below, names) if node.is_wide else below.keys()
    one = node.one
    if len(kept) < len(below):
        one = Node() if one is None else one.copied()
        for name, child in node.names.items():
            if name not in kept:
                join(one, child.copied(), names, wide)
    # Because many words may only come together here, what is below them is looked at once more.
    one = None if one is None else folded(one, names, wide)
    if one is node.one and all(below[name] is child for name, child in node.names.items()):
        return node
    found = Node()
    found.names = {name: child for name, child in below.items() if name in kept}
    found.one, found.traffic, found.is_wide = one, node.traffic, node.is_wide
    found.kinds = node.kinds if len(kept) == len(below) else node.kinds | {Kind.NAME}
    return found


def _kept(node: Node, below: dict[str, Node], names: Set[str]) -> Set[str]:
    unusual = _unusual(node, below, names, is_coarse=False)
    if 2 * len(unusual) > len(below):
        # Because what most words have is usual, and it differs by words, those are values as well.
        unusual = _unusual(node, below, names, is_coarse=True)
    total = sum(child.weight() for child in node.children())
    return {
        name
        for name, child in below.items()
        if name in unusual
        or name in names
        or name in ("", REST)
        or _has_values(child)
        or child.weight() * _FEW >= total
    }


def _unusual(node: Node, below: dict[str, Node], names: Set[str], *, is_coarse: bool) -> Set[str]:
    """Return the words that have something below them that few others have."""
    forms = {name: _form(child, is_coarse=is_coarse) for name, child in below.items()}
    common = Counter(end for name, form in forms.items() if name not in names for end in form)
    usual = {end for end, count in common.items() if count * _FEW >= len(forms)}
    if node.one is not None:
        usual |= _form(node.one, is_coarse=is_coarse)
    return {name for name, form in forms.items() if not form <= usual}


def _has_values(node: Node) -> bool:
    return node.one is not None and node.kinds != {Kind.NAME}


def _form(node: Node, *, is_coarse: bool, depth: int = _DEEP) -> Form:
    """Return what is below a node; coarse, words are told from values and not from each other."""
    form = {("", method) for method in node.traffic}
    if not depth:
        return frozenset(form)
    steps = [("/*" if is_coarse else f"/{name}", child) for name, child in node.names.items()]
    if node.one is not None:
        steps.append(("/*" if is_coarse and node.kinds == {Kind.NAME} else "/{}", node.one))
    for step, child in steps:
        form |= {(f"{step}{path}", method) for path, method in _form(child, is_coarse=is_coarse, depth=depth - 1)}
    return frozenset(form)
