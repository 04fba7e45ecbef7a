"""Shapes are taken of each request while there are few, of some while there are many; none is lost from the sum."""

import pytest

from strangler.core.decide import Reason
from strangler.core.model import Side
from strangler.proxy.sampler import MOST, WANTED
from tests.support.backend import backend, ok, says
from tests.support.plane import Proxy, config, proxy, route

pytestmark = pytest.mark.whole


async def ask(running: Proxy, count: int, target: str = "/users/17?token=secret") -> None:
    """Send so many requests, one after the other, on one connection."""
    wire = await running.connect()
    for _ in range(count):
        await wire.send(f"GET {target} HTTP/1.1\r\nHost: a.test:81\r\nX-User-Id: ann\r\n\r\n".encode())
        await wire.answer()


async def test_while_there_are_few_each_request_has_its_shape() -> None:
    async with backend(says(ok(b"x"))) as monolith, backend(says(ok(b"x"))) as extracted:
        served = config(monolith.port, extracted.port, route("users", "/users/{id}", share=10_000))
        async with proxy(served) as running:
            await ask(running, 3)
            await ask(running, 1, "/invoices/2026-11-24")
            seen, shapes = running.plane.sampler.drain()
            again = running.plane.sampler.drain()

    assert seen == len(shapes) == 4
    assert {(one.host, one.paths, one.route, one.side, one.reason) for one in shapes} == {
        ("a.test", ("/users/{number}",), "users", Side.EXTRACTED, Reason.SHARE),
        ("a.test", ("/invoices/{date}",), "", Side.LEGACY, Reason.UNROUTED),
    }
    assert shapes[0].place >= 0
    assert "secret" not in repr(shapes)
    assert "ann" not in repr(shapes)
    assert again == (0, ())


async def test_beyond_the_bound_requests_are_counted_and_nothing_is_kept() -> None:
    async with backend(says(ok(b"x"))) as monolith, proxy(config(monolith.port)) as running:
        await ask(running, MOST + 30)

        seen, shapes = running.plane.sampler.drain()

    assert (seen, len(shapes)) == (MOST + 30, MOST)


async def test_of_many_about_as_many_are_taken_as_are_wanted() -> None:
    async with backend(says(ok(b"x"))) as monolith, proxy(config(monolith.port)) as running:
        await ask(running, 10 * WANTED)
        running.plane.sampler.drain()
        await ask(running, 10 * WANTED)

        seen, shapes = running.plane.sampler.drain()

    # A gap has a mean of nine requests and a deviation of 5.5, so fewer than 13 or more than 40 come once in 1e6 runs.
    assert seen == 10 * WANTED
    assert WANTED // 2 < len(shapes) < WANTED + WANTED // 2 + 3


async def test_a_reload_while_requests_are_under_way_takes_the_shape_by_the_routes_that_decided() -> None:
    async with backend(says(ok(b"x"))) as monolith:
        first = config(monolith.port, 1, route("one", "/x/{id}"))
        async with proxy(first) as running:
            wire = await running.connect()
            await wire.send(b"POST /x/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
            await ask(running, 1, "/x/1")
            running.apply(config(monolith.port, 1, route("two", "/x/{id}")))
            await ask(running, 1, "/x/1")
            await wire.send(b"x")
            await wire.answer()
            await ask(running, 1, "/x/1")

            _, shapes = running.plane.sampler.drain()

    assert [(one.method, one.route, one.generation) for one in shapes] == [
        ("GET", "one", 1),
        ("GET", "two", 2),
        ("POST", "one", 1),
        ("GET", "two", 2),
    ]


async def test_only_what_the_monolith_answers_shows_that_a_path_exists() -> None:
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    async with backend(says(missing)) as monolith, proxy(config(monolith.port)) as running:
        await ask(running, 1, "/wp-admin")

        _, (shape,) = running.plane.sampler.drain()

    assert not shape.is_proof
