"""`strangler shadow accept`: a difference that is meant becomes a rule of the routes file."""

import argparse
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from strangler.cli import admin, exits, onrecord, options
from strangler.cli.admin import Admin, NothingRunsError
from strangler.cli.asking import edit, edited
from strangler.config import load
from strangler.config.accepting import accept, check_path
from strangler.core.ignoring import Spot, cautions, ignored
from strangler.core.jsonpath import parse_path
from strangler.errors import AdminError


def add(actions: Any) -> None:
    """Add the action."""
    about = "accept what differs at a path as intended: add `ignore: PATH` to the route in the routes file"
    parser = actions.add_parser(
        "accept",
        help=about,
        description="Show the change of the routes file first, then ask whether to write it. The proxy that runs with "
        "the file makes it, for an operator and a reason; where none does, the file is written here.",
        epilog=exits.codes({1: exits.DECLINED}),
        allow_abbrev=False,
    )
    parser.add_argument("route", type=options.name, metavar="ROUTE")
    parser.add_argument("path", metavar="PATH", help="as the report shows it, such as '$.items[*].price'")
    parser.add_argument("--yes", action="store_true", help="write without asking; needed where no terminal is")
    parser.add_argument("--json", action="store_true", help="print what was written as JSON; nobody is asked")
    options.add_change(parser)
    options.add_admin(parser)
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    check_path(given.path)
    before = load.read_file(given.config)
    after = accept(before, route=given.route, path=given.path, file=given.config)
    running = _running(given)
    path = f"{_path(given.route)}/accept"
    change = onrecord.tried(running, given, before, path, {"path": given.path})
    if after is None:
        told = f"{given.path} is ignored already; nothing was written"
        print(json.dumps(edited(given), indent=2) if given.json else told)
        return 0
    if not edit(given, before, after, change=change, cautions=_cautions(given, running)):
        return 1
    if not given.json and not given.dry_run:
        print(f"what was found of {given.route} begins anew with it")
    return 0


def _running(given: argparse.Namespace) -> Admin | None:
    """Return the instance that answers, None if nothing runs."""
    try:
        found = admin.find(given)
        found.ask("GET", "/api/v1/generation")
    except NothingRunsError:
        return None
    return found


def _cautions(given: argparse.Namespace, running: Admin | None) -> Iterator[str]:
    """Yield what whoever agrees should know; of what was found, only if an instance runs."""
    wanted = parse_path(given.path)
    if not wanted.steps:
        yield "`$` is the whole body: no difference in it is found any more, whatever it is"
    if running is None:
        return
    try:
        found = running.ask("GET", _path(given.route))
    except AdminError as error:
        # Because the rule is of the file, which may be of another instance than the one that is asked.
        yield f"what was found is not known: {error}"
        return
    spots = [Spot(place=group["place"], kind=group["kind"], count=group["count"]) for group in found["groups"]]
    for spot in ignored(wanted, spots) if given.dry_run else ():
        yield f"would be ignored: {spot.place}  {spot.kind}, {spot.count:,} times"
    yield from cautions(given.route, wanted, found["counts"]["compared"], spots)


def _path(route: str) -> str:
    return f"/api/v1/shadow/{quote(route, safe='')}"
