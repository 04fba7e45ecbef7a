"""The route table: which route is the most specific that takes a request.

Specific means, in this order: the host (exact, then the longest wildcard, then any), the path segment by segment from
the left (literal, then `{one}`, then `{rest...}`), headers (more conditions first, then more with a value), methods
(named before any), and then the order of the file. A lookup walks a tree of segments, so its cost
follows the length of the path and not the number of routes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from strangler.core.model import Match, Route
from strangler.core.pattern import MAX_SEGMENTS, SegmentKind, Template, parse_template

_MAX_VISITS = 4_096
"""Most nodes that one lookup looks at, whatever the templates; beyond it the monolith answers."""


class ConflictKind(StrEnum):
    """Why two routes cannot stand together."""

    UNREACHABLE = "unreachable"
    """The first takes every request of the second."""
    AMBIGUOUS = "ambiguous"
    """Both take some requests, and nothing but the order of the file decides which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two routes, by name, in the order of the file."""

    first: str
    second: str
    kind: ConflictKind


@dataclass(slots=True)
class _Entry:
    """One route at the end of its path."""

    methods: frozenset[str]
    headers: tuple[tuple[str, str | None], ...]
    route: int


@dataclass(slots=True)
class _Node:
    literals: "dict[str, _Node]" = field(default_factory=dict)
    one: "_Node | None" = None
    rest: "_Node | None" = None
    entries: list[_Entry] = field(default_factory=list)
    """The most specific first."""
    heads: list[_Entry] = field(default_factory=list)
    """The same for HEAD: RFC 9110 section 9.3.2 lets it go where its GET goes, unless a route names it."""


class Table:
    """Looks routes up; it is made once for a snapshot and never changes."""

    __slots__ = ("_any_host", "_exact_hosts", "_wildcards", "has_hosts", "header_names", "steps")

    def __init__(self, routes: Sequence[Route]) -> None:
        self._any_host = _Node()
        self._exact_hosts: dict[str, _Node] = {}
        self._wildcards: dict[str, _Node] = {}
        self.header_names = frozenset(header.name for route in routes for header in route.match.headers)
        """Which header fields any route looks at, lower case."""
        self.has_hosts = any(route.match.hosts for route in routes)
        """Whether any route looks at the host."""
        self.steps = 0
        """Nodes that the last lookup looked at."""
        for index, route in enumerate(routes):
            template = parse_template(route.match.path)
            entry = _Entry(
                methods=frozenset(route.match.methods),
                headers=tuple((header.name, header.value) for header in route.match.headers),
                route=index,
            )
            for root in self._roots(route.match):
                _insert(root, template, entry)
        for root in (self._any_host, *self._exact_hosts.values(), *self._wildcards.values()):
            _sort(root)

    def find(self, host: str, path: str, method: str, headers: Sequence[tuple[str, str]] = ()) -> int | None:
        """Return the index of the most specific route, or None.

        `host` is lower case without port, `path` in normal form, `headers` lower-case names with their values. What is
        not a path (`*`), or is deeper than any template, is no route's.
        """
        self.steps = 0
        segments = path.split("/", MAX_SEGMENTS + 1)
        if segments[0] or not 2 <= len(segments) <= MAX_SEGMENTS + 1:
            return None
        found: int | None = None
        if self.has_hosts:
            for root in self._candidates(host):
                found = self._walk(root, segments, 1, method, headers)
                if found is not None:
                    break
        if found is None:
            found = self._walk(self._any_host, segments, 1, method, headers)
        # Because a search that was cut short may have missed the route that goes before this one.
        return found if self.steps <= _MAX_VISITS else None

    def _candidates(self, host: str) -> list[_Node]:
        found = []
        if (exact := self._exact_hosts.get(host)) is not None:
            found.append(exact)
        if self._wildcards:
            position = host.find(".", 1)
            while position >= 0:
                if (node := self._wildcards.get(host[position:])) is not None:
                    found.append(node)
                position = host.find(".", position + 1)
        return found

    def _walk(
        self, node: _Node, segments: list[str], depth: int, method: str, headers: Sequence[tuple[str, str]]
    ) -> int | None:
        last = len(segments)
        while depth < last:
            self.steps += 1
            if self.steps > _MAX_VISITS:
                return None
            segment = segments[depth]
            child = node.literals.get(segment)
            one, rest = (node.one, node.rest) if segment else (None, None)
            if child is None or one is not None or rest is not None:
                if child is None and rest is None:
                    child = one
                else:
                    return self._branch((child, one), rest, segments, depth, method, headers)
            # Because there is one way on, the loop takes it and not a call.
            if child is None:
                return None
            node = child
            depth += 1
        return _take(node, method, headers)

    def _branch(
        self,
        children: "tuple[_Node | None, _Node | None]",
        rest: "_Node | None",
        segments: list[str],
        depth: int,
        method: str,
        headers: Sequence[tuple[str, str]],
    ) -> int | None:
        for child in children:
            if child is not None:
                found = self._walk(child, segments, depth + 1, method, headers)
                if found is not None:
                    return found
        return None if rest is None else _take(rest, method, headers)

    def _roots(self, match: Match) -> list[_Node]:
        if not match.hosts:
            return [self._any_host]
        return [
            self._wildcards.setdefault(host[1:], _Node())
            if host.startswith("*.")
            else self._exact_hosts.setdefault(host, _Node())
            for host in match.hosts
        ]


def conflicts(routes: Sequence[Route]) -> tuple[Conflict, ...]:
    """Return each route that another of the same hosts, form of path and headers leaves to the order of the file.

    Each is named once, with the first route that it conflicts with.
    """
    groups: dict[tuple[str, Template, tuple[tuple[str, str | None], ...]], list[Route]] = {}
    for route in routes:
        template = parse_template(route.match.path)
        headers = tuple(sorted(((h.name, h.value) for h in route.match.headers), key=str))
        for host in route.match.hosts or ("",):
            groups.setdefault((host, template, headers), []).append(route)
    found: dict[tuple[str, str], Conflict] = {}
    for group in groups.values():
        for position, second in enumerate(group):
            for first in group[:position]:
                kind = _conflict(first, second)
                if kind is not None:
                    found.setdefault(
                        (first.name, second.name), Conflict(first=first.name, second=second.name, kind=kind)
                    )
                    # Because one is enough to refuse the second, a file of a thousand equal routes stays cheap.
                    break
    return tuple(found.values())


def _conflict(first: Route, second: Route) -> ConflictKind | None:
    ours, theirs = frozenset(first.match.methods), frozenset(second.match.methods)
    # Because named methods go before any, a route with and one without are told apart.
    if bool(ours) != bool(theirs) or (ours and not ours & theirs):
        return None
    covers = theirs <= ours and set(second.match.hosts) <= set(first.match.hosts)
    return ConflictKind.UNREACHABLE if covers else ConflictKind.AMBIGUOUS


def _insert(root: _Node, template: Template, entry: _Entry) -> None:
    node = root
    for segment in template.segments:
        match segment.kind:
            case SegmentKind.LITERAL:
                node = node.literals.setdefault(segment.text, _Node())
            case SegmentKind.ONE:
                node.one = node.one or _Node()
                node = node.one
            case SegmentKind.REST:  # pragma: no branch - the type checker sees that there is no other
                node.rest = node.rest or _Node()
                node = node.rest
    node.entries.append(entry)


def _sort(node: _Node) -> None:
    node.entries.sort(key=lambda entry: (*_conditions(entry), not entry.methods, entry.route))
    node.heads = [entry for entry in node.entries if not entry.methods or entry.methods & {"GET", "HEAD"}]
    node.heads.sort(
        key=lambda entry: (*_conditions(entry), not entry.methods, "HEAD" not in entry.methods, entry.route)
    )
    for child in (*node.literals.values(), node.one, node.rest):
        if child is not None:
            _sort(child)


def _conditions(entry: _Entry) -> tuple[int, int]:
    return -len(entry.headers), -sum(value is not None for _, value in entry.headers)


def _take(node: _Node, method: str, headers: Sequence[tuple[str, str]]) -> int | None:
    is_head = method == "HEAD"
    for entry in node.heads if is_head else node.entries:
        if entry.methods and not is_head and method not in entry.methods:
            continue
        if entry.headers and not all(_has(headers, name, value) for name, value in entry.headers):
            continue
        return entry.route
    return None


def _has(headers: Sequence[tuple[str, str]], name: str, value: str | None) -> bool:
    return any(key == name and (value is None or text == value) for key, text in headers)
