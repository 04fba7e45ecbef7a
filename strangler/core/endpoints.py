"""Endpoints: the paths of live traffic as templates, in bounded memory.

A tree of segments. A value (see `segments`) is the parameter of its place; a word is a name, until a place has had more
than `WIDE` words: then those that are not names for sure are values too (see `folding`). Only answers that show that a
path exists make endpoints, so that guesses of a scanner make none.

While no place has more than `KEPT` words and there are at most `MAX_NODES` nodes, the endpoints follow from what was
counted and not from its order. Beyond that the least goes first: words are folded into their place's parameter, and
endpoints are forgotten, and counted as such.
"""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from strangler.core.folding import folded
from strangler.core.model import Side
from strangler.core.pathtree import Node, join, shake
from strangler.core.segments import IDENTIFIERS, MAX_DEPTH, PLACEHOLDERS, PLACEHOLDERS_OF, REST, Kind
from strangler.core.traffic import Traffic, begin

WIDE = 50
"""Words at one place. The large public APIs have some dozens of resources below one prefix, and a value follows most
of them, by which they are names.
"""
KEPT = 150
"""Words at one place that are counted one by one."""
MAX_NODES = 4_096
"""Segments over all paths. Precedent: OpenTelemetry's SDKs keep 2,000 sets of attributes of each metric."""
PRUNED = 8
"""An eighth of the endpoints goes when there is no room, so that it is made seldom."""

READS = frozenset({"GET", "OPTIONS"})
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "OTHER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A method and a template, as routes write it."""

    method: str
    template: str
    traffic: Traffic
    kinds: tuple[tuple[Kind, ...], ...] = ()
    """Of the values of each parameter, sorted."""

    @property
    def is_read(self) -> bool:
        """Whether the method changes nothing (RFC 9110 section 9.2.1); HEAD is listed as GET."""
        return self.method in READS


def method_of(method: str) -> str:
    """Return the method that an endpoint is listed under: HEAD with its GET, and all rare ones as one."""
    method = "GET" if method == "HEAD" else method
    return method if method in METHODS else OTHER_METHOD


