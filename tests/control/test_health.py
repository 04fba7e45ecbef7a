"""Health checks against real servers: what counts as healthy, and who hears of a change."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import trustme
from aiohttp import web

from strangler.config.tls import client_context
from strangler.control.health import HealthChecks, ask
from strangler.core.model import Address, Config, HealthCheck, Upstream, UpstreamTls
from strangler.runtime.tasks import Tasks
from tests.support import certificates
from tests.support.waiting import until

RULES = HealthCheck(path="/healthz?deep=1", interval_s=0.02, timeout_s=5.0)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Server:
    """An application with a state of its own."""

    port: int = 0
    status: int = 200
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.path_qs, dict(request.headers)))
        return web.Response(status=self.status, headers={"Location": "/elsewhere", "Set-Cookie": "a=b"})


@asynccontextmanager
async def server(
    handler: Handler | None = None,
    *,
    status: int = 200,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Server]:
    running = Server(status=status)
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", handler or running.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, port, ssl_context=tls)
    await site.start()
    running.port = runner.addresses[0][1]
    try:
        yield running
    finally:
        await runner.cleanup()


def upstream(
    *ports: int, host: str = "127.0.0.1", tls: UpstreamTls | None = None, rules: HealthCheck = RULES
) -> Upstream:
    addresses = tuple(Address(host=host, port=port) for port in ports)
    return Upstream(name="payments", addresses=addresses, health=rules, tls=tls)


def config(*upstreams: Upstream) -> Config:
    return Config(upstreams=upstreams, default_upstream="payments")


async def literal(host: str, _port: int) -> Sequence[str]:
    return [host]


@dataclass(slots=True)
class Checks:
    """Running checks and what they told."""

    checks: HealthChecks
    told: list[tuple[tuple[str, str], ...]]

    @property
    def unhealthy(self) -> set[str]:
        return {one.address for one in self.checks.verdicts if not one.is_healthy}


@asynccontextmanager
async def checking(*upstreams: Upstream, resolve: Any = literal) -> AsyncIterator[Checks]:
    tasks = Tasks("test")
    told: list[tuple[tuple[str, str], ...]] = []
    checks = HealthChecks(spawn=tasks.spawn, resolve=resolve, on_change=told.append)
    checks.follow(config(*upstreams))
    try:
        yield Checks(checks, told)
    finally:
        await tasks.close()


async def once(port: int, **more: Any) -> tuple[bool, str]:
    """Return one check's result."""
    one = upstream(port, **more)
    assert one.health is not None
    context = None if one.tls is None else client_context(one.tls)
    return await ask(one, one.health, context, one.addresses[0], "127.0.0.1")


@pytest.mark.parametrize(("status", "is_good"), [(200, True), (204, True), (302, True), (404, False), (503, False)])
async def test_a_check_is_good_by_its_status_and_follows_no_redirect(status: int, is_good: bool) -> None:
    async with server() as backend:
        backend.status = status
        result = await once(backend.port)

    assert result == (is_good, f"status {status}")
    assert [path for path, _ in backend.asked] == ["/healthz?deep=1"]


async def test_the_statuses_that_are_good_can_be_chosen() -> None:
    async with server() as backend:
        backend.status = 404
        result = await once(backend.port, rules=replace(RULES, expect=(404, 404)))

    assert result == (True, "status 404")


