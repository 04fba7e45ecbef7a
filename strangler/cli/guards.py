"""`strangler reset`, `trip` and `kill`: what a person does with guards."""

import argparse
from typing import Any
from urllib.parse import quote

from strangler.cli import changing, options

_ANYTHING = "*"
"""Because taking traffic back must not be refused for what somebody else changed a moment before."""


def add(commands: Any, epilog: str) -> None:
    """Add the commands."""
    reset = _command(commands, epilog, "reset", "give a tripped route back to its flag")
    reset.add_argument("route", type=options.name, metavar="ROUTE")
    reset.set_defaults(run=_reset)

    trip = _command(commands, epilog, "trip", "take a route's traffic back by hand")
    trip.add_argument("route", type=options.name, metavar="ROUTE")
    trip.set_defaults(run=_trip)

    kill = _command(commands, epilog, "kill", "send everything to the monolith, on all routes, or release that again")
    kill.add_argument("switch", choices=("on", "off"))
    kill.set_defaults(run=_kill)


def _command(commands: Any, epilog: str, name: str, about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}; it is recorded in the audit log.",
        epilog=epilog,
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print the API's answer as it is")
    options.add_change(parser)
    options.add_admin(parser)
    return parser


def _reset(given: argparse.Namespace) -> int:
    def tell(answer: Any) -> None:
        done = f"reset: {', '.join(answer['reset'])}"
        print(done if answer["changed"] else f"nothing changed: {given.route} had not tripped")

    return changing.run(given, "POST", f"{_path(given.route)}/reset", {}, tell)


def _trip(given: argparse.Namespace) -> int:
    def tell(answer: Any) -> None:
        print(f"tripped: {', '.join(answer['tripped']) or 'nothing more; it had tripped already'}")

    return changing.run(given, "POST", f"{_path(given.route)}/trip", {}, tell, tag=_ANYTHING)


def _kill(given: argparse.Namespace) -> int:
    is_on = given.switch == "on"

    def tell(answer: Any) -> None:
        if not answer["changed"]:
            print(f"nothing changed: the kill switch was {given.switch} already")
        else:
            print("the monolith answers everything" if answer["is_killed"] else "flags and guards decide again")

    return changing.run(given, "POST", "/api/v1/kill", {"is_on": is_on}, tell, tag=_ANYTHING if is_on else None)


def _path(route: str) -> str:
    return f"/api/v1/guards/{quote(route, safe='')}"
