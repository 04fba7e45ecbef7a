"""For machines each command prints the API's answer and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from strangler.cli import main
from tests.support.surface import TOKEN, Client, served


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    monkeypatch.setenv("STRANGLER_TOKEN", TOKEN)
    async with served() as made:
        yield made


async def answer_of(client: Client, capsys: pytest.CaptureFixture[str], *arguments: str) -> object:
    code = await asyncio.to_thread(main, [*arguments, "--json", "--admin", str(client.address)])
    assert code == 0
    return json.loads(capsys.readouterr().out)


WHY = ("--reason", "test")


async def test_a_changed_flag_is_the_one_that_the_api_shows(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    changed = await answer_of(client, capsys, "flags", "set", "payments", "25%", *WHY)
    shown = await answer_of(client, capsys, "flags", "get", "payments")

    assert isinstance(changed, dict)
    assert shown == {"flag": changed["flag"], "summary": changed["summary"]}


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("trip", "pay"), {"tripped": ["pay", "read"], "changed": True}),
        (("reset", "pay"), {"reset": [], "changed": False}),
        (("kill", "on"), {"is_killed": True, "changed": True}),
        (("shadow", "reset", "pay"), {"reset": ["pay"]}),
    ],
)
async def test_a_change_prints_what_was_done(
    client: Client, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], answer: object
) -> None:
    assert await answer_of(client, capsys, *arguments, *WHY) == answer
