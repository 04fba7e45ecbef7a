"""Routing cannot be side-stepped: what a real server acts on is what the proxy decided by, or the request is refused.

The upstreams are applications with routers of their own: aiohttp's, the demo's monolith, and WSGI's, which undoes all
escapes before its application sees a path. Each says which route it acted as; the proxy says which one it decided by.
"""

import re
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from random import Random
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from aiohttp import web

from strangler.core.model import Route
from tests.demo_apps.apps import build
from tests.support.backend import backend, ok, says
from tests.support.plane import Proxy, Wire, config, field_of, proxy, route

TEMPLATES = {
    "users": "/api/users",
    "user": "/api/users/{id}",
    "me": "/api/users/me",
    "kyc": "/api/users/{id}/kyc",
    "admin": "/admin",
    "admin.users": "/admin/users",
    "file": "/files/{path...}",
    "pay": "/api/payments/{id}",
}
"""A table with the traps in it: text beside a parameter, parents beside children, a catch-all."""
PATHS = (
    b"/api/users", b"/api/users/7", b"/api/users/me", b"/api/users/7/kyc", b"/admin", b"/admin/users", b"/files/a/b",
    b"/api/payments/pay_1", b"/nothing/here",
)  # fmt: skip


def spellings(count: int) -> Iterator[bytes]:
    """Return ways to write the paths, always the same ones."""
    random = Random(20_261_124)
    yield from PATHS
    for _ in range(count):
        path = random.choice(PATHS)
        for _ in range(random.randint(1, 3)):
            path = random.choice(_TWISTS)(path, random)
        yield path if path.startswith(b"/") else b"/" + path


def _cut(path: bytes, random: Random, insert: bytes) -> bytes:
    places = [i for i, byte in enumerate(path) if byte == ord("/")]
    at = random.choice(places) if places else 0
    return path[:at] + insert + path[at:]


def _escape(path: bytes, random: Random, form: bytes = b"%%%02X") -> bytes:
    at = random.randrange(len(path))
    return path[:at] + form % path[at] + path[at + 1 :]


_INSERTS = (
    b"/.", b"/%2e", b"/x/..", b"/x/%2e%2e", b"/x/%2E.", b"/x/..;", b"/x/..;a=b", b"/", b"//", b"/;", b"/;a",
    b";a=b", b";",
    b"/x/..%2f", b"%2f", b"%2F", b"%5c", b"\\", b"/x%2f..", b"/x\\..", b"/%2e%2e", b"/..", b"/.;/", b"%3b",
    b"%3Ba", b"/admin/..",
    b"/api/users/..", b"/files/..", b"/files/x/../..", b"%252f", b"/files/..%2f..", b"//host", b"%20",
    b"/%2e%2e%2f", b"%00", b"%c0%af",
    b"%zz", b"%",
)  # fmt: skip
_TWISTS: Sequence[Any] = (
    *((lambda path, random, insert=insert: _cut(path, random, insert)) for insert in _INSERTS),
    *([_escape] * 6),
    *([lambda path, random: _escape(path, random, b"%%%02x")] * 6),
    lambda path, random: path + b"/",
    lambda path, random: path + b"/..",
    lambda path, random: path + b"/.",
    lambda path, random: path + b";x",
    lambda path, random: path + b"?/../admin",
    lambda path, random: path.replace(b"/", b"%2f", 2).replace(b"%2f", b"/", 1),
    lambda path, random: path.replace(b"/", b"\\"),
    lambda path, random: b"/" + path,
    lambda path, random: path.upper(),
)


def _routes() -> list[Route]:
    return [route(name, template) for name, template in TEMPLATES.items()]


