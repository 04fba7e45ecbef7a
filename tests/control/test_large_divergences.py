"""Looking at divergences whose bodies are large, or at many of them, keeps nothing else of control waiting."""

import asyncio
import gzip
import json
from pathlib import Path

import pytest

from strangler.control.divergenceshown import MOST_LOOKED_THROUGH
from tests.control.test_divergences import LIST, take
from tests.support.surface import Client, served


@pytest.mark.parametrize("packed", [False, True])
async def test_a_large_body_is_not_looked_through_for_whoever_asks(tmp_path: Path, packed: bool) -> None:
    body = json.dumps({"n": ["x"] * 20_000}).encode()
    sent = gzip.compress(body) if packed else body
    headers = ((b"Content-Type", b"application/json"), (b"Content-Encoding", b"gzip" if packed else b"identity"))

    async with served() as client:
        take(client, tmp_path, "a", body=sent, headers=headers)
        code, shown = await client.ask("GET", f"{LIST}/a")

    assert (code, shown["request"]["body"]) == (200, f"({len(sent)} bytes)")
    assert len(body) > MOST_LOOKED_THROUGH


async def test_who_looks_at_many_keeps_nobody_waiting_who_needs_a_thread(tmp_path: Path) -> None:
    body = json.dumps({"n": ["x"] * 5_000}).encode()
    looked: list[object] = []

    async def look(client: Client) -> None:
        looked.append(await client.divergences.show("a"))

    async with served() as client, asyncio.TaskGroup() as group:
        take(client, tmp_path, "a", body=body)
        for _ in range(60):
            group.create_task(look(client))
        await asyncio.sleep(0)
        await asyncio.to_thread(lambda: None)
        before = len(looked)

    assert (before < 30, len(looked)) == (True, 60)
