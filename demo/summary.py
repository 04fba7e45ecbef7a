"""Summary: what runs, as lines of text. Values in, lines out."""

from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from demo.admin import Route, Side, Status
from demo.screen import Line
from demo.traffic import Counts

RECENT_S = 10.0
"""Long enough for a steady figure, short enough to see a change of a flag come."""
WIDE = 104
"""Columns that the whole table takes; on less, flag and recent share are left out, and it takes 80."""
_Counted = dict[str, tuple[int, int, int]]
"""By route: requests of the monolith's side, of the extracted side, and failures of both."""


class Recent:
    """Remembers the last seconds: what share of requests really went to the extracted side, and what failed."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, _Counted]] = deque()

    def add(self, status: Status) -> None:
        """Take what was counted until now, and forget what is too old."""
        while self._kept and self._kept[0][0] < status.uptime_s - RECENT_S - 0.5:
            self._kept.popleft()
        self._kept.append((status.uptime_s, {route.name: _counted(route) for route in status.routes}))

    def share(self, route: str) -> float | None:
        """Return the extracted side's share of the last requests; None if there were none."""
        legacy, extracted, _ = self._grown(route)
        return extracted / (legacy + extracted) if legacy + extracted else None

    def has_failed(self, route: str) -> bool:
        """Return whether one of the last requests failed."""
        return self._grown(route)[2] > 0

    def _grown(self, route: str) -> tuple[int, int, int]:
        now, before = (kept.get(route, (0, 0, 0)) for kept in (self._kept[-1][1], self._kept[0][1]))
        return now[0] - before[0], now[1] - before[1], now[2] - before[2]


def table(status: Status, recent: Recent, width: int) -> Sequence[Line]:
    """Return one line for each endpoint, and one for all the others together; an alert is one that fails now."""
    is_wide = width >= WIDE
    rows = [_row(route, recent) for route in status.routes]
    rows.append(("all other requests", "", "", "", *_side(status.unrouted), "", "", "", ""))
    head = ("endpoint", "flag", "set" if is_wide else "share", "last 10 s", *("requests", "failed", "p95 ms") * 2, "")
    left = 2 if is_wide else 1
    kept = [column for column in range(len(head)) if is_wide or column not in (1, 3)]
    cells = [[row[column] for column in kept] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(kept))]
    lines = [
        "  ".join(
            cell.ljust(size) if column < left or column == len(kept) - 1 else cell.rjust(size)
            for column, (cell, size) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    alerts = (False, *(recent.has_failed(route.name) for route in status.routes), False)
    return [
        Line(_over(kept, widths).rstrip(), is_heading=True),
        *(
            Line(line, is_heading=row == 0, is_alert=is_alert)
            for row, (line, is_alert) in enumerate(zip(lines, alerts, strict=True))
        ),
    ]


def traffic_lines(counts: Counts, seconds: float, left_s: float, ended: str) -> Sequence[str]:
    """Return what the clients saw, on lines that fit 80 columns."""
    rate = f"{counts.sent / seconds:.0f} requests/s, " if seconds >= 1 and not ended else ""
    lines = [f"traffic   {rate}{counts.sent:,} sent, {counts.failed:,} failed, {counts.refused:,} refused (4xx)"]
    if counts.held:
        lines.append(f"          {counts.held:,} visits did not begin because too many waited for answers")
    if counts.refused:
        lines.append("          refused: who changes sides does not find there what was made on the other one")
    if ended:
        return [*lines, f"          {ended}"]
    return [
        *lines,
        f"          and {counts.events:,} events on an open stream, which the table counts when it ends",
        f"          ends by itself in {_minutes(left_s)}",
    ]


def notes(status: Status) -> Iterable[Line]:
    """Return what somebody should know beside the table."""
    if status.config.state != "current":
        count = len(status.config.faults)
        said = f"routes    the file has {count} fault{'' if count == 1 else 's'}; the last good one is served"
        yield Line(said, is_alert=True)
        for fault in status.config.faults[:3]:
            # Because the folder is on the first lines already, and the screen ends somewhere.
            yield Line(f"          {fault.removeprefix(f'{Path(status.config.file).parent}/')}")


def duration(seconds: float) -> str:
    """Return a duration as a clock shows it."""
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}"


def _over(kept: Sequence[int], widths: Sequence[int]) -> str:
    """Return the line that says which columns belong together."""
    groups = ((" share ", 2, 2), (" monolith ", 4, 3), (" extracted ", 7, 3))
    line = ""
    for title, column, count in groups:
        if not {*range(column, column + count)} <= {*kept}:
            # Because a single column has its own heading.
            continue
        first = kept.index(column)
        start = sum(widths[:first]) + 2 * first
        size = sum(widths[first : first + count]) + 2 * (count - 1)
        line = f"{line:<{start}}{title:─^{size}}"
    return line


def _row(route: Route, recent: Recent) -> tuple[str, ...]:
    seen = recent.share(route.name)
    return (
        route.name,
        route.flag or "(fixed)",
        "?" if route.share_bp is None else f"{route.share_bp / 100:g}%",
        "-" if seen is None else f"{seen:.0%}",
        *_side(route.sides.legacy),
        *_side(route.sides.extracted),
        route.note,
    )


def _counted(route: Route) -> tuple[int, int, int]:
    legacy, extracted = route.sides.legacy, route.sides.extracted
    return legacy.requests, extracted.requests, legacy.failed + extracted.failed


def _side(side: Side) -> tuple[str, str, str]:
    p95 = "-" if side.p95_ms is None else f"{side.p95_ms:.1f}" if side.p95_ms < 1000 else f"{side.p95_ms:.0f}"
    return f"{side.requests:,}", f"{side.failed:,}", p95


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
