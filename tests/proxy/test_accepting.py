"""Accepting: how many may come in, and what happens when the system has no room."""

import asyncio
import errno
import json
import socket
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from strangler.core.forward import peer_of
from strangler.core.model import ListenerLimits, ListenerTls
from strangler.proxy.accept import Acceptor
from strangler.proxy.crowd import Crowd, Limit
from tests.support.backend import backend, ok, says
from tests.support.issuer import Issuer
from tests.support.plane import config, proxy
from tests.support.waiting import until

pytestmark = pytest.mark.whole

GET = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
ROOT = Path(__file__).parents[2]


async def test_one_connection_beyond_the_limit_is_closed_and_the_others_go_on() -> None:
    limits = ListenerLimits(connections=2)
    async with backend(says(ok(b"hello"))) as monolith, proxy(config(monolith.port, limits=limits)) as running:
        inside = [await running.connect() for _ in range(2)]
        await until(lambda: running.plane.gauges()["client_connections"] == 2, what="two are in")

        beyond = await running.connect()
        assert await beyond.rest() == b""

        for wire in inside:
            await wire.send(GET)
            assert (await wire.answer())[1] == b"hello"
        assert ("connection_refused", {"limit": 2}) in running.notices
        assert running.plane.counters()["connections_refused"] == 1


async def test_a_flood_of_refused_connections_is_counted_and_keeps_no_failure_out_of_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Because all of it must be within one second of the log, time stands still for the budget.
    monkeypatch.setattr("strangler.proxy.plane.monotonic", lambda: 1_000.0)
    async with proxy(config(1, limits=ListenerLimits(connections=1))) as running:
        inside = await running.connect()
        await until(lambda: running.plane.gauges()["client_connections"] == 1, what="one is in")
        for _ in range(60):
            assert await (await running.connect()).rest() == b""

        await inside.send(GET)
        head = await inside.head()
        monkeypatch.setattr("strangler.proxy.plane.monotonic", lambda: 1_001.0)
        assert await (await running.connect()).rest() == b""

        events = [event for event, _ in running.notices]
        assert head.startswith(b"HTTP/1.1 502 ")
        assert running.plane.counters()["connections_refused"] == 61
        assert events.count("connection_refused") == 20 + 1
        assert events.count("exchange_failed") == 1
        assert ("unlogged", {"events": {"connection_refused": 40}}) in running.notices


async def test_a_place_that_is_left_may_be_taken() -> None:
    limits = ListenerLimits(connections=1)
    async with backend(says(ok(b"hello"))) as monolith, proxy(config(monolith.port, limits=limits)) as running:
        for _ in range(3):
            wire = await running.connect()
            await wire.send(GET)
            assert (await wire.answer())[1] == b"hello"
            wire.close()
            await until(lambda: running.plane.gauges()["client_connections"] == 0, what="it has left")


@pytest.mark.parametrize("is_trusted", [False, True])
async def test_one_address_may_have_so_many_connections_unless_it_is_a_trusted_proxy(is_trusted: bool) -> None:
    limits = ListenerLimits(connections_per_address=1)
    trusted = ("127.0.0.0/8",) if is_trusted else ()
    async with (
        backend(says(ok(b"hello"))) as monolith,
        proxy(config(monolith.port, limits=limits, trusted_proxies=trusted)) as running,
    ):
        await running.connect()
        await until(lambda: running.plane.gauges()["client_connections"] == 1, what="one is in")

        second = await running.connect()
        if is_trusted:
            await second.send(GET)
            assert (await second.answer())[1] == b"hello"
        else:
            assert await second.rest() == b""
            assert ("connection_refused", {"limit": 1, "address": "127.0.0.1"}) in running.notices


def test_a_client_with_a_whole_ipv6_network_is_one_client() -> None:
    crowd = Crowd()
    limits = ListenerLimits(connections_per_address=1)
    crowd.enter(peer_of("2001:db8::1", ()))

    assert crowd.refusal(peer_of("2001:db8::ffff", ()), limits) is Limit.ONE_ADDRESS
    assert crowd.refusal(peer_of("2001:db8:0:1::1", ()), limits) is None


