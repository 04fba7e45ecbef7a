"""systemd's two protocols, spoken by a whole proxy with real sockets."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from strangler.core.model import Address
from strangler.errors import UsageError
from strangler.runtime import runfile, systemd
from strangler.runtime.service import Service
from strangler.runtime.systemd import Given, Manager, Notifier
from tests.support.activation import Ear, activate, activated, listening, port_of
from tests.support.backend import Backend
from tests.support.load import load
from tests.support.proxy import end, routes_text
from tests.support.waiting import until

REQUEST = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Both kinds of address that systemd uses."""
    return str(tmp_path / "notify") if request.param == "path" else f"@strangler-test-{os.getpid()}"


@pytest.fixture
async def ear(address: str) -> AsyncIterator[Ear]:
    made = Ear(address)
    yield made
    made.close()


def variables(pid: int) -> set[str]:
    """Return the names in a process's environment."""
    lines = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return {line.partition(b"=")[0].decode() for line in lines}


async def answer(waiting: socket.socket) -> bytes:
    """Return the whole answer on a connection that may have been made before anyone accepted."""
    reader, writer = await asyncio.open_connection(sock=waiting)
    writer.write(REQUEST)
    async with asyncio.timeout(30):
        read = await reader.read()
    writer.close()
    return read


async def test_sockets_are_taken_by_name_and_connections_made_before_the_start_are_served(
    tmp_path: Path, monolith: Backend
) -> None:
    with listening() as listen, listening() as admin:
        expected = (port_of(listen), f"127.0.0.1:{port_of(admin)}")
        early = socket.create_connection(listen.getsockname())
        async with activated(
            tmp_path, routes_text(monolith=monolith.port), [admin, listen], names="admin:listen"
        ) as proxy:
            places = (proxy.port, proxy.admin)
            read = await answer(early)

    assert places == expected
    assert read.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_socket_without_a_name_is_known_by_its_address(tmp_path: Path, monolith: Backend) -> None:
    with listening() as listen:
        text = routes_text(monolith=monolith.port).replace(
            "listen: 127.0.0.1:0", f"listen: 127.0.0.1:{port_of(listen)}"
        )
        async with activated(tmp_path, text, [listen]) as proxy:
            assert await proxy.get("/") == (200, "monolith")
            assert proxy.port == port_of(listen)


async def test_connections_made_while_the_whole_proxy_restarts_are_served_by_the_next(
    tmp_path: Path, monolith: Backend
) -> None:
    with listening() as listen:
        async with activated(tmp_path, routes_text(monolith=monolith.port), [listen], names="listen") as proxy:
            await proxy.stop()
        between = socket.create_connection(listen.getsockname())
        async with activated(tmp_path, routes_text(monolith=monolith.port), [listen], names="listen"):
            read = await answer(between)

    assert read.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_control_that_is_killed_is_started_again_on_the_same_socket_and_no_request_is_lost(
    tmp_path: Path, monolith: Backend
) -> None:
    """What `KillMode=process` and `Restart=on-failure` do: the workers are left alone, and control is started again."""
    with listening() as listen:
        text = routes_text(monolith=monolith.port)
        async with (
            activated(tmp_path, text, [listen], names="listen") as proxy,
            aiohttp.ClientSession() as session,
            AsyncExitStack() as stack,
        ):
            orphans = runfile.read(proxy.state_dir)
            assert orphans is not None
            async with (
                load(f"http://127.0.0.1:{port_of(listen)}/") as kept,
                load(f"http://127.0.0.1:{port_of(listen)}/", keep_alive=False, clients=4) as fresh,
            ):
                await kept.until_more()
                await proxy.stop(signal.SIGKILL)
                await kept.until_more()
                successor = await activate(tmp_path, [listen], session=session, names="listen")
                stack.push_async_callback(end, successor)
                await successor.wait_ready()
                await until(lambda: not any(runfile.is_alive(worker) for worker in orphans.workers), deadline_s=60)
                await kept.until_more()
                await fresh.until_more()

    assert len(orphans.workers) == 2
    assert (kept.wrong, fresh.wrong) == ([], [])


async def test_workers_hear_nothing_of_the_service_manager(
    tmp_path: Path, monolith: Backend, ear: Ear, address: str
) -> None:
    watch = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"}
    with listening() as listen:
        async with activated(
            tmp_path, routes_text(monolith=monolith.port), [listen], names="listen", environ=watch
        ) as proxy:
            names = {name for pid in proxy.workers for name in variables(pid)}

    assert "PATH" in names
    assert not [name for name in names if name.startswith(("LISTEN_", "NOTIFY_", "WATCHDOG_"))]