class Endpoints:
    """Learns paths and tells their templates. Times are Unix times; paths are redacted, and so have placeholders."""

    def __init__(self, names: Set[str] = frozenset(), *, max_nodes: int = MAX_NODES) -> None:
        self.names = names
        """Words that routes write; they are names wherever they stand."""
        self.unknown = 0.0
        """Requests for paths that no answer has shown to exist."""
        self.forgotten = 0
        """Endpoints that made room for others."""
        self._max_nodes = max_nodes
        self._root = Node()
        self._size = 1

    @property
    def size(self) -> int:
        """The nodes that there are."""
        return self._size

    def add(self, method: str, path: str, side: Side, *, now: float, weight: float, is_proof: bool) -> bool:
        """Count requests; return whether they are an endpoint's. `is_proof`: the answer shows that the path exists."""
        method, segments = method_of(method), _split(path)
        node = self._make(segments) if is_proof else self._find(segments)
        if node is None or (not is_proof and method not in node.traffic):
            self.unknown += weight
            return False
        node.traffic[method] = node.traffic.get(method, begin(now)).plus(side, now=now, weight=weight)
        return True

    def restore(self, endpoint: Endpoint) -> None:
        """Take up an endpoint that was told before, with the kinds of its parameters."""
        kinds = iter(endpoint.kinds)
        node = self._root
        for segment in _split(endpoint.template):
            if segment[:1] != "{" or segment == REST:
                node = self._step(node, segment)
                continue
            here = node
            for kind in next(kinds, ()) or (Kind.TEXT,):
                node = self._step(here, PLACEHOLDERS_OF[kind])
                # Because a place that had too many words has them again.
                here.is_wide = here.is_wide or kind is Kind.NAME
        node.traffic[endpoint.method] = endpoint.traffic.merged(node.traffic.get(endpoint.method))

    def place(self, path: str) -> str:
        """Return a path with a placeholder for each word too that is not counted one by one; nothing is learned."""
        node: Node | None = self._root
        placed = []
        for segment in _split(path):
            child = None if node is None else node.names.get(segment)
            is_kept = child is not None or segment in self.names or segment in PLACEHOLDERS or segment in ("", REST)
            placed.append(segment if is_kept else PLACEHOLDERS_OF[Kind.NAME])
            node = child if child is not None or node is None else node.one
        return "/" + "/".join(placed)

    def tell(self) -> tuple[Endpoint, ...]:
        """Return all endpoints, by template and method."""
        view = folded(self._root, self.names, WIDE)
        return tuple(sorted(_told(view, "", ()), key=lambda endpoint: (endpoint.template, endpoint.method)))

    # --- inside

    def _find(self, segments: Iterable[str]) -> Node | None:
        node: Node | None = self._root
        for segment in segments:
            if node is None:
                return None
            node = node.names.get(segment) or node.one
        return node

    def _make(self, segments: list[str]) -> Node:
        while self._size > 1 and self._size + self._missing(segments) > self._max_nodes:
            self._prune()
        node = self._root
        for segment in segments:
            node = self._step(node, segment)
        return node

    def _missing(self, segments: list[str]) -> int:
        """Return how many nodes a path lacks."""
        if self._size + len(segments) <= self._max_nodes:
            return 0
        node = self._root
        for index, segment in enumerate(segments):
            child = node.one if segment in PLACEHOLDERS else node.names.get(segment)
            if child is None:
                return len(segments) - index
            node = child
        return 0

    def _step(self, node: Node, segment: str) -> Node:
        kind = PLACEHOLDERS.get(segment)
        if kind is not None:
            node.kinds.add(kind)
            if node.one is None:
                node.one = Node()
                self._size += 1
            return node.one
        child = node.names.get(segment)
        if child is None:
            child = node.names[segment] = Node()
            self._size += 1
            words = node.words(self.names)
            node.is_wide = node.is_wide or words > WIDE
            if words > KEPT:
                self._fold_lightest(node, but=segment)
        return child

    def _fold_lightest(self, node: Node, *, but: str) -> None:
        """Make values of the lighter half of a place's words; the one that has just come stays."""
        words = sorted(
            (child.weight(), name) for name, child in node.names.items() if name not in self.names and name != but
        )
        if node.one is None:
            node.one = Node()
            self._size += 1
        for _, name in words[: len(words) // 2]:
            self._size -= join(node.one, node.names.pop(name), self.names, WIDE)
        node.kinds.add(Kind.NAME)

    def _prune(self) -> None:
        """Forget the endpoints that had the least, the longest unseen of them first."""
        nodes = self._root.all()
        ends = sorted(
            (traffic.total, traffic.last, index, method)
            for index, node in enumerate(nodes)
            for method, traffic in node.traffic.items()
        )
        for _, _, index, method in ends[: len(ends) // PRUNED + 1]:
            del nodes[index].traffic[method]
            self.forgotten += 1
        shake(self._root)
        self._size = len(self._root.all())


def _split(path: str) -> list[str]:
    return path.split("/")[1:]


def _told(node: Node, above: str, kinds: tuple[tuple[Kind, ...], ...]) -> Iterator[Endpoint]:
    for method, traffic in node.traffic.items():
        yield Endpoint(method=method, template=above or "/", traffic=traffic, kinds=kinds)
    for name, child in node.names.items():
        yield from _told(child, f"{above}/{name}", kinds)
    if node.one is not None:
        yield from _told(node.one, f"{above}/{_parameter(node.kinds, above)}", (*kinds, tuple(sorted(node.kinds))))


def _parameter(kinds: Set[Kind], above: str) -> str:
    """Return a parameter that says what its values are, other than those above it."""
    (kind, *others) = sorted(kinds)
    name = "id" if kinds <= IDENTIFIERS else "key" if others else kind.value
    taken = sum(f"{{{name}{number}}}" in above for number in ("", *range(2, MAX_DEPTH + 1)))
    return f"{{{name}{taken + 1}}}" if taken else f"{{{name}}}"
