"""`strangler token`: make, list and revoke tokens of the admin API."""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from strangler.cli import admin, changing, options
from strangler.cli.outlet import say
from strangler.cli.status import table
from strangler.config import units
from strangler.config.units import Wrong

_DAY_S = 86_400.0


def add(commands: Any, epilog: str) -> None:
    """Add the command and its own."""
    about = "make, list and revoke tokens of the admin API"
    parser = commands.add_parser(
        "token",
        help=about,
        description="Make, list and revoke tokens of the admin API. The one in the state directory's file admin-token "
        "is this machine's operator's, and is not among them.",
        epilog=epilog,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    making = actions.add_parser(
        "create", help="make a token, and print it this one time", epilog=epilog, allow_abbrev=False
    )
    making.add_argument("name", type=options.name, metavar="NAME", help="whose it is, for the audit log")
    making.add_argument("--role", required=True, choices=("viewer", "operator"), help="what it is for")
    making.add_argument("--expires", type=_time, metavar="TIME", help="such as 30d or 12h (default: never)")
    _finish(making, _create)
    options.add_change(making)

    listing = actions.add_parser("list", help="show all tokens, without their text", epilog=epilog, allow_abbrev=False)
    _finish(listing, _list)

    revoking = actions.add_parser(
        "revoke", help="let a token open nothing from now on", epilog=epilog, allow_abbrev=False
    )
    revoking.add_argument("name", type=options.name, metavar="NAME")
    _finish(revoking, _revoke)
    options.add_change(revoking)


def _finish(parser: argparse.ArgumentParser, run: Any) -> None:
    parser.add_argument("--json", action="store_true", help="print the API's answer as it is")
    options.add_admin(parser)
    parser.set_defaults(run=run)


def _create(given: argparse.Namespace) -> int:
    def tell(answer: Any) -> None:
        # Because the token alone is to be had by $(...), what is said of it goes elsewhere.
        print(f"{given.name}: {given.role}, {_until(answer['token'])}; it is shown this one time:", file=sys.stderr)
        print(answer["secret"])

    body = {"name": given.name, "role": given.role, "expires_s": given.expires}
    return changing.run(given, "POST", "/api/v1/tokens", body, tell)


def _list(given: argparse.Namespace) -> int:
    answer = admin.find(given).ask("GET", "/api/v1/tokens")
    if given.json:
        print(json.dumps(answer, indent=2))
        return 0
    rows = [
        (one["name"], one["role"], _state(one), _until(one), _date(one["created_at"]), one["created_by"])
        for one in answer["tokens"]
    ]
    for line in table(("TOKEN", "ROLE", "STATE", "GOOD", "MADE", "BY"), rows):
        say(line)
    return 0


def _revoke(given: argparse.Namespace) -> int:
    path = f"/api/v1/tokens/{quote(given.name, safe='')}/revoke"
    return changing.run(given, "POST", path, {}, lambda answer: print(f"revoked: {answer['name']}"))


def _state(token: Mapping[str, Any]) -> str:
    if token["is_valid"]:
        return "valid"
    return "expired" if token["revoked_at"] is None else "revoked"


def _until(token: Mapping[str, Any]) -> str:
    return "for ever" if token["expires_at"] is None else f"until {_date(token['expires_at'])}"


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def _time(text: str) -> float:
    days = text.removesuffix("d")
    if text.endswith("d") and days.isascii() and days.isdigit() and 0 < int(days) <= 3_650:
        return int(days) * _DAY_S
    found = units.duration(text)
    if isinstance(found, Wrong) or not 0 < found <= 3_650 * _DAY_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 30d or 12h, of ten years at most")
    return found