async def test_sockets_for_another_process_are_left_alone(tmp_path: Path, monolith: Backend) -> None:
    with listening() as listen:
        async with activated(
            tmp_path, routes_text(monolith=monolith.port), [listen], names="listen", environ={"LISTEN_PID": "1"}
        ) as proxy:
            assert proxy.port != port_of(listen)
            assert await proxy.get("/") == (200, "monolith")


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("http", "is neither `listen` (127.0.0.1:0) nor `admin` (127.0.0.1:0). Give it FileDescriptorName=listen"),
        ("listen:listen", "passed two sockets for `listen`"),
        ("listen:admin", "is no listening TCP socket"),
    ],
)
async def test_a_socket_that_cannot_be_used_is_refused_at_the_start(
    tmp_path: Path, monolith: Backend, names: str, says: str
) -> None:
    (tmp_path / "routes.yaml").write_text(routes_text(monolith=monolith.port))
    second = socket.socket() if "admin" in names else listening()
    with listening() as listen, second:
        async with aiohttp.ClientSession() as session:
            given = [listen, second][: names.count(":") + 1]
            proxy = await activate(tmp_path, given, session=session, names=names)
            code = await asyncio.wait_for(proxy.process.wait(), 30)

    log = (tmp_path / "log").read_text()
    assert code == 2
    assert says in log
    assert "Traceback" not in log


async def test_the_manager_hears_ready_reloading_and_stopping_in_this_order(
    tmp_path: Path, monolith: Backend, ear: Ear, address: str
) -> None:
    environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "200000"}
    async with activated(tmp_path, routes_text(monolith=monolith.port), [], environ=environ) as proxy:
        up = await ear.next()
        alive = await ear.hear()
        before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
        proxy.routes.write_text("version: 1\nrutes: []\n")
        proxy.process.send_signal(signal.SIGHUP)
        reloading, reloaded = await ear.next(), await ear.next()
        proxy.process.send_signal(signal.SIGTERM)
        stopping = await ear.next()

    assert (up["READY"], up["STATUS"]) == ("1", "generation 2, 2 workers serve")
    assert alive == {"WATCHDOG": "1"}
    assert (reloading["RELOADING"], int(reloading["MONOTONIC_USEC"]) >= before_us) == ("1", True)
    assert reloaded["READY"] == "1"
    assert "the routes file is rejected" in reloaded["STATUS"]
    assert stopping["STOPPING"] == "1"


async def test_a_sign_of_life_is_given_only_while_all_is_well(ear: Ear, address: str) -> None:
    service = Service(Notifier(address), watchdog_s=30)
    service.ready("up")
    await ear.hear()

    service.sign(lambda: False)
    service.sign(lambda: True)
    service.stopping()
    service.close()

    assert service.sign_every_s == 15
    assert [await ear.hear(), (await ear.hear())["STOPPING"]] == [{"WATCHDOG": "1"}, "1"]


async def test_a_manager_that_is_gone_costs_nothing_but_a_line_in_the_log(tmp_path: Path, monolith: Backend) -> None:
    environ = {"NOTIFY_SOCKET": str(tmp_path / "nobody")}
    async with activated(tmp_path, routes_text(monolith=monolith.port), [], environ=environ) as proxy:
        answered = await proxy.get("/")
        warned = len(proxy.events("notify_failed"))

    assert (answered, warned) == ((200, "monolith"), 1)


def test_what_was_taken_is_gone_from_the_environment() -> None:
    environ = {"NOTIFY_SOCKET": "@a", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7", "LISTEN_FDS": "1", "HOME": "/"}

    manager = systemd.take(environ, 7)

    assert manager == Manager(notify_address="@a", watchdog_s=3.0)
    assert environ == {"HOME": "/"}


@pytest.mark.parametrize("environ", [{"WATCHDOG_USEC": "1", "WATCHDOG_PID": "8"}, {"WATCHDOG_USEC": "x"}, {}])
def test_a_watchdog_that_is_not_ours_is_none(environ: dict[str, str]) -> None:
    assert systemd.take(environ, 7) == Manager()


@pytest.mark.parametrize("count", ["", "-1", "x", "65", "1e3"])
def test_a_count_that_is_none_is_refused(count: str) -> None:
    with pytest.raises(UsageError, match=r"^LISTEN_FDS is "):
        systemd.take({"LISTEN_PID": "7", "LISTEN_FDS": count}, 7)


def test_a_name_goes_before_an_address() -> None:
    with listening() as one, listening() as other:
        given = (Given(name="admin", listener=one), Given(name="listen", listener=other))
        swapped = (Address(host="127.0.0.1", port=port_of(one)), Address(host="127.0.0.1", port=port_of(other)))

        assert systemd.choose(given, *swapped) == {"admin": one, "listen": other}
