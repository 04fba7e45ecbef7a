"""Lookup: what finding a route costs, from ten routes to ten thousand."""

import json
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter_ns

from strangler.core.model import Match, Route
from strangler.core.table import Table

SIZES = (10, 100, 1_000, 10_000)
_PATHS = 10
"""As many different requests for every size, so that caches help all of them alike."""
_LOOKUPS = 20_000
_REPEATS = 5
"""The fastest of them is kept: whatever else the machine did only adds."""


def run(json_file: Path | None) -> int:
    """Print the cost at every size and its ratio to the smallest; return the exit code."""
    subjects = [(Table(_routes(size)), _requests(size)) for size in SIZES]
    cost_ns = [min(costs) for costs in zip(*(_round(subjects) for _ in range(_REPEATS)), strict=True)]
    print(f"route lookup, fastest of {_REPEATS} times {_LOOKUPS:,}\n")
    print(f"{'routes':>8}{'ns a lookup':>14}{'ratio':>8}")
    for size, cost in zip(SIZES, cost_ns, strict=True):
        print(f"{size:>8,}{cost:>14,.0f}{cost / cost_ns[0]:>8.2f}")
    if json_file is not None:
        figures = [
            {"routes": size, "ns": cost, "ratio": cost / cost_ns[0]} for size, cost in zip(SIZES, cost_ns, strict=True)
        ]
        json_file.write_text(json.dumps({"scenario": "lookup", "sizes": figures}, indent=2) + "\n", encoding="utf-8")
    return 0


def _routes(count: int) -> list[Route]:
    return [
        Route(
            name=f"route-{number}",
            match=Match(methods=("GET",), path=f"/api/area-{number}/{{id}}/orders"),
            legacy="monolith",
            extracted="extracted",
        )
        for number in range(count)
    ]


def _requests(count: int) -> list[str]:
    step = count // _PATHS
    return [f"/api/area-{number * step}/42/orders" for number in range(_PATHS)]


def _round(subjects: Sequence[tuple[Table, list[str]]]) -> list[float]:
    return [_cost_ns(table, paths) for table, paths in subjects]


def _cost_ns(table: Table, paths: list[str]) -> float:
    find = table.find
    started = perf_counter_ns()
    for _ in range(_LOOKUPS // len(paths)):
        for path in paths:
            find("", path, "GET")
    return (perf_counter_ns() - started) / _LOOKUPS
