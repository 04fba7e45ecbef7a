"""The admin port of a real instance: what is written there is served, and why a share is what it is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.backend import backend, ok, says
from tests.support.proxy import Proxy, routes_text, running

ROUTE = "{name: pay, match: {path: /pay}, extracted: extracted, flag: payments}"


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Proxy]:
    async with (
        backend(says(ok(b"monolith"))) as monolith,
        backend(says(ok(b"extracted"))) as extracted,
        running(
            tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[ROUTE], workers=1)
        ) as made,
    ):
        yield made


async def source(proxy: Proxy) -> tuple[str, int | None]:
    _, route = await proxy.ask("GET", "/api/v1/routes/pay")
    return route["source"], route["share_bp"]


async def test_the_kill_switch_goes_before_the_guard_and_the_guard_before_the_flag(proxy: Proxy) -> None:
    why = {"reason": "test"}
    await proxy.ask("PUT", "/api/v1/flags/payments", {"set": "25%", **why})
    found = [await source(proxy)]
    await proxy.ask("POST", "/api/v1/guards/pay/trip", why)
    found.append(await source(proxy))
    await proxy.ask("POST", "/api/v1/kill", {"is_on": True, **why})
    found.append(await source(proxy))
    await proxy.ask("POST", "/api/v1/kill", {"is_on": False, **why})
    await proxy.ask("POST", "/api/v1/guards/pay/reset", why)
    found.append(await source(proxy))

    assert found == [("flag", 2_500), ("guard", 0), ("kill", 0), ("flag", 2_500)]


async def test_a_routes_file_that_is_put_is_what_the_next_request_meets(proxy: Proxy) -> None:
    before = await proxy.get("/pay")
    _, shown = await proxy.ask("GET", "/api/v1/config")
    text = shown["text"].replace("flag: payments", "share: 100%")
    code, written = await proxy.ask(
        "PUT", "/api/v1/config", {"text": text, "digest": shown["digest"], "reason": "everybody"}
    )
    await proxy.wait_ready()
    after = await proxy.get("/pay")
    _, audit = await proxy.ask("GET", "/api/v1/audit")

    assert (before, after) == ((200, "monolith"), (200, "extracted"))
    assert (code, written["status"]["state"], written["status"]["digest"]) == (200, "current", written["digest"])
    assert written["generation"] > shown["generation"]
    assert [(row["what"], row["who"]) for row in audit["rows"]] == [
        ("reload", "routes file"),
        ("migration", "guard"),
        ("config", "admin-token"),
    ]
    assert await source(proxy) == ("share", 10_000)


async def test_a_token_that_was_made_outlives_a_restart_of_everything(proxy: Proxy) -> None:
    _, made = await proxy.ask("POST", "/api/v1/tokens", {"name": "ci", "role": "viewer", "reason": "test"})
    known = {"Authorization": f"Bearer {made['secret']}"}
    before, _ = await proxy.ask("GET", "/api/v1/status", headers=known)
    await proxy.stop()
    async with running(proxy.folder, proxy.routes.read_text()) as again:
        after, _ = await again.ask("GET", "/api/v1/status", headers=known)
        change, _ = await again.ask("POST", "/api/v1/kill", {"is_on": True, "reason": "x"}, headers=known)

    assert (before, after, change) == (200, 200, 403)
