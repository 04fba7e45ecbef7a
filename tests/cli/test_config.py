"""`strangler config` against an admin API that answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from strangler.cli import main
from tests.support.shown import ROUTES_TEXT
from tests.support.surface import TOKEN, Client, served


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    monkeypatch.setenv("STRANGLER_TOKEN", TOKEN)
    async with served() as made:
        yield made


async def run(client: Client, *arguments: str) -> int:
    return await asyncio.to_thread(main, ["config", *arguments, "--admin", str(client.address)])


async def test_the_file_is_shown_as_it_is(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    code = await run(client, "show")

    assert (code, capsys.readouterr().out) == (0, ROUTES_TEXT)


async def test_a_dry_run_tells_what_would_change_and_writes_nothing(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = tmp_path / "new.yaml"
    wanted.write_text(ROUTES_TEXT.replace("10%", "25%"))

    code = await run(client, "apply", str(wanted), "--dry-run")

    assert (code, client.file.read_text()) == (0, ROUTES_TEXT)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "--- routes.yaml"
    assert "changed route pay\n  share: 10% -> 25%\n" in "\n".join(told)
    assert told[-1] == "dry run: nothing was changed"


async def test_a_file_is_applied_with_a_reason(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = tmp_path / "new.yaml"
    wanted.write_text(ROUTES_TEXT.replace("10%", "25%"))

    code = await run(client, "apply", str(wanted), "--reason", "more", "--json")

    assert (code, client.file.read_text()) == (0, wanted.read_text())
    assert "+  share: 25%" in json.loads(capsys.readouterr().out)["diff"]


async def test_faults_are_told_with_their_lines_and_nothing_is_written(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = tmp_path / "new.yaml"
    wanted.write_text(ROUTES_TEXT.replace("share: 10%", "share: 10"))

    code = await run(client, "apply", str(wanted), "--reason", "more")

    assert (code, client.file.read_text()) == (2, ROUTES_TEXT)
    assert capsys.readouterr().err.startswith(f"{wanted}:10:10: routes[0].share: ")