@asynccontextmanager
async def _served(app: web.Application) -> AsyncIterator[int]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@web.middleware
async def _tell(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answer with the template that the application's own router chose, in place of acting."""
    resource = request.match_info.route.resource
    return web.Response(text="" if resource is None else resource.canonical)


def _application() -> web.Application:
    app = web.Application(middlewares=[_tell])
    for template in TEMPLATES.values():
        app.router.add_get(re.sub(r"\{(\w+)\.\.\.\}", r"{\1:.+}", template), _never)
    return app


async def _never(_request: web.Request) -> web.Response:
    raise AssertionError("the middleware answers")


@contextmanager
def _wsgi() -> Iterator[int]:
    """Serve the table the way WSGI applications do: on a path of which all escapes are undone."""
    forms = {
        template: re.compile(re.sub(r"\{\w+\}", "[^/]+", re.sub(r"\{\w+\.\.\.\}", ".+", template)))
        for template in TEMPLATES.values()
    }

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"]
        # Because Werkzeug and Django prefer text to a parameter, the shortest form that fits is not always the one.
        fits = [template for template, form in forms.items() if form.fullmatch(path)]
        acted = min(fits, key=lambda template: template.count("{"), default="")
        body = acted.encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = make_server("127.0.0.1", 0, application, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def _ask(running: Proxy, wire: Wire, target: bytes) -> tuple[Wire, int, str, str]:
    """Return a connection for the next request, the status, the route decided by and the template acted as."""
    await wire.send(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)
    head, body = await wire.answer()
    decision = (field_of(head, b"x-strangler-decision") or b"").decode()
    decided = decision.rpartition("route=")[2]
    if field_of(head, b"connection") == b"close":
        wire.close()
        wire = await running.connect()
    return wire, int(head.split(b" ")[1]), decided, body.decode()


async def _check(port: int, routes: Sequence[Route], targets: Iterator[bytes]) -> tuple[int, int]:
    """Ask for each target, and return how many were acted on and how many were refused."""
    by_template = {re.sub(r"\{(\w+)\.\.\.\}", r"{\1}", r.match.path): r.name for r in routes}
    acted_on = refused = 0
    async with proxy(config(port, port, *routes, decision_header=True)) as running:
        wire = await running.connect()
        for target in targets:
            wire, status, decided, acted = await _ask(running, wire, target)
            if status == 400 and not decided:
                refused += 1
                continue
            acted_as = by_template.get(re.sub(r"\{(\w+)\.\.\.\}", r"{\1}", acted), "-")
            if acted_as != "-":
                acted_on += 1
                assert (target, decided) == (target, acted_as)
    return acted_on, refused


@pytest.mark.whole
async def test_an_aiohttp_application_acts_as_the_route_that_was_decided() -> None:
    async with _served(_application()) as port:
        acted_on, refused = await _check(port, _routes(), spellings(1_500))

    assert acted_on > 150
    assert refused > 150


@pytest.mark.whole
async def test_a_wsgi_application_acts_as_the_route_that_was_decided() -> None:
    with _wsgi() as port:
        acted_on, refused = await _check(port, _routes(), spellings(700))

    assert acted_on > 100
    assert refused > 100


@pytest.mark.whole
async def test_the_demos_monolith_acts_as_the_route_that_was_decided(tmp_path: Path) -> None:
    routes = [
        route("users.read", "/api/users/{id}"),
        route("users.kyc", "/api/users/{id}/kyc"),
        route("payments.read", "/api/payments/{id}"),
        route("transactions", "/api/users/{id}/transactions"),
        route("status", "/api/status"),
        route("stream", "/api/notifications/stream"),
        route("notifications", "/api/notifications"),
    ]
    app = build("monolith", tmp_path)
    app.middlewares.insert(0, _tell)

    async with _served(app) as port:
        acted_on, refused = await _check(port, routes, spellings(1_000))

    assert acted_on > 25
    assert refused > 50


@pytest.mark.parametrize(
    "path",
    [b"/x%00", b"/%zz", b"/%", b"/a%4", b"/%c0%af", b"/%C1%9C", b"/api/users/x%2fkyc", b"/api/users/me;x",
    b"/a/" + b"./" * 200],
)  # fmt: skip
async def test_a_path_of_two_meanings_is_refused_before_any_upstream_is_asked(path: bytes) -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, 1, *_routes())) as running:
        wire = await running.connect()

        await wire.send(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path)
        got = await wire.rest()

        assert (got[:12], field_of(got, b"connection")) == (b"HTTP/1.1 400", b"close")
        assert monolith.connections == 0
        assert running.plane.gauges()["requests_in_flight"] == 0


async def test_a_file_may_say_that_the_normal_form_alone_decides() -> None:
    async with (
        backend(says(ok())) as monolith,
        proxy(config(monolith.port, 1, *_routes(), strict_paths=False, decision_header=True)) as running,
    ):
        wire = await running.connect()

        await wire.send(b"GET /api/users/me;x HTTP/1.1\r\nHost: a\r\n\r\n")

        assert b"route=me" in (field_of(await wire.head(), b"x-strangler-decision") or b"")
        assert monolith.received[0].target == b"/api/users/me;x"


@pytest.mark.parametrize(
    "target",
    [b"/files/a%2Fb", b"/files/a/../b", b"/files//a", b"/files/a;v=1", b"/api/users/%37", b"/nothing/%2e%2e",
    b"/nothing?a=%zz&%00"],
)  # fmt: skip
async def test_an_odd_path_of_one_meaning_passes_as_it_is(target: bytes) -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, 1, *_routes())) as running:
        wire = await running.connect()

        await wire.send(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)

        assert (await wire.head()).startswith(b"HTTP/1.1 200 ")
        assert monolith.received[0].target == target
