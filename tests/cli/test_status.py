"""`strangler status` as people read it."""

from typing import Any

import pytest

from strangler.cli.status import lines
from strangler.core.histogram import BOUNDS_S
from tests.support.surface import served


@pytest.mark.parametrize(("p95_ms", "said"), [(None, "-"), (5.25, "5.2"), (BOUNDS_S[-1] * 1e3, "over 112 s")])
async def test_what_took_longer_than_is_told_apart_is_no_number_of_ours(p95_ms: float | None, said: str) -> None:
    async with served() as client:
        status: dict[str, Any] = (await client.ask("GET", "/api/v1/status"))[1]
    status["unrouted"]["p95_ms"] = p95_ms

    *_, head, row = lines(status)

    start = head.index("P95 MS")
    assert row[start : head.index("EXTRACTED")].strip() == said
