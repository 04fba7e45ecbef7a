"""`strangler plan`: what another routes file would do with the requests of the last hour."""

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from strangler.cli import admin, exits, options
from strangler.cli.outlet import say
from strangler.config import load

_EXIT_CODES = exits.codes({0: "no request would be treated otherwise", 3: "some requests would be treated otherwise"})
_WORDS = (
    ("to_extracted", "to the extracted side"),
    ("to_legacy", "back to the monolith"),
    ("upstream", "to another address of the same side"),
    ("shadow_gained", "more asked of the other side as well"),
    ("shadow_lost", "less asked of the other side as well"),
    ("refused", "refused"),
    ("accepted", "accepted that are refused now"),
    ("uncertain", "uncertain: it depends on a header that is not looked at now"),
)


def add(commands: Any, epilog: str) -> None:
    """Add the command; its exit codes are its own."""
    parser = commands.add_parser(
        "plan",
        help="say what another routes file would do, without applying it",
        description="Try another routes file on the requests of the last hour, as the running instance recorded them, "
        "and say how many would change side, gain or lose a shadow, become routed or unrouted, or be refused. Nothing "
        "is applied.",
        epilog=_EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("file", type=Path, metavar="NEW-ROUTES", help="the other routes file")
    parser.add_argument("--json", action="store_true", help="print the API's answer as it is")
    options.add_admin(parser)
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    data = load.read_file(given.file, remedy="Name the other routes file that is to be tried")
    # Because its faults are to be told with its own name, and where nothing runs too.
    load.parse(data, path=given.file)
    plan = admin.find(given).ask("POST", "/api/v1/plan", {"text": data.decode("utf-8")})
    if given.json:
        print(json.dumps(plan, indent=2))
    else:
        for line in lines(plan):
            say(line)
    return 3 if plan["changes"] else 0


def lines(plan: Mapping[str, Any]) -> Iterator[str]:
    """Return a plan as text."""
    if plan["since"] is None:
        yield "no request was recorded within the last hour, so nothing can be told"
        return
    minutes = max((time.time() - plan["since"]) / 60, 1.0)
    yield (
        f"{plan['requests']:,.0f} requests within the last {minutes:.0f} min, {plan['sampled']:,} of them looked at; "
        f"compared with generation {plan['generation']}"
    )
    if not plan["changes"]:
        yield "no request would be treated otherwise"
    for effect in plan["effects"]:
        yield ""
        yield _title(effect)
        for name, words in _WORDS:
            if effect[name]:
                yield f"  {effect[name]:>10,.0f}  {words}"
        if effect["estimated"]:
            yield f"  {effect['estimated']:>10,.0f}  of these are computed from a share, the others request by request"
    if plan["unseen"]:
        yield ""
        yield f"no recorded request is for: {', '.join(plan['unseen'])}"
    yield ""
    yield "nothing was applied"


def _title(effect: Mapping[str, Any]) -> str:
    before, after = effect["before"] or "no route", effect["after"] or "no route"
    requests = f"{effect['requests']:,.0f} requests"
    return f"{after}: {requests}" if before == after else f"{before} -> {after}: {requests}"
