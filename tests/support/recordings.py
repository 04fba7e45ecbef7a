"""Reads as the shadow plane is offered them, and routes that record."""

from typing import Any

from strangler.core.model import Route, Side
from strangler.core.offer import Answer, Offer
from strangler.core.shadowing import Record, Shadow
from tests.support.plane import route

TYPED = ((b"Content-Type", b"application/json"),)


def offered(number: int = 7, body: bytes = b'{"id":7}', **more: Any) -> Offer:
    """Return one read of a user, and its answer."""
    given: dict[str, Any] = {
        "route": "users",
        "primary": Side.LEGACY,
        "method": b"GET",
        "target": b"/users/%d" % number,
        "host": b"shop.example",
        "headers": ((b"Accept", b"*/*"),),
        "body": b"",
        "request_id": b"request-%d" % number,
        "trace": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "answer": Answer(status=200, headers=TYPED, body=body),
    }
    return Offer(**{**given, **more})


def recording_route(record: Record | None, **more: Any) -> Route:
    """Return a route that is shadowed, and records so."""
    return route("users", "/users/{id}", shadow=Shadow(noise=0, record=record, **more))
