"""Reads as the shadow plane is offered them, and routes that record."""

from typing import Any

from strangler.control.recordingbook import RecordingEntry
from strangler.core.model import Route, Side
from strangler.core.offer import Answer, Offer
from strangler.core.shadowing import Record, Shadow
from strangler.shadow.recorder import Recorder
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


def entries(*numbers: int, at: float = 1.0, for_s: float = 100.0, **more: Any) -> list[RecordingEntry]:
    """Return what the comparer picks of reads of these users."""
    recorder = Recorder()
    recorder.begin(b"salt")
    recorder.apply([recording_route(Record())], now=0.0)
    for number in numbers:
        recorder.take(offered(number, **more), "equal", now=at)
    return [
        RecordingEntry(route="users", kept=one.kept, recording=one.recording, for_s=for_s)
        for one in recorder.news()
        if one.kept is not None and one.recording is not None
    ]
