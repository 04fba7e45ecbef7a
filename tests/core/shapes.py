"""Shapes of requests that were decided by a snapshot, as workers make them, and an hour of them."""

from collections.abc import Iterable

from strangler.core.decide import decide, find
from strangler.core.endpoints import Endpoints
from strangler.core.hour import Hour
from strangler.core.outcome import Outcome
from strangler.core.shapes import Shape, ShapeReader
from strangler.core.snapshot import Snapshot
from tests.core.requests import Request

NOW = 1_800_000_000.0
SPARE = "spare"


def shape(by: Snapshot, request: Request, *, status: int = 200) -> Shape:
    """Return the shape of a request; raises RefusedError for one that is refused."""
    decision, assigned = decide(by, **request._asdict(), spare_key=SPARE)
    found = find(by, request.method, request.target, request.host, request.headers)
    return ShapeReader(by.config).read(
        *request,
        route=None if found is None else found.route,
        side=decision.side,
        reason=decision.reason,
        assigned=assigned,
        generation=by.generation,
        outcome=Outcome.OK_2XX,
        status=status,
        stage=decision.stage,
    )


def hour_of(by: Snapshot, several: Iterable[Request], *, weight: float = 1.0) -> Hour:
    """Return an hour in which these requests were recorded, each standing for as many."""
    hour, endpoints = Hour(), Endpoints()
    for request in several:
        one = shape(by, request)
        endpoints.add(one.method, one.paths[0], one.side, now=NOW, weight=weight, is_proof=one.is_proof)
        hour.add(one, endpoints.place(one.paths[0]), now=NOW, weight=weight, is_current=True)
    return hour