async def test_a_check_carries_no_cookie_and_the_address_as_host() -> None:
    async def loopback(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    async with server() as backend, checking(upstream(backend.port, host="localhost"), resolve=loopback):
        await until(lambda: len(backend.asked) >= 3)

    for _, headers in backend.asked:
        assert headers["Host"] == f"localhost:{backend.port}"
        assert headers["User-Agent"] == "strangler-health"
        assert "Cookie" not in headers


async def test_silence_is_a_bad_check_in_time() -> None:
    async def silent(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with server(silent) as backend:
        result = await once(backend.port, rules=replace(RULES, timeout_s=0.1))

    assert result == (False, "no answer within 0.1 s")


async def test_an_endless_body_does_not_hold_a_check_up() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b"x" * 65_536)
        except ConnectionError:
            return answer

    async with server(endless) as backend:
        result = await once(backend.port)

    assert result == (True, "status 200")


async def test_nobody_there_and_no_http_are_bad_checks() -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"garbage\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(garbage, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    broken = await once(port)
    listener.close()
    await listener.wait_closed()
    nobody = await once(port)

    assert (broken[0], nobody[0]) == (False, False)
    assert broken[1].startswith("no HTTP answer (")
    assert "refused" in nobody[1].lower()


async def test_a_check_over_tls_believes_whom_the_upstreams_requests_believe() -> None:
    ca = trustme.CA()
    ours = UpstreamTls(ca=certificates.pem(ca), server_name="pay.test")
    other = UpstreamTls(ca=certificates.pem(trustme.CA()), server_name="pay.test")
    async with server(tls=certificates.server(ca, "pay.test")) as backend:
        good = await once(backend.port, tls=ours)
        unknown = await once(backend.port, tls=other)
        wrong = await once(backend.port, tls=replace(ours, server_name="other.test"))

    assert good == (True, "status 200")
    assert unknown[1].startswith("certificate not accepted: ")
    assert "Hostname mismatch" in wrong[1]


async def test_an_address_turns_after_so_many_checks_and_each_turn_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "strangler.control.health")
    async with server() as first, server() as second, checking(upstream(first.port, second.port)) as running:
        await until(lambda: len(running.checks.verdicts) == 2)
        first.status = 500
        await until(lambda: bool(running.unhealthy))
        first.status = 200
        await until(lambda: not running.unhealthy)

    label = ("payments", f"127.0.0.1:{first.port}")
    assert running.told == [(label,), ()]
    events = [record.message for record in caplog.records if record.name == "strangler.control.health"]
    assert events == ["upstream_unhealthy", "upstream_healthy"]


async def test_an_address_that_is_dead_from_the_start_is_told_after_one_check() -> None:
    rules = replace(RULES, interval_s=3_600.0, unhealthy_after=1_000)
    async with server() as backend:
        port = backend.port
    async with checking(upstream(port, rules=rules)) as running:
        await until(lambda: bool(running.told))

    assert running.told == [(("payments", f"127.0.0.1:{port}"),)]


async def test_each_address_of_a_name_is_judged_by_itself() -> None:
    async with server() as first, server(host="127.0.0.2", port=first.port) as second:
        second.status = 503

        async def both(_host: str, _port: int) -> Sequence[str]:
            return ["127.0.0.1", "127.0.0.2"]

        async with checking(upstream(first.port, host="payments.test"), resolve=both) as running:
            await until(lambda: running.unhealthy == {f"127.0.0.2:{first.port}"})


async def test_an_address_that_the_name_does_not_have_any_more_is_forgotten() -> None:
    found = ["127.0.0.1", "127.0.0.2"]

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return found

    async with server() as backend, checking(upstream(backend.port, host="payments.test"), resolve=resolve) as running:
        await until(lambda: running.unhealthy == {f"127.0.0.2:{backend.port}"})
        found = ["127.0.0.1"]
        await until(lambda: running.told[-1] == ())

        assert [one.address for one in running.checks.verdicts] == [f"127.0.0.1:{backend.port}"]


async def test_a_name_that_cannot_be_looked_up_for_a_while_changes_no_verdict() -> None:
    is_known = True
    failed = asyncio.Event()

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        if is_known:
            return ["127.0.0.1", "127.0.0.2"]
        failed.set()
        raise OSError(2, "Name or service not known")

    async with server() as backend, checking(upstream(backend.port, host="payments.test"), resolve=resolve) as running:
        await until(lambda: len(running.checks.verdicts) == 2)
        is_known = False
        await asyncio.wait_for(failed.wait(), 10)

        assert running.unhealthy == {f"127.0.0.2:{backend.port}"}


async def test_another_file_is_followed_and_verdicts_hold_until_new_ones_come() -> None:
    async with server() as backend:
        port = backend.port
    async with checking(upstream(port)) as running:
        await until(lambda: bool(running.unhealthy))
        running.checks.follow(config(replace(upstream(port), max_idle=1)))
        kept = set(running.unhealthy)
        running.checks.follow(config(replace(upstream(port), health=None)))

        assert kept == {f"127.0.0.1:{port}"}
        assert running.checks.verdicts == ()
        assert running.told[-1] == ()
