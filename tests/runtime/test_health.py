"""Health and the whole proxy: verdicts reach every worker, are shown, and outlive control."""

import os
import signal
from pathlib import Path

import pytest

from strangler.cli.status import lines
from tests.control.test_health import Server, server
from tests.support.proxy import Proxy, running
from tests.support.waiting import until


def text(*ports: int, workers: int) -> str:
    urls = ", ".join(f'"http://127.0.0.1:{port}"' for port in ports)
    return f"""\
version: 1
listen: 127.0.0.1:0
admin: 127.0.0.1:0
workers: {workers}
state_dir: state
upstreams:
  monolith:
    urls: [{urls}]
    default: true
    ejection: off
    health: {{path: /healthz, interval: 1s, timeout: 1s}}
"""


def served(backend: Server) -> int:
    """Return how many requests of clients have come."""
    return sum(path == "/x" for path, _ in backend.asked)


async def is_quiet(proxy: Proxy, backend: Server) -> bool:
    """Return whether twenty requests pass by a backend."""
    before = served(backend)
    for _ in range(20):
        await proxy.get("/x")
    return served(backend) == before


@pytest.mark.parametrize("workers", [0, 2])
async def test_an_unhealthy_address_gets_nothing_from_any_worker_until_it_has_recovered(
    tmp_path: Path, workers: int
) -> None:
    async with (
        server(status=503) as first,
        server() as second,
        running(tmp_path, text(first.port, second.port, workers=workers)) as proxy,
    ):
        generation = (await proxy.status())["generation"]
        await until(lambda: is_quiet(proxy, first))
        status = await proxy.status()
        metrics = await proxy.metrics()
        statuses = [(await proxy.get("/x"))[0] for _ in range(40)]
        first.status = 200
        await until(lambda: bool(proxy.events("upstream_healthy")))
        count = served(first)

        async def is_back() -> bool:
            await proxy.get("/x")
            return served(first) > count

        await until(is_back)

    assert statuses == [200] * 40
    assert status["generation"] == generation
    label = f"127.0.0.1:{first.port}"
    assert {"address": label, "state": "unhealthy", "detail": "status 503"} in status["upstreams"][0]["addresses"]
    assert f"upstream monolith: {label} unhealthy (status 503)" in list(lines(status))
    assert f'strangler_upstream_healthy{{address="{label}",upstream="monolith"}} 0.0' in metrics
    assert [event["address"] for event in proxy.events("upstream_unhealthy")] == [label]


async def test_a_worker_that_starts_later_knows_the_verdicts(tmp_path: Path) -> None:
    async with (
        server(status=503) as first,
        server() as second,
        running(tmp_path, text(first.port, second.port, workers=1)) as proxy,
    ):
        await until(lambda: is_quiet(proxy, first))
        (before,) = proxy.workers
        os.kill(before, signal.SIGKILL)
        await until(lambda: proxy.workers not in ([], [before]))
        await proxy.wait_ready()

        assert await is_quiet(proxy, first)


async def test_the_last_verdicts_hold_when_control_is_gone(tmp_path: Path) -> None:
    async with (
        server(status=503) as first,
        server() as second,
        running(tmp_path, text(first.port, second.port, workers=2)) as proxy,
    ):
        await until(lambda: is_quiet(proxy, first))
        proxy.process.kill()
        await proxy.process.wait()
        await until(lambda: len(proxy.events("control_lost")) == 2)

        assert await is_quiet(proxy, first)
        assert (await proxy.get("/x"))[0] == 200
