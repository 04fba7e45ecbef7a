"""Shapes: what is kept of a sampled request, so that other routes can be tried on it.

A shape has no key, no query, and no value of a path or of a header that the routes file does not write itself. Whose
request it was is kept as a place in the route's cohort, one of ten thousand.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from strangler.core.decide import Reason, plain_host
from strangler.core.identity import Fields, Reader, read_key, reader_of
from strangler.core.migration import Stage
from strangler.core.model import FULL_SHARE, Config, Route, Side, Source
from strangler.core.normalise import normal
from strangler.core.outcome import ANSWERED, Outcome
from strangler.core.readings import is_deep, is_odd, others
from strangler.core.segments import redact
from strangler.core.split import place

MOST_READINGS = 8
"""Ways to read one odd path that are kept; the spellings that clients send have two or three."""
MOST_SOURCES = 16
"""Sources of identities, over all routes, of which it is kept whether a request has them."""
NO_PLACE = -1
IDEMPOTENCY = "idempotency-key"
"""The usual name, of which it is always kept whether it is there."""
_HOST_KEPT = 260
_NO_PROOF = frozenset({400, 401, 403, 404, 405, 410, 414, 429, 431, 501, 502, 503, 504})
"""Statuses that servers give for paths that they do not have, or whatever is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What is kept of one request."""

    method: str
    host: str
    """Without port, lower case."""
    paths: tuple[str, ...]
    """In normal form, redacted; behind it, what else servers may take it for."""
    fields: tuple[tuple[str, str], ...]
    """The header fields that the served routes look at, without a value that none of them writes."""
    sources: tuple[str, ...]
    """The sources of identities of the served routes that it has."""
    route: str
    """Empty for a request that no route names."""
    cohort: str
    """Of the route, or its name."""
    source: str
    """Where its key was read; empty if there was none."""
    place: int
    """Of its key in the cohort, in basis points; -1 without a key."""
    side: Side
    reason: Reason
    generation: int
    """Of the snapshot that decided."""
    is_proof: bool
    """Whether the answer shows that the path exists."""
    stage: Stage | None = None
    """What the route's migration flag said for its key."""


def label(source: Source) -> str:
    """Return a source as shapes name it."""
    return f"{source.kind} {source.name}".strip()


def words_of(config: Config) -> frozenset[str]:
    """Return the words that routes write in their paths."""
    # Because this is done for all routes at once in a worker that serves, they are not parsed anew: they are valid.
    parts = {part for route in config.routes for part in route.match.path.split("/")}
    return frozenset(part for part in parts if part[:1] != "{")


def sources_of(config: Config) -> dict[str, Source]:
    """Return the sources of identities of which it is kept whether a request has them, by their label."""
    found: dict[str, Source] = {}
    for route in config.routes:
        for source in route.identity:
            if len(found) < MOST_SOURCES:
                found.setdefault(label(source), source)
    return found


def fields_of(config: Config) -> frozenset[tuple[str, str]]:
    """Return the header fields that are kept: name and value, and the name alone with an empty value."""
    matched = {(header.name, header.value or "") for route in config.routes for header in route.match.headers}
    keys = {route.idempotency.header for route in config.routes if route.idempotency is not None} | {IDEMPOTENCY}
    return frozenset(matched | {(name, "") for name, _ in matched} | {(name, "") for name in keys})


class ShapeReader:
    """Reads shapes by one configuration; made once for it, so that a request pays for the reading alone."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._words = words_of(config)
        self._fields = fields_of(config)
        self._names = frozenset(name.encode("latin-1") for name, _ in self._fields)
        self._sources = [(name, reader_of(source)) for name, source in sources_of(config).items()]
        self._keys: dict[str, tuple[tuple[Source, Reader], ...]] = {}
        """By route, how its key is read; made when it is first needed."""

    def read(
        self,
        method: bytes,
        target: bytes,
        host: bytes,
        headers: Fields,
        peer: str,
        *,
        route: Route | None,
        side: Side,
        reason: Reason,
        assigned: str,
        generation: int,
        outcome: Outcome,
        status: int,
        stage: Stage | None = None,
    ) -> Shape:
        """Return the shape of a request that was decided and answered so; whatever bytes came, nothing raises."""
        key, source = ("", None) if route is None else self._key(route, headers, target, peer, assigned)
        cohort = "" if route is None else route.cohort or route.name
        return Shape(
            method=method.decode("latin-1")[:16],
            host=plain_host(host) if len(host) <= _HOST_KEPT else "",
            paths=self._paths(target),
            fields=self._held(headers),
            sources=tuple(name for name, reader in self._sources if reader(headers, target, peer)),
            route="" if route is None else route.name,
            cohort=cohort,
            source=label(source) if key and source is not None else "",
            place=min(int(place(cohort, key) * FULL_SHARE), FULL_SHARE - 1) if key else NO_PLACE,
            side=side,
            reason=reason,
            generation=generation,
            is_proof=outcome in ANSWERED and status not in _NO_PROOF,
            stage=stage,
        )

    def _key(self, route: Route, headers: Fields, target: bytes, peer: str, assigned: str) -> tuple[str, Source | None]:
        if assigned:
            return assigned, next(source for source in route.identity if source.kind == "assigned")
        sources = self._keys.get(route.name)
        if sources is None:
            sources = self._keys[route.name] = tuple((source, reader_of(source)) for source in route.identity)
        return read_key(sources, headers, target, peer)

    def _paths(self, target: bytes) -> tuple[str, ...]:
        first = redact(normal(target), self._words)
        if not is_odd(target) or is_deep(target):
            return (first,)
        rest = {redact(path, self._words) for path in others(target)} - {first}
        return (first, *sorted(rest)[: MOST_READINGS - 1])

    def _held(self, headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
        held = set()
        for name, value in headers:
            lower = name.lower()
            if lower in self._names:
                field = (lower.decode("latin-1"), value.decode("latin-1"))
                held.add(field if field in self._fields else (field[0], ""))
        return tuple(sorted(held))
