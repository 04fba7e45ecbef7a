"""`strangler progress`: how much of the monolith is left, and how it became less."""

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any

from strangler.cli import admin, options
from strangler.cli.discover import left_text
from strangler.cli.outlet import say

_BAR = 40
_DAYS = 30


def add(commands: Any, epilog: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "progress",
        help="show how much of the monolith is left, day by day",
        description="Show how many endpoints and which part of the requests the monolith still answers, day by day.",
        epilog=epilog,
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print the API's answer as it is, with every day")
    options.add_admin(parser)
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    progress = admin.find(given).ask("GET", "/api/v1/progress")
    if given.json:
        print(json.dumps(progress, indent=2))
        return 0
    for line in lines(progress):
        say(line)
    return 0


def lines(progress: Mapping[str, Any]) -> Iterator[str]:
    """Return the burn-down as text, the last month of it."""
    yield left_text(progress["left"])
    days = progress["days"][-_DAYS:]
    if not days:
        yield "no request was counted yet"
        return
    yield ""
    yield f"{'day (UTC)':<10}  {'requests':>14}  {'monolith':>8}  {'endpoints left':>14}"
    for day in days:
        yield _row(day)
    earlier = len(progress["days"]) - len(days)
    if earlier:
        yield f"... and {earlier} days before: --json"


def _row(day: Mapping[str, Any]) -> str:
    share = day["monolith_share"]
    percent, bar = ("-", "") if share is None else (f"{share:.1%}", "#" * round(share * _BAR))
    left = f"{day['left']} of {day['endpoints']}"
    return f"{day['day']:<10}  {day['legacy'] + day['extracted']:>14,}  {percent:>8}  {left:>14}  {bar}".rstrip()
