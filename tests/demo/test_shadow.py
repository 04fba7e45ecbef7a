"""The demo in shadow mode: its documented divergences are found, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.demo.demos import started, strangler, write_routes
from tests.support.waiting import until

pytestmark = pytest.mark.slow
DIVERGENCES = {
    ("status.read", "$.components[*].uptime_percent", "type"),
    ("notifications.list", "$.items[*].read_at", "missing"),
    ("users.read", "$.permissions", "order"),
    ("payments.read", "$.fee_cents", "value"),
    ("payments.transactions", "$.items[*].fee_cents", "value"),
}
"""docs/demo-divergences.md, those of them that reads show."""


async def test_the_four_documented_divergences_are_found_and_nothing_else_is_different(tmp_path: Path) -> None:
    routes = write_routes(tmp_path, "demo/shadow.yaml")
    report: list[dict[str, Any]] = []

    async def is_all_found() -> bool:
        said = await strangler(routes, "shadow", "report", "--format", "json")
        report[:] = json.loads(said.output)["routes"] if said.code == 0 else []
        # Because a place is a regression only when that is proven, some time has to pass.
        return len(report) == 6 and sum(route["natures"]["regression"] for route in report) == len(DIVERGENCES)

    async with started(routes, "--traffic", "reads") as demo:
        await demo.wait_for("requests/s")
        await until(is_all_found, deadline_s=100, what="all divergences")
        text = await strangler(routes, "shadow", "report", "payments.read")
        demo.process.terminate()
        code = await demo.wait_end()

    groups = {(route["route"], group["place"], group["kind"]): group for route in report for group in route["groups"]}
    kyc = next(route for route in report if route["route"] == "users.kyc")
    assert groups.keys() == DIVERGENCES
    assert all(group["nature"] == "regression" and group["examples"] for group in groups.values())
    assert kyc["counts"]["compared"] == kyc["counts"]["equal"] > 0
    assert all(route["counts"]["not_comparable"] == 0 for route in report)
    assert "$.fee_cents  value" in text.output
    assert code == 0, demo.text
