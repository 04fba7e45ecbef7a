"""`strangler discover`: the endpoints of live traffic, and a route for one that has none."""

import argparse
import json
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from strangler.cli import admin, exits, onrecord, options
from strangler.cli.admin import Admin
from strangler.cli.asking import edit
from strangler.cli.outlet import say
from strangler.cli.status import share_text
from strangler.config import load
from strangler.config.stub import add_stub, suggest
from strangler.errors import UsageError

_MOST_SHOWN = 40
"""Lines of the table without --all."""


def add(commands: Any, epilog: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "discover",
        help="show the endpoints of live traffic, or write a route for one",
        description="Show the endpoints that no route names, those with the most traffic first. With --suggest, show "
        "the change of the routes file that gives one a route, then ask whether to write it; the monolith answers it "
        "as before. The proxy makes the change, for an operator and a reason, if it runs with this very file.",
        epilog=exits.codes({1: exits.DECLINED}),
        allow_abbrev=False,
    )
    parser.add_argument("--all", action="store_true", help="show those that a route names too, and all lines")
    parser.add_argument("--json", action="store_true", help="print JSON: the API's answer, or what --suggest wrote")
    parser.add_argument(
        "--suggest",
        nargs="?",
        const="",
        metavar="'METHOD PATH'",
        help="write a route for this endpoint, as the table shows it (default: the first one without a route)",
    )
    parser.add_argument("--yes", action="store_true", help="write without asking; needed where no terminal is")
    options.add_change(parser)
    options.add_admin(parser)
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    running = admin.find(given)
    found = running.ask("GET", "/api/v1/discovery")
    if given.suggest is not None:
        return _suggest(given, running, found["endpoints"])
    if given.json:
        print(json.dumps(found, indent=2))
        return 0
    for line in lines(found, is_all=given.all):
        say(line)
    return 0


def lines(found: Mapping[str, Any], *, is_all: bool) -> Iterator[str]:
    """Return what was discovered as text."""
    yield left_text(found["left"])
    sampled = f"{found['sampled']:,} of {found['seen']:,} requests looked at"
    yield f"{sampled}; about {found['unknown']:,.0f} for paths that no answer has shown to exist"
    if found["forgotten"]:
        yield f"{found['forgotten']:,} endpoints were forgotten, because there were too many"
    if found["fault"]:
        yield f"not kept: {found['fault']}"
    shown = [one for one in found["endpoints"] if is_all or one["standing"] == "unrouted"]
    if not shown:
        yield "every endpoint that was seen has a route" if found["endpoints"] else "nothing was seen yet"
        return
    yield ""
    yield f"{'2 days':>10}  {'last seen':<16}  {'':5}  {'standing':<10}  endpoint"
    for one in shown if is_all else shown[:_MOST_SHOWN]:
        yield _row(one)
    if len(shown) > _MOST_SHOWN and not is_all:
        yield f"... and {len(shown) - _MOST_SHOWN} more: --all"


def left_text(left: Mapping[str, Any]) -> str:
    """Return what is left of the monolith in one line."""
    held = f"; {left['held']} more extracted but for what is held back" if left["held"] else ""
    unseen = f"; {left['unseen']} more unseen for 30 days" if left["unseen"] else ""
    return (
        f"monolith left: {left['left']} of {left['endpoints']} endpoints, {left['unrouted']} of them without a route"
        f"{held}{unseen}"
    )


def _row(one: Mapping[str, Any]) -> str:
    requests = one["recent_legacy"] + one["recent_extracted"]
    kind = "read" if one["is_read"] else "write"
    standing = share_text(one["share_bp"]) if one["standing"] == "split" else one["standing"]
    route = f"  ({one['route']})" if one["route"] else ""
    return (
        f"{requests:>10,.0f}  {_date(one['last_seen']):<16}  {kind:5}  {standing:<10}  "
        f"{one['method']} {one['template']}{route}"
    )


def _suggest(given: argparse.Namespace, running: Admin, endpoints: Sequence[Mapping[str, Any]]) -> int:
    one = _chosen(given.suggest, endpoints)
    before = load.read_file(given.config)
    config = load.parse(before, path=given.config)
    stub = suggest(config, one["method"], one["template"])
    after = add_stub(before, config, stub, file=given.config)
    wanted = {"method": one["method"], "template": one["template"]}
    change = onrecord.tried(running, given, before, "/api/v1/discovery/stub", wanted)
    if not edit(given, before, after, change=change):
        return 1
    if not given.json and not given.dry_run:
        print(f"see what it is: {shlex.join(['strangler', 'explain', one['method'], one['template']])}")
    return 0


def _chosen(text: str, endpoints: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the endpoint that is meant; the first one without a route if none is."""
    unrouted = [one for one in endpoints if one["standing"] == "unrouted"]
    if not text:
        if not unrouted:
            raise UsageError("every endpoint that was seen has a route, so there is nothing to suggest.")
        return unrouted[0]
    wanted = " ".join(text.split())
    one = next((one for one in endpoints if f"{one['method']} {one['template']}" == wanted), None)
    if one is None:
        raise UsageError(f"no endpoint {wanted!r} was seen. Name one as `strangler discover --all` shows it.")
    if one["standing"] != "unrouted":
        raise UsageError(f"route {one['route']!r} names {wanted} already.")
    return one


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))
