"""`strangler guards`: every guard, and one with its evidence."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from strangler.cli import main
from strangler.cli.evidence import lines
from tests.support.surface import TOKEN, Client, served

FINDING = {"verdict": "breach", "dry_run": False, "baseline": None, "quantile": None}
ERRORS = {**FINDING, "metric": "error_rate", "measured": 0.5, "limit": 0.05, "requests": 1_200, "baseline": 0.01}
P99 = {
    **FINDING,
    "metric": "latency",
    "measured": 0.8,
    "limit": 0.25,
    "requests": 90,
    "quantile": 0.99,
    "dry_run": True,
}
SAMPLE = {
    "request_id": "r-1",
    "method": "GET",
    "path": "/pay/\x1b[2J",
    "upstream": "s",
    "outcome": "server_error_5xx",
    "status": 503,
    "ms": 12.34,
    "detail": "a\nb",
}
CAUSE = {"who": "guard", "why": "50.0% failed", "rule": ERRORS, "findings": [ERRORS, P99], "samples": [SAMPLE]}


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    monkeypatch.setenv("STRANGLER_TOKEN", TOKEN)
    async with served() as made:
        yield made


async def run(client: Client, *arguments: str) -> int:
    return await asyncio.to_thread(main, ["guards", *arguments, "--admin", str(client.address)])


async def test_all_guards_are_a_table_and_the_code_is_3_while_one_has_tripped(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = [await run(client)]
    closed = capsys.readouterr().out.splitlines()
    await client.ask("POST", "/api/v1/guards/pay/trip", {"reason": "double \x1b[2Jcharges"})
    codes.append(await run(client))
    tripped = capsys.readouterr().out.splitlines()

    assert codes == [0, 3]
    assert closed[0].split() == ["ROUTE", "PHASE", "SINCE", "TRIPS", "WHY"]
    assert [row.split()[:3] for row in closed[1:]] == [["pay", "closed", "ever"], ["read", "closed", "ever"]]
    assert [row.split()[:2] for row in tripped[1:]] == [["pay", "tripped"], ["read", "tripped"]]
    assert tripped[1].endswith(r"UTC  1      double \x1b[2Jcharges")
    assert tripped[2].endswith(r"with pay: double \x1b[2Jcharges")


async def test_the_kill_switch_is_code_3_of_all_routes_and_not_of_one(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    await client.ask("POST", "/api/v1/kill", {"is_on": True, "reason": "incident 7"})

    assert [await run(client), await run(client, "pay")] == [3, 0]
    assert capsys.readouterr().out.startswith("KILLED ")


@pytest.mark.parametrize("route", [(), ("pay",)])
async def test_with_json_it_is_the_answer_of_the_api(
    client: Client, route: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    await client.ask("POST", "/api/v1/guards/pay/trip", {"reason": "test"})

    code = await run(client, *route, "--json")

    answer = (await client.ask("GET", "/".join(("/api/v1/guards", *route))))[1]
    assert (code, json.loads(capsys.readouterr().out)) == (3, answer)


async def test_a_route_that_is_not_guarded_is_code_2(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(client, "payy") == 2
    assert "payy" in capsys.readouterr().err


async def shown(client: Client, **otherwise: Any) -> list[str]:
    guard = (await client.ask("GET", "/api/v1/guards/pay"))[1]
    return list(lines({**guard, **otherwise}))


async def test_a_trip_has_its_rules_with_their_figures_and_the_requests_that_failed(client: Client) -> None:
    text = await shown(client, phase="tripped", cause={**CAUSE, "share_bp": 2_500, "with": "read"})

    assert "why       50.0% failed" in text
    assert "share     25% then" in text
    start = text.index("what each rule of read said when it tripped")
    assert [" ".join(line.split()) for line in text[start + 1 : start + 4]] == [
        "RULE SAYS MEASURED LIMIT MONOLITH RESTS ON",
        "failures, short window breach, it tripped 50.0% 5.0% 1.0% 1,200",
        "latency, p99 breach, dry run 800.0 ms 250.0 ms - 90",
    ]
    start = text.index("the last 1 requests that failed")
    said = ["GET", r"/pay/\x1b[2J", "server_error_5xx", "503", "s", "12.3", "ms", r"a\nb", "r-1"]
    assert text[start + 2].split() == said
    assert "what each rule measures now" not in text


async def test_a_closed_guard_has_what_each_rule_measures_now(client: Client) -> None:
    judged = await shown(client, findings=[{**P99, "verdict": "hold", "dry_run": False}])
    unjudged = await shown(client)

    assert "what each rule measures now" in judged
    assert " ".join(judged[-1].split()) == "latency, p99 too little data 800.0 ms 250.0 ms - 90"
    assert unjudged[-1] == "no request of the extracted side was judged yet"
