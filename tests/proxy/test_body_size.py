"""The size of a request's body: a limit a listener or a route, told before or while the body comes."""

import json

import pytest

from strangler.core.model import ListenerLimits
from tests.support.backend import backend, ok, says
from tests.support.plane import config, field_of, proxy, route

LIMITS = ListenerLimits(body_bytes=10)


def _length(path: bytes, size: int) -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (path, size, b"x" * size)


def _chunked(path: bytes, size: int) -> bytes:
    head = b"POST %b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" % path
    return head + b"".join(b"1\r\nx\r\n" for _ in range(size)) + b"0\r\n\r\n"


async def test_a_length_beyond_the_limit_is_a_413_and_no_upstream_is_asked() -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, limits=LIMITS)) as running:
        wire = await running.connect()

        await wire.send(_length(b"/x", 11) + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        head, _, body = (await wire.rest()).partition(b"\r\n\r\n")

        assert (head[:12], field_of(head, b"connection")) == (b"HTTP/1.1 413", b"close")
        assert json.loads(body)["reason"] == "body_too_large"
        assert (monolith.received, monolith.connections) == ([], 0)
        assert running.counts() == {("", "legacy", "refused"): 1}
        assert [(event, fields["problem"]) for event, fields in running.notices] == [
            ("request_refused", "body_too_large")
        ]


async def test_chunks_beyond_the_limit_are_a_413_and_never_complete_at_the_upstream() -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, limits=LIMITS)) as running:
        wire = await running.connect()

        await wire.send(_chunked(b"/x", 11))
        got = await wire.rest()

        assert got.startswith(b"HTTP/1.1 413 ")
        assert [received for received in monolith.received if received.is_complete] == []
        assert running.counts() == {("", "legacy", "refused"): 1}


@pytest.mark.parametrize("make", [_length, _chunked])
async def test_a_body_of_just_the_limit_passes(make: object) -> None:
    assert callable(make)
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, limits=LIMITS)) as running:
        wire = await running.connect()

        await wire.send(make(b"/x", 10))

        assert (await wire.answer())[1] == b"ok"
        assert monolith.received[0].body == b"x" * 10


@pytest.mark.parametrize(("size", "status"), [(20, b"200"), (21, b"413")])
async def test_a_routes_own_limit_wins_over_the_listeners(size: int, status: bytes) -> None:
    served = route("r", "/r", extracted=None, max_body_bytes=20)
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, 1, served, limits=LIMITS)) as running:
        wire = await running.connect()

        await wire.send(_length(b"/r", size))

        assert (await wire.head())[9:12] == status


async def test_a_route_may_lift_the_listeners_limit() -> None:
    served = route("r", "/r", extracted=None, max_body_bytes=0)
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, 1, served, limits=LIMITS)) as running:
        wire = await running.connect()

        await wire.send(_chunked(b"/r", 30))

        assert (await wire.answer())[1] == b"ok"


async def test_a_pipelined_chunked_body_beyond_the_limit_is_a_413_in_its_turn() -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, limits=LIMITS)) as running:
        wire = await running.connect()

        await wire.send(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n" + _chunked(b"/x", 30))
        got = await wire.rest()

        assert [part[:3] for part in got.split(b"HTTP/1.1 ")[1:]] == [b"200", b"413"]
        assert [received.target for received in monolith.received if received.is_complete] == [b"/first"]
