"""A whole proxy over TLS: certificates change, workers die, control dies, and clients are served."""

import asyncio
import os
import signal
import ssl
from pathlib import Path

import pytest

from tests.support.backend import Backend
from tests.support.issuer import Issuer, read, spoil
from tests.support.proxy import Proxy, end, launch, routes_text, running
from tests.support.waiting import until

pytestmark = pytest.mark.slow

GET = b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"
TLS = "tls: {cert: a.crt, key: a.key}\n"


async def ask(proxy: Proxy, issuer: Issuer) -> tuple[str, bytes]:
    """Return the name in the certificate, and the answer, of a request on a connection of its own."""
    client = issuer.client()
    client.check_hostname = False
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port, ssl=client, server_hostname="x")
    try:
        name = writer.get_extra_info("peercert")["subjectAltName"][0][1]
        writer.write(GET)
        return name, await asyncio.wait_for(reader.read(-1), 20)
    finally:
        writer.close()


def change(path: Path, old: str, new: str) -> None:
    """Write other text in place of what a file has."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def written(folder: Path) -> list[Path]:
    """Return the files that the proxy writes: the log, and all of the state directory."""
    return [folder / "log", *(path for path in (folder / "state").rglob("*") if path.is_file())]


async def test_a_new_certificate_is_served_under_load_with_no_request_lost(tmp_path: Path, monolith: Backend) -> None:
    issuer = Issuer(tmp_path)
    issuer.pair("a", "one")
    async with running(tmp_path, routes_text(monolith=monolith.port) + TLS) as proxy:
        names: list[str] = []
        failed: list[str] = []
        stop = asyncio.Event()

        async def load() -> None:
            while not stop.is_set():
                try:
                    name, answer = await ask(proxy, issuer)
                except (OSError, ssl.SSLError) as error:
                    failed.append(repr(error))
                    continue
                names.append(name)
                if not answer.endswith(b"monolith"):
                    failed.append(repr(answer))

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(load())
            await until(lambda: len(names) > 20, what="some load")
            issuer.pair("a", "two")
            secret = read(issuer.paths("a").key).splitlines()[1]
            await until(lambda: names[-20:] == ["two"] * 20, what="only the new one", deadline_s=30)
            spoil(issuer.paths("a").key)
            await until(lambda: len(proxy.events("certificate_rejected")) == 2, what="both workers refuse it")
            status = (await proxy.status())["tls"]
            before = len(names)
            await until(lambda: len(names) > before + 20, what="more load")
            stop.set()

        assert failed == []
        assert names[-1] == "two"
        assert status["state"] == "rejected"
        assert "strangler_certificate_rejected 2.0" in await proxy.metrics()
        assert [path for path in written(tmp_path) if secret in read(str(path))] == []


async def test_a_worker_that_starts_with_a_bad_pair_waits_and_the_others_serve(
    tmp_path: Path, monolith: Backend
) -> None:
    issuer = Issuer(tmp_path)
    pair = issuer.pair("a", "one")
    key = read(pair.key)
    async with running(tmp_path, routes_text(monolith=monolith.port) + TLS) as proxy:
        spoil(pair.key)
        os.kill(proxy.workers[0], signal.SIGKILL)
        await until(
            lambda: any(line["serving"] == "nothing" for line in proxy.events("certificate_rejected")),
            what="the new worker has nothing to serve",
            deadline_s=30,
        )

        for _ in range(10):
            assert (await ask(proxy, issuer))[1].endswith(b"monolith")

        spoil(pair.key, key)
        await proxy.wait_ready()


async def test_certificates_change_although_control_is_gone_and_the_next_one_takes_over(
    tmp_path: Path, monolith: Backend
) -> None:
    issuer = Issuer(tmp_path)
    issuer.pair("a", "one")
    async with running(tmp_path, routes_text(monolith=monolith.port, workers=1) + TLS) as proxy:
        proxy.process.kill()
        await proxy.process.wait()
        issuer.pair("a", "two")

        async def is_new() -> bool:
            return (await ask(proxy, issuer))[0] == "two"

        await until(is_new, what="the orphan serves the new certificate", deadline_s=30)

        change(proxy.routes, "127.0.0.1:0\nadmin", f"127.0.0.1:{proxy.port}\nadmin")
        successor = await launch(tmp_path, session=proxy.session)
        try:
            await successor.wait_ready()
            await until(lambda: bool(successor.events("orphan_ended")), what="the orphan has gone", deadline_s=30)
            assert successor.port == proxy.port
            assert (await ask(successor, issuer))[1].endswith(b"monolith")
        finally:
            await end(successor)


async def test_a_routes_file_that_waits_for_its_pair_is_taken_over_when_the_pair_is_mended(
    tmp_path: Path, monolith: Backend
) -> None:
    issuer = Issuer(tmp_path)
    issuer.pair("a", "one")
    async with running(tmp_path, routes_text(monolith=monolith.port, workers=1) + TLS) as proxy:
        change(proxy.routes, TLS, "tls: {cert: b.crt, key: b.key}\n")
        await until(lambda: bool(proxy.events("config_rejected")), what="the pair is not there")
        assert (await ask(proxy, issuer))[0] == "one"

        issuer.pair("b", "two")

        async def is_new() -> bool:
            return (await ask(proxy, issuer))[0] == "two"

        await until(is_new, what="the new paths are served", deadline_s=30)
        assert (await proxy.status())["config"]["state"] == "current"