def test_whom_no_place_is_left_for_is_told_so_before_how_many_its_address_has() -> None:
    crowd = Crowd()
    limits = ListenerLimits(connections=1, connections_per_address=1)
    crowd.enter(peer_of("192.0.2.1", ()))

    assert crowd.refusal(peer_of("192.0.2.1", ()), limits) is Limit.ALL


def test_a_crowd_that_has_left_takes_no_memory() -> None:
    crowd = Crowd()
    peers = [peer_of(f"10.0.{number // 256}.{number % 256}", ()) for number in range(1_000)]

    for peer in (*peers, *peers):
        crowd.enter(peer)
    for peer in (*peers, *peers):
        crowd.leave(peer)

    assert (crowd.total, crowd._by_origin) == (0, {})


@pytest.mark.parametrize("kind", ["plain", "tls"])
async def test_a_process_without_descriptors_serves_who_is_in_and_recovers(kind: str, tmp_path: Path) -> None:
    """A storm of connections against a process that may have few descriptors."""
    issuer = Issuer(tmp_path)
    tls = ListenerTls(pairs=(issuer.pair("localhost"),)) if kind == "tls" else None
    async with backend(says(ok(b"hello"))) as monolith:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.starved", str(monolith.port), str(tmp_path) if tls else "",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        assert child.stdin is not None and child.stdout is not None
        port = json.loads(await asyncio.wait_for(child.stdout.readline(), 30))["port"]
        context = issuer.client() if tls else None
        name = "localhost" if tls else None
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
        writer.write(GET)
        assert (await asyncio.wait_for(reader.readuntil(b"hello"), 10)).startswith(b"HTTP/1.1 200")

        storm = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        for _ in range(20):
            writer.write(GET)
            assert (await asyncio.wait_for(reader.readuntil(b"hello"), 10)).startswith(b"HTTP/1.1 200")
        if not tls:
            await until(lambda: any(other.at_eof() for other, _ in storm), what="those beyond are closed")
        for _, storming in storm:
            storming.close()

        async def recovered() -> bool:
            try:
                again, late = await asyncio.wait_for(
                    asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name), 10
                )
            except (OSError, TimeoutError):
                return False
            try:
                late.write(GET)
                return (await asyncio.wait_for(again.readuntil(b"hello"), 10)).startswith(b"HTTP/1.1 200")
            except (OSError, asyncio.IncompleteReadError):
                return False
            finally:
                late.close()

        await until(recovered, what="new connections are served again")
        writer.close()
        child.stdin.close()
        told = json.loads(await asyncio.wait_for(child.stdout.readline(), 30))
        assert await asyncio.wait_for(child.wait(), 30) == 0
        # Because a loop that spins on an error that stays takes all of the time that there is.
        assert told["cpu_s"] < 0.5 * told["wall_s"] + 0.2
        if tls:
            assert "accept_paused" in told["events"]


class Exhausted(socket.socket):
    """A listening socket of a process that has no descriptors left."""

    def accept(self) -> tuple[socket.socket, Any]:
        raise OSError(errno.EMFILE, "Too many open files")


async def test_a_listener_that_is_closed_during_its_pause_stays_closed() -> None:
    async with proxy(config(1)) as running:
        listener = Exhausted()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        acceptor = Acceptor(running.plane, listener, proxy_protocol=True, tls=False)
        _, waiting = await asyncio.open_connection("127.0.0.1", port)
        await until(lambda: any(event == "accept_paused" for event, _ in running.notices), what="it has paused")

        acceptor.close()
        acceptor.close()
        acceptor.sweep(monotonic() + 60)

        assert listener.fileno() == -1
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        waiting.close()


async def test_a_listener_goes_on_after_its_pause_and_not_before() -> None:
    async with proxy(config(1)) as running:
        listener = Exhausted()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        acceptor = Acceptor(running.plane, listener, proxy_protocol=True, tls=False)
        _, waiting = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])

        def pauses() -> int:
            return [event for event, _ in running.notices].count("accept_paused")

        await until(lambda: pauses() == 1, what="it has paused")
        acceptor.sweep(monotonic())
        await asyncio.sleep(0)
        before = pauses()
        acceptor.sweep(monotonic() + 60)
        await until(lambda: pauses() == 2, what="it has tried again")

        acceptor.close()
        waiting.close()
    assert before == 1
