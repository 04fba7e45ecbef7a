"""`strangler shadow recordings` and `forget`: which reads are kept to be asked again, and deleting them."""

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from strangler.cli import admin, changing, options
from strangler.cli.times import date_text


def add(actions: Any, epilog: str) -> None:
    """Add the commands."""
    about = "show which routes record, and how much is kept of each; never what is in it"
    shown = actions.add_parser("recordings", help=about, epilog=epilog, allow_abbrev=False)
    shown.add_argument("route", nargs="?", type=options.name, metavar="ROUTE", help="one route (default: all)")
    shown.add_argument("--json", action="store_true", help="print JSON")
    options.add_admin(shown)
    shown.set_defaults(run=_show)

    about = "delete the recordings of a route; it is recorded in the audit log"
    forget = actions.add_parser("forget", help=about, epilog=epilog, allow_abbrev=False)
    forget.add_argument("route", type=options.name, metavar="ROUTE")
    forget.add_argument("--json", action="store_true", help="print the API's answer as it is")
    options.add_change(forget)
    options.add_admin(forget)
    forget.set_defaults(run=_forget)


def _show(given: argparse.Namespace) -> int:
    running = admin.find(given)
    if given.route is None:
        answer = running.ask("GET", "/api/v1/recordings")
    else:
        answer = {"fault": "", "routes": [running.ask("GET", _path(given.route))]}
    print(json.dumps(answer, indent=2) if given.json else "\n".join(_lines(answer)))
    return 0


def _forget(given: argparse.Namespace) -> int:
    def tell(answer: Any) -> None:
        print(f"forgotten: {answer['forgotten']:,} recordings of {answer['route']}")

    return changing.run(given, "POST", f"{_path(given.route)}/forget", {}, tell)


def _lines(answer: Mapping[str, Any]) -> Iterator[str]:
    if answer["fault"]:
        yield answer["fault"]
    if not answer["routes"]:
        yield "no route records"
    for one in answer["routes"]:
        recording = "does not record now" if one["keep"] is None else f"at most {one['keep']:,}"
        kept = f"{one['count']:,} reads of {one['kinds']:,} kinds, {one['bytes'] / 1024:,.0f} KiB"
        since = f", from {date_text(one['first'])} to {date_text(one['last'])}" if one["count"] else ""
        yield f"{one['route']}: {kept} ({recording}){since}"
        if one["not_recorded"]:
            reasons = ", ".join(f"{why} {count:,}" for why, count in sorted(one["not_recorded"].items()))
            yield f"  not recorded: {reasons}"


def _path(route: str) -> str:
    return f"/api/v1/recordings/{quote(route, safe='')}"
