"""Summary: what runs, as lines of text. Values in, lines out."""

import textwrap
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from demo.admin import Guard, Route, Side, Status
from demo.screen import Line
from demo.traffic import Counts

RECENT_S = 10.0
"""Long enough for a steady figure, short enough to see a change of a flag come."""
WIDE = 104
"""Columns that the whole table takes; on less, flag and recent share are left out, and it takes 80."""
_NOTE_WIDTH = 80
_PHASES = {
    "tripped": "back on the monolith until `strangler reset`",
    "cooling": "back on the monolith, comes back by itself",
    "probing": "a small share tries whether it holds",
}
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
    """Return one line for each endpoint, and one for all the others together.

    An alert is one that fails now, or that was taken back.
    """
    is_wide = width >= WIDE
    rows = [_row(route, recent, is_killed=status.is_killed) for route in status.routes]
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
    alerts = (
        False,
        *(recent.has_failed(route.name) or route in status.tripped or status.is_killed for route in status.routes),
        False,
    )
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
    """Return what somebody should know beside the table, the most pressing first, on lines that fit 80 columns."""
    if status.is_killed:
        yield Line("KILLED    the kill switch is on: the monolith answers everything", is_alert=True)
    if status.store_fault:
        yield from _told("store", f"cannot be written, so trips are kept in memory: {status.store_fault}")
    for guard, routes in _together(status.tripped):
        what = _PHASES.get(guard.phase, guard.phase)
        since = time.strftime("%H:%M:%S", time.localtime(guard.since))
        yield from _told(guard.phase.upper(), f"{', '.join(routes)}: {what}, since {since}: {guard.why}")
    alone = [route.name for route in status.routes if route.guard is not None and route.guard.is_alone]
    if alone:
        said = f"{', '.join(alone)}: nothing left on the monolith to compare with, so only absolute limits guard"
        yield from _told("alone", said, is_alert=False)
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


def _together(routes: Iterable[Route]) -> Iterable[tuple[Guard, list[str]]]:
    """Yield routes that were taken back at one time, as a cohort is, side by side with the guard of the first cause."""
    found: dict[tuple[str, float], list[tuple[Guard, str]]] = {}
    for route in routes:
        if route.guard is not None:
            found.setdefault((route.guard.phase, route.guard.since), []).append((route.guard, route.name))
    for one in found.values():
        # Because a route that went with another one says "with ..." before the reason.
        yield min((guard for guard, _ in one), key=lambda guard: len(guard.why)), [name for _, name in one]


def _told(title: str, text: str, *, is_alert: bool = True) -> Iterable[Line]:
    for number, part in enumerate(textwrap.wrap(text, _NOTE_WIDTH - 10)):
        yield Line(f"{'' if number else title:<10}{part}", is_alert=is_alert)


def _row(route: Route, recent: Recent, *, is_killed: bool) -> tuple[str, ...]:
    seen = recent.share(route.name)
    phase = route.guard.phase if route.guard is not None else "closed"
    flag = "?" if route.share_bp is None else f"{route.share_bp / 100:g}%"
    is_back = is_killed or phase != "closed"
    share = "probing" if phase == "probing" and not is_killed else "0%" if is_back else flag
    note = ", ".join(
        part
        for part in (
            "killed" if is_killed else phase if phase != "closed" else "",
            f"{'flag' if route.flag else 'file'} says {flag}" if is_back else "",
            route.note,
        )
        if part
    )
    return (
        route.name,
        route.flag or "(fixed)",
        share,
        "-" if seen is None else f"{seen:.0%}",
        *_side(route.sides.legacy),
        *_side(route.sides.extracted),
        note,
    )


def _counted(route: Route) -> tuple[int, int, int]:
    legacy, extracted = route.sides.legacy, route.sides.extracted
    return legacy.requests, extracted.requests, legacy.failed + extracted.failed


def _side(side: Side) -> tuple[str, str, str]:
    p95 = "-" if side.p95_ms is None else f"{side.p95_ms:.1f}" if side.p95_ms < 1000 else f"{side.p95_ms:.0f}"
    return f"{side.requests:,}", f"{side.failed:,}", p95


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
