"""The tree of segments that endpoints are learned in."""

from collections.abc import Iterator, Set

from strangler.core.segments import Kind
from strangler.core.traffic import Traffic


class Node:
    """One place in paths: the words and the parameter that may follow, and what ends here."""

    __slots__ = ("is_wide", "kinds", "names", "one", "traffic")

    def __init__(self) -> None:
        self.names: dict[str, Node] = {}
        self.one: Node | None = None
        """What follows a value."""
        self.kinds: set[Kind] = set()
        """Of those values."""
        self.is_wide = False
        """Whether there were too many words for all of them to be names."""
        self.traffic: dict[str, Traffic] = {}
        """By method, of the path that ends here."""

    def children(self) -> Iterator["Node"]:
        """Yield what follows."""
        yield from self.names.values()
        if self.one is not None:
            yield self.one

    def all(self) -> list["Node"]:
        """Return the node and everything below it."""
        # Because a generator for each node costs several times as much, the list is its own stack.
        found = [self]
        for node in found:
            found += node.names.values()
            if node.one is not None:
                found.append(node.one)
        return found

    def weight(self) -> float:
        """Return how many requests there were for it and everything below."""
        return sum(traffic.total for node in self.all() for traffic in node.traffic.values())

    def words(self, names: Set[str]) -> int:
        """Return how many words follow that no route writes."""
        return sum(name not in names for name in self.names)

    def copied(self) -> "Node":
        """Return a copy of it and everything below."""
        copy = Node()
        copy.names = {name: child.copied() for name, child in self.names.items()}
        copy.one = None if self.one is None else self.one.copied()
        copy.kinds, copy.is_wide, copy.traffic = set(self.kinds), self.is_wide, dict(self.traffic)
        return copy


def join(into: Node, node: Node, names: Set[str], wide: int) -> int:
    """Make everything of `node`, which is given up, part of `into`, and return how many nodes there are less.

    More than `wide` words make a place wide.
    """
    less = 1
    into.kinds |= node.kinds
    for method, traffic in node.traffic.items():
        into.traffic[method] = traffic.merged(into.traffic.get(method))
    if node.one is not None:
        if into.one is None:
            into.one = node.one
        else:
            less += join(into.one, node.one, names, wide)
    for name, child in node.names.items():
        if name in into.names:
            less += join(into.names[name], child, names, wide)
        else:
            into.names[name] = child
    into.is_wide = into.is_wide or node.is_wide or into.words(names) > wide
    return less


def shake(node: Node) -> None:
    """Drop everything below that leads to no endpoint."""
    for name, child in list(node.names.items()):
        shake(child)
        if _is_bare(child):
            del node.names[name]
    if node.one is not None:
        shake(node.one)
        if _is_bare(node.one):
            node.one = None


def _is_bare(node: Node) -> bool:
    return not node.traffic and not node.names and node.one is None
