"""The whole proxy with flags from LaunchDarkly, named by the environment alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.backend import Backend
from tests.support.flags import percent_flag
from tests.support.launchdarkly import LaunchDarkly
from tests.support.proxy import Proxy, routes_text, running
from tests.support.waiting import until

KEY = "sdk-key-of-the-test"
ROUTE = "{name: items, match: {path: /items}, extracted: extracted, flag: items}"
CALLERS = [f"caller-{number}" for number in range(40)]


@pytest.fixture
async def service() -> AsyncIterator[LaunchDarkly]:
    service = LaunchDarkly()
    yield service
    await service.close()


async def _sides(proxy: Proxy) -> set[str]:
    # Because each request comes on a connection of its own, all workers are asked.
    return {(await proxy.get("/items", user=caller))[1] for caller in CALLERS}


async def test_a_proxy_serves_the_monolith_until_the_service_comes_and_follows_it_then(
    service: LaunchDarkly, tmp_path: Path, monolith: Backend, extracted: Backend
) -> None:
    text = routes_text(monolith=monolith.port, extracted=extracted.port, routes=[ROUTE], workers=2)
    environ = {
        "LAUNCHDARKLY_SDK_KEY": KEY,
        "LAUNCHDARKLY_STREAM_URI": service.url,
        "LAUNCHDARKLY_BASE_URI": service.url,
    }

    async with running(tmp_path, f"{text}flags: {{source: launchdarkly}}\n", environ=environ) as proxy:
        await until(lambda: bool(proxy.events("flags_state")), what="the word that the service is away")
        before = await _sides(proxy)
        service.put(percent_flag("items", 10_000))
        await service.up()
        await until(lambda: len(proxy.events("flags_state")) == 2, what="the service is followed")
        await proxy.wait_ready()
        during = await _sides(proxy)
        service.patch(percent_flag("items", 0, version=2))
        await until(lambda: _is_back(proxy), what="everybody on the monolith")
        states = [event["state"] for event in proxy.events("flags_state")]
        why = {"reason": "test"}
        refusals = [
            await proxy.ask("PUT", "/api/v1/flags/items", {"set": "100%", **why}),
            await proxy.ask("DELETE", "/api/v1/flags/items", why),
        ]
        told = _told_to_workers(proxy)
        log = (tmp_path / "log").read_text()

    assert (before, during) == ({"monolith"}, {"extracted"})
    assert states == ["unreachable", "ready"]
    assert set(service.keys) == {KEY}
    assert [(status, refusal["title"]) for status, refusal in refusals] == [(409, "refused")] * 2
    assert "changed there" in refusals[1][1]["detail"]
    assert KEY not in log
    assert b"LAUNCHDARKLY_STREAM_URI" in told
    assert KEY.encode() not in told
    assert KEY.encode() not in _kept(proxy)


async def _is_back(proxy: Proxy) -> bool:
    return await _sides(proxy) == {"monolith"}


def _told_to_workers(proxy: Proxy) -> bytes:
    """Return the workers' environments and command lines, which other processes of this user can read."""
    return b"".join(Path(f"/proc/{pid}/{of}").read_bytes() for pid in proxy.workers for of in ("environ", "cmdline"))


def _kept(proxy: Proxy) -> bytes:
    return b"".join(path.read_bytes() for path in proxy.state_dir.iterdir() if path.is_file())
