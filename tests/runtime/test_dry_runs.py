"""Dry runs of a whole proxy: what the command says beforehand is what then happens, and until then nothing does."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from strangler.cli import main
from tests.support.backend import backend, ok, says
from tests.support.proxy import Proxy, routes_text, running
from tests.support.waiting import until

ROUTE = "{name: pay, match: {methods: [GET], path: /pay}, extracted: extracted, flag: payments}"
REQUESTS = 20
WHY = ("--reason", "test")


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Proxy]:
    async with backend(says(ok(b"m"))) as monolith, backend(says(ok(b"e"))) as extracted:
        routes = routes_text(monolith=monolith.port, extracted=extracted.port, routes=[ROUTE], workers=2)
        async with running(tmp_path, routes) as started:
            for number in range(REQUESTS):
                assert (await started.get("/pay", user=str(number)))[0] == 200

            async def is_counted() -> bool:
                (route,) = (await started.status())["routes"]
                return bool(route["sides"]["legacy"]["requests"] == REQUESTS)

            await until(is_counted, what="the workers' reports")
            yield started


async def command(proxy: Proxy, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = await asyncio.to_thread(main, [*arguments, "-c", str(proxy.routes)])
    return code, capsys.readouterr().out


async def standing(proxy: Proxy) -> Any:
    """Return what a change would change: the generation, the audit log, the routes file and the workers."""
    generation = (await proxy.ask("GET", "/api/v1/generation"))[1]["tag"]
    rows = (await proxy.ask("GET", "/api/v1/audit"))[1]["rows"]
    return generation, rows, proxy.routes.read_bytes(), proxy.workers


async def test_a_share_that_is_tried_tells_the_requests_that_would_move_and_moves_none(
    proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    before = await standing(proxy)

    code, text = await command(proxy, capsys, "flags", "set", "payments", "50%", "--dry-run", "--json")
    tried = await standing(proxy)
    sides = {(await proxy.get("/pay", user=str(number)))[1] for number in range(REQUESTS)}
    done, _ = await command(proxy, capsys, "flags", "set", "payments", "50%", *WHY)
    _, killed = await command(proxy, capsys, "kill", "on", "--dry-run", "--json")

    (moved,) = json.loads(text)["moved"]
    assert (code, tried, sides) == (0, before, {"m"})
    assert (moved["route"], moved["before_bp"], moved["after_bp"], moved["extracted_before"]) == ("pay", 0, 5_000, 0.0)
    assert moved["extracted_after"] == pytest.approx(moved["per_minute"] / 2, abs=0.01)
    assert moved["per_minute"] > 0
    assert done == 0
    assert [(one["before_bp"], one["after_bp"]) for one in json.loads(killed)["moved"]] == [(5_000, 0)]


async def test_a_restart_that_is_tried_names_the_workers_and_replaces_none(
    proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    before = await standing(proxy)

    code, text = await command(proxy, capsys, "restart", "--dry-run")
    tried = await standing(proxy)

    assert (code, tried) == (0, before)
    assert {line for line in text.splitlines() if line.startswith("  process")} == {
        f"  process: {pid} -> another one" for pid in proxy.workers
    }


async def test_a_file_that_is_tried_is_not_served_and_its_faults_have_the_code_of_a_faulty_file(
    proxy: Proxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = await standing(proxy)
    wanted, faulty = tmp_path / "wanted.yaml", tmp_path / "faulty.yaml"
    wanted.write_text(proxy.routes.read_text().replace("flag: payments", "share: 50%"))
    faulty.write_text("version: 2\n")

    code, text = await command(proxy, capsys, "config", "apply", str(wanted), "--dry-run")
    refused, _ = await command(proxy, capsys, "config", "apply", str(faulty), "--dry-run")

    assert (code, refused, await standing(proxy)) == (0, 2, before)
    assert "pay: 0% -> 50% extracted, 0 -> " in text
