"""Report: a column for each number of routes, and how many times the smallest one's figure each is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.operator.asking import Cost
from bench.operator.looking import Sight


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What was found with so many routes."""

    size: int
    costs: Sequence[Cost]
    sights: Sequence[Sight]


def lines(columns: Sequence[Column]) -> Iterable[str]:
    """Return the figures as text."""
    yield f"\n{'':<42}" + "".join(f"{column.size:>20,}" for column in columns)
    for rows in zip(*(list(_of(column)) for column in columns), strict=True):
        first = rows[0][1]
        cells = [
            f"{value:,.1f}{f' ({value / first:.1f}x)' if first and index else ''}"
            for index, (_, value) in enumerate(rows)
        ]
        yield f"{rows[0][0]:<42}" + "".join(f"{cell:>20}" for cell in cells)


def _of(column: Column) -> Iterable[tuple[str, float]]:
    for cost in column.costs:
        is_stream = cost.what.endswith(("listen", "looks"))
        rate = " a second" if is_stream else ""
        if cost.size:
            yield f"{cost.what}: KiB{rate}", cost.size / 1024
        if cost.messages:
            yield f"{cost.what}: messages a second", cost.messages
        yield f"{cost.what}: control's CPU ms{rate}", cost.cpu_ms
        yield f"{cost.what}: longest stall, CPU ms", cost.stall_ms
        if cost.took_ms and not is_stream:
            yield f"{cost.what}: took ms", cost.took_ms
    for sight in column.sights:
        yield f"{sight.what} {sight.unit}".rstrip(), sight.value
