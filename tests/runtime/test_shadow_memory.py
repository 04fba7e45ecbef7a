"""What shadowing takes of memory, with answers as large as they may be."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.shadow.sides import document
from strangler.proxy.capture import MOST_HELD
from strangler.runtime.arena import ARENA_BYTES
from strangler.runtime.offers import HIGH_WATER_BYTES
from strangler.shadow.budget import MOST_MEMORY
from tests.runtime.test_shadow import JSON, READ, comparer_of, findings, until_comparing
from tests.support.backend import backend, ok, says
from tests.support.proxy import routes_text, running
from tests.support.waiting import until

LARGE = READ.replace("noise: 0%", "noise: 0%, max_body: 8MiB")
USUAL = json.dumps(document(8 * 1_048_576)).encode()
MADE_TO_BE_LARGE = b"[" + b"{}," * 2_200_000 + b"%d]"


def _memory(pid: int, field: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        (USUAL, USUAL.replace(b'"Customer 100005"', b'"Customer X"'), "different"),
        (MADE_TO_BE_LARGE % 1, MADE_TO_BE_LARGE % 2, "not_comparable"),
    ],
    ids=["records of 8 MiB", "JSON that takes 25 times its size"],
)
async def test_memory_stays_within_its_bounds_with_large_answers(
    tmp_path: Path, one: bytes, other: bytes, result: str
) -> None:
    async with (
        backend(says(ok(one, JSON))) as monolith,
        backend(says(ok(other, JSON))) as extracted,
        running(tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[LARGE])) as proxy,
    ):
        comparer = await until_comparing(proxy)
        worker = (await proxy.status())["workers"][0]["pid"]
        before = _memory(comparer, "VmRSS"), _memory(worker, "VmRSS")
        found: dict[str, Any] = {}

        async def is_compared() -> bool:
            await proxy.get("/users/7")
            found.update(await findings(proxy))
            return bool(found[result])

        await until(is_compared, deadline_s=60)
        grown = _memory(comparer, "VmHWM") - before[0], _memory(worker, "VmHWM") - before[1]
        assert comparer_of(proxy) == comparer
    assert found["obstacles"] == ({"too_large": found[result]} if result == "not_comparable" else {})
    assert grown[0] <= MOST_MEMORY
    assert grown[1] <= MOST_HELD + ARENA_BYTES + HIGH_WATER_BYTES
