"""`strangler discover`, `progress` and `plan`, against an admin API on a real socket."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strangler.cli import discover, main, plan, progress
from strangler.config.load import parse
from strangler.control.operations import Role
from strangler.core.audit import Action
from strangler.core.model import Side
from strangler.core.outcome import Outcome
from strangler.core.tally import Tally
from tests.control.test_discovery import SHAPE, shape
from tests.control.test_discoveryapi import ROUTES
from tests.support.surface import TOKEN, Client, served


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    monkeypatch.setenv("STRANGLER_TOKEN", TOKEN)
    async with served() as made:
        file = made.folder / "routes.yaml"
        file.write_text(ROUTES)
        made.truth.replace_config(parse(ROUTES.encode(), path=file))
        placed = replace(SHAPE, route="users", cohort="users", source="header x-user-id", place=9_900)
        made.discovery.record(
            8,
            (
                replace(placed, sources=("header x-user-id",)),
                shape("/invoices/{uuid}"),
                shape("/invoices/{hash}"),
                shape("/a"),
            ),
        )
        made.discovery.count(
            (Tally(route="", side=Side.LEGACY, outcomes=((Outcome.OK_2XX, 8),), latency=(), seconds=0),)
        )
        yield made


async def run(client: Client, *arguments: str) -> int:
    """Run a command on a thread, so that this loop answers it meanwhile."""
    file = str(client.folder / "routes.yaml")
    return await asyncio.to_thread(main, [*arguments, "--admin", str(client.address), "-c", file])


async def test_endpoints_without_a_route_are_shown_by_their_traffic(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await run(client, "discover")

    today = time.strftime("%Y-%m-%d", time.gmtime())
    lines = [
        line.replace(line[12:28], "DATE            ") if today in line else line
        for line in capsys.readouterr().out.splitlines()
    ]
    assert code == 0
    assert lines == [
        "monolith left: 3 of 3 endpoints, 2 of them without a route",
        "4 of 8 requests looked at; about 0 for paths that no answer has shown to exist",
        "",
        "    2 days  last seen                standing    endpoint",
        "         4  DATE              read   unrouted    GET /invoices/{id}",
        "         2  DATE              read   unrouted    GET /a",
    ]


async def test_all_endpoints_are_shown_if_asked_for(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    await run(client, "discover", "--all")

    assert "monolith    GET /users/{id}  (users)" in capsys.readouterr().out


async def test_the_answer_is_there_as_json(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    await run(client, "discover", "--json")
    assert len(json.loads(capsys.readouterr().out)["endpoints"]) == 3

    await run(client, "progress", "--json")
    assert json.loads(capsys.readouterr().out)["left"]["left"] == 3


async def test_a_suggestion_shows_its_change_and_is_written_with_yes_on_the_audit_log(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await run(client, "discover", "--suggest", "--yes", "--reason", "the next one")

    out = capsys.readouterr().out
    assert code == 0
    assert "+  - name: invoices.read" in out.splitlines()
    assert "strangler explain GET '/invoices/{id}'" in out
    text = (client.folder / "routes.yaml").read_text()
    assert text.startswith(ROUTES)
    assert 'path: "/invoices/{id}"' in text
    (row,) = client.store.journal.page(what=Action.CONFIG).rows
    assert (row.entry.subject, row.entry.why) == ("routes", "the next one")


@pytest.mark.parametrize("more", [("--yes", "--reason", "x"), ("--dry-run",)])
async def test_a_viewer_sees_what_was_discovered_and_writes_no_route(
    client: Client, more: Sequence[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, token = client.tokens.create("reader", Role.VIEWER, for_s=None, who="test", why="test")
    monkeypatch.setenv("STRANGLER_TOKEN", token)

    codes = [await run(client, "discover"), await run(client, "discover", "--suggest", *more)]

    assert codes == [0, 1]
    assert "token:reader has the role viewer" in capsys.readouterr().err
    assert (client.folder / "routes.yaml").read_text() == ROUTES


async def test_a_suggestion_without_a_reason_is_not_written(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(client, "discover", "--suggest", "--yes") == 2
    assert "a reason is needed" in capsys.readouterr().err
    assert (client.folder / "routes.yaml").read_text() == ROUTES


async def test_a_file_that_is_not_served_gets_its_route_here(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(ROUTES)

    code = await asyncio.to_thread(
        main, ["discover", "--suggest", "--yes", "--admin", str(client.address), "-c", str(file)]
    )

    assert (code, "invoices.read" in file.read_text()) == (0, True)
    assert (client.folder / "routes.yaml").read_text() == ROUTES


async def test_nothing_is_written_where_nobody_can_be_asked(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    code = await run(client, "discover", "--suggest", "GET  /a")

    captured = capsys.readouterr()
    assert (code, "+  - name: a.list" in captured.out, "--yes" in captured.err) == (2, True, True)
    assert (client.folder / "routes.yaml").read_text() == ROUTES


@pytest.mark.parametrize(("endpoint", "words"), [("GET /nope", "was seen"), ("GET /users/{id}", "'users' names")])
async def test_only_an_endpoint_without_a_route_gets_one(
    client: Client, capsys: pytest.CaptureFixture[str], endpoint: str, words: str
) -> None:
    assert await run(client, "discover", "--suggest", endpoint, "--yes") == 2
    assert words in capsys.readouterr().err


async def test_progress_shows_a_line_for_each_day(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    code = await run(client, "progress")

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert lines[0] == "monolith left: 3 of 3 endpoints, 2 of them without a route"
    assert lines[-1].endswith(f"{8:>14}  {'100.0%':>8}  {'3 of 3':>14}  {'#' * 40}")


async def test_a_plan_that_changes_something_is_told_and_ends_with_3(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.yaml"
    new.write_text(ROUTES.replace("share: 0%", "share: 2%") + "  - {name: b, match: {path: /b}}\n")

    code = await run(client, "plan", str(new))

    assert code == 3
    assert capsys.readouterr().out.splitlines() == [
        f"8 requests within the last 1 min, 4 of them looked at; compared with generation {client.truth.generation}",
        "",
        "users: 2 requests",
        "           2  to the extracted side",
        "",
        "no recorded request is for: b",
        "",
        "nothing was applied",
    ]


async def test_a_plan_that_changes_nothing_ends_with_0(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.yaml"
    new.write_text(ROUTES + "# a comment\n")

    assert await run(client, "plan", str(new)) == 0
    assert "no request would be treated otherwise" in capsys.readouterr().out

    assert await run(client, "plan", str(new), "--json") == 0
    assert json.loads(capsys.readouterr().out)["changes"] is False


async def test_a_faulty_file_has_no_plan(client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = tmp_path / "new.yaml"
    new.write_text("version: 1\n")

    assert await run(client, "plan", str(new)) == 2
    assert "new.yaml:1:1" in capsys.readouterr().err


LEFT = {"endpoints": 2, "left": 0, "unrouted": 0, "unseen": 3, "held": 1}
DAY = {"day": "2026-11-24", "legacy": 0, "extracted": 0, "monolith_share": None, "left": 0, "endpoints": 2}
FOUND: dict[str, Any] = {
    "left": LEFT,
    "seen": 5,
    "sampled": 5,
    "unknown": 0.0,
    "forgotten": 7,
    "fault": "disk full",
    "endpoints": [],
}


def test_what_is_rare_is_told_in_words() -> None:
    assert list(discover.lines(FOUND, is_all=False))[-3:] == [
        "7 endpoints were forgotten, because there were too many",
        "not kept: disk full",
        "nothing was seen yet",
    ]
    many = [
        {
            "recent_legacy": 1.0,
            "recent_extracted": 1.0,
            "is_read": False,
            "standing": "unrouted",
            "share_bp": 0,
            "route": "",
            "last_seen": 0.0,
            "method": "POST",
            "template": f"/{number}",
        }
        for number in range(50)
    ]
    assert list(discover.lines({**FOUND, "endpoints": many}, is_all=False))[-1] == "... and 10 more: --all"
    split = {**many[0], "standing": "split", "share_bp": 250, "route": "r"}
    assert list(discover.lines({**FOUND, "endpoints": [split]}, is_all=False))[-1] == (
        "every endpoint that was seen has a route"
    )
    assert "2.5%        POST /0  (r)" in list(discover.lines({**FOUND, "endpoints": [split]}, is_all=True))[-1]


def test_a_burn_down_of_nothing_and_of_more_than_a_month() -> None:
    assert list(progress.lines({"left": LEFT, "days": []})) == [
        "monolith left: 0 of 2 endpoints, 0 of them without a route; 1 more extracted but for what is held back; "
        "3 more unseen for 30 days",
        "no request was counted yet",
    ]
    long = list(progress.lines({"left": LEFT, "days": [DAY] * 31}))
    assert long[-1] == "... and 1 days before: --json"
    assert long[3] == f"2026-11-24  {0:>14}  {'-':>8}  {'0 of 2':>14}"


def test_a_plan_says_what_it_cannot_tell() -> None:
    none = {"since": None, "changes": False}
    assert list(plan.lines(none)) == ["no request was recorded within the last hour, so nothing can be told"]
    effect: dict[str, Any] = dict.fromkeys((*(name for name, _ in plan._WORDS), "estimated"), 0.0)
    effect = {**effect, "before": "", "after": "b", "requests": 4.0, "to_extracted": 2.0, "estimated": 2.0}
    told = list(
        plan.lines(
            {
                "since": time.time(),
                "requests": 4.0,
                "sampled": 4,
                "generation": 1,
                "changes": True,
                "unseen": [],
                "effects": [effect],
            }
        )
    )
    assert told[2:5] == [
        "no route -> b: 4 requests",
        "           2  to the extracted side",
        "           2  of these are computed from a share, the others request by request",
    ]
