"""The end of a proxy: what runs finishes, what waits is served, what takes too long is cut, and nobody is sent here."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from strangler.core.model import ListenerTls
from tests.support import plane
from tests.support.backend import Backend, backend, ok, says
from tests.support.issuer import Issuer
from tests.support.proxy import Proxy, routes_text, running
from tests.support.proxyline import line
from tests.support.waiting import until

REQUEST = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"


@dataclass(slots=True)
class Gate:
    """A backend whose answers wait until the test lets them go."""

    port: int = 0
    asked: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def gate() -> AsyncIterator[Gate]:
    made = Gate()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                made.asked += 1
                await made.may_answer.wait()
                writer.write(ok(b"slow"))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        made.may_answer.set()
        server.close()


async def asking(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a connection on which a request was sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    return reader, writer


def text(port: int, *settings: str) -> str:
    return routes_text(monolith=port) + "".join(f"{line}\n" for line in settings)


async def are_draining(proxy: Proxy) -> bool:
    _, ready = await proxy.ask("GET", "/readyz", headers={})
    return all(worker["state"] == "draining" for worker in ready["workers"])


async def is_unready(proxy: Proxy) -> bool:
    return (await proxy.ask("GET", "/readyz", headers={}))[0] == 503


async def test_requests_under_way_finish_and_their_answers_say_that_the_connection_closes(tmp_path: Path) -> None:
    async with gate() as slow, running(tmp_path, text(slow.port)) as proxy:
        wires = [await asking(proxy.port) for _ in range(10)]
        await until(lambda: slow.asked == 10)
        proxy.process.send_signal(signal.SIGTERM)
        await until(lambda: are_draining(proxy))
        slow.may_answer.set()

        answers = [await asyncio.wait_for(reader.read(), 30) for reader, _ in wires]
        code = await proxy.stop()
        for _, writer in wires:
            writer.close()

    assert code == 0
    assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}
    assert all(b"\r\nConnection: close\r\n" in answer and answer.endswith(b"slow") for answer in answers)


async def test_a_signal_to_one_worker_lets_it_finish_while_another_takes_its_place(tmp_path: Path) -> None:
    async with gate() as slow, running(tmp_path, text(slow.port, "drain_timeout: 1h")) as proxy:
        wires = [await asking(proxy.port) for _ in range(10)]
        await until(lambda: slow.asked == 10)
        former = proxy.workers
        for pid in former:
            os.kill(pid, signal.SIGTERM)

        async def are_replaced() -> bool:
            workers = (await proxy.status())["workers"]
            fresh = [one for one in workers if one["state"] == "serving" and one["pid"] not in former]
            return len(fresh) == 2

        await until(are_replaced, deadline_s=30)
        still_there = set(former) & set(proxy.workers)
        slow.may_answer.set()
        answers = [await asyncio.wait_for(reader.read(), 30) for reader, _ in wires]
        for _, writer in wires:
            writer.close()
        await until(lambda: not set(former) & set(proxy.workers))

    assert still_there
    assert all(answer.endswith(b"slow") for answer in answers)


async def test_what_takes_longer_than_the_drain_may_is_cut_and_told(tmp_path: Path) -> None:
    async with gate() as slow, running(tmp_path, text(slow.port, "drain_timeout: 200ms")) as proxy:
        reader, writer = await asking(proxy.port)
        await until(lambda: slow.asked == 1)

        code = await proxy.stop()
        try:
            answer = await asyncio.wait_for(reader.read(), 30)
        except ConnectionResetError:
            answer = b""
        writer.close()

    assert (code, answer) == (0, b"")
    assert [event["connections"] for event in proxy.events("drain_cut")] == [1]


async def test_readiness_fails_first_and_connections_are_taken_until_the_delay_is_over(
    tmp_path: Path, monolith: Backend
) -> None:
    async with running(tmp_path, text(monolith.port, "drain_delay: 1h")) as proxy:
        proxy.process.send_signal(signal.SIGTERM)
        await until(lambda: is_unready(proxy))
        _, ready = await proxy.ask("GET", "/readyz", headers={})
        alive, _ = await proxy.ask("GET", "/healthz", headers={})

        answer = await proxy.get("/")
        code = await proxy.stop()

    assert (ready["unready"], alive, answer, code) == (["stopping"], 200, (200, "monolith"), 0)


async def test_a_rejected_routes_file_is_shown_and_leaves_the_proxy_ready(tmp_path: Path, monolith: Backend) -> None:
    async with running(tmp_path, text(monolith.port)) as proxy:
        proxy.routes.write_text("version: 1\n")

        async def is_rejected() -> bool:
            return bool((await proxy.ask("GET", "/readyz", headers={}))[1]["config"] == "rejected")

        await until(is_rejected)
        code, ready = await proxy.ask("GET", "/readyz", headers={})

    assert (code, ready["status"], ready["unready"], ready["lacks"]) == (200, "ready", [], [])


async def test_one_worker_of_two_keeps_the_proxy_ready_and_the_lack_is_told(tmp_path: Path, monolith: Backend) -> None:
    async with running(tmp_path, text(monolith.port)) as proxy:
        os.kill(proxy.workers[0], signal.SIGKILL)
        seen = set()

        async def is_lacking() -> bool:
            code, ready = await proxy.ask("GET", "/readyz", headers={})
            seen.add(code)
            return "1 of 2 workers serve" in ready["lacks"]

        await until(is_lacking)

    assert seen == {200}


async def test_connections_that_wait_in_the_queue_at_the_end_are_served(monolith: Backend) -> None:
    async with plane.proxy(plane.config(monolith.port)) as proxy:
        # Because nothing here lets the loop run, nobody has accepted these.
        waiting = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(20)]
        for client in waiting:
            client.sendall(REQUEST)
        drained = asyncio.create_task(proxy.plane.drain(30))

        wires = [await asyncio.open_connection(sock=client) for client in waiting]
        answers = [await asyncio.wait_for(reader.read(), 30) for reader, _ in wires]
        await drained
        for _, writer in wires:
            writer.close()

    assert all(answer.endswith(b"monolith") and b"\r\nConnection: close\r\n" in answer for answer in answers)


@pytest.mark.parametrize(("with_tls", "with_header"), [(True, False), (False, True), (True, True)])
async def test_connections_that_wait_with_tls_or_a_proxy_header_at_the_end_are_served(
    tmp_path: Path, monolith: Backend, *, with_tls: bool, with_header: bool
) -> None:
    issuer = Issuer(tmp_path)
    served = plane.config(
        monolith.port,
        tls=ListenerTls(pairs=(issuer.pair("localhost"),)) if with_tls else None,
        proxy_protocol=with_header,
        trusted_proxies=("127.0.0.0/8",) if with_header else (),
    )
    async with plane.proxy(served) as proxy:
        # Because nothing here lets the loop run, nobody has accepted these; more than are accepted in one turn.
        waiting = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(20)]
        for client in waiting:
            if with_header:
                client.sendall(line("203.0.113.7"))
        drained = asyncio.create_task(proxy.plane.drain(30))
        # Because the drain takes what waits in its first step, the clients begin behind it.
        await asyncio.sleep(0)
        name = "localhost" if with_tls else None
        wires = [
            await asyncio.open_connection(sock=client, ssl=issuer.client() if with_tls else None, server_hostname=name)
            for client in waiting
        ]
        for _, writer in wires:
            writer.write(REQUEST)
        answers = [await asyncio.wait_for(reader.readuntil(b"monolith"), 30) for reader, _ in wires]
        for _, writer in wires:
            writer.close()
        await asyncio.wait_for(drained, 30)

    assert all(b"\r\nConnection: close\r\n" in answer for answer in answers)


async def test_an_idle_connection_is_closed_and_one_with_a_request_on_the_wire_is_answered_first() -> None:
    async with (
        backend(says(ok(b"monolith"))) as monolith,
        plane.proxy(plane.config(monolith.port)) as proxy,
    ):
        idle, late = await proxy.connect(), await proxy.connect()
        for wire in (idle, late):
            await wire.send(REQUEST)
            await wire.answer()
        drained = asyncio.create_task(proxy.plane.drain(30))
        await asyncio.sleep(0)
        await late.send(REQUEST)

        head, body = await late.answer()
        rest = await idle.rest()
        await drained

    assert (plane.field_of(head, b"Connection"), body, rest) == (b"close", b"monolith", b"")


async def test_aiohttp_clients_see_no_failure_when_their_worker_ends(tmp_path: Path, monolith: Backend) -> None:
    async with running(tmp_path, text(monolith.port)) as proxy, aiohttp.ClientSession() as session:
        for _ in range(4):
            async with session.get(proxy.url) as answer:
                await answer.read()
        for pid in proxy.workers:
            os.kill(pid, signal.SIGTERM)
        async with session.get(proxy.url) as answer:
            assert (answer.status, await answer.text()) == (200, "monolith")
