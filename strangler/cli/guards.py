"""`strangler reset`, `trip` and `kill`: what a person does with guards."""

import argparse
from typing import Any
from urllib.parse import quote

from strangler.cli import admin, changing, options

_ANYTHING = "*"
"""Because taking traffic back must not be refused for what somebody else changed a moment before."""


def add(commands: Any, epilog: str) -> None:
    """Add the commands."""
    reset = _command(commands, epilog, "reset", "give a tripped route back to its flag")
    reset.add_argument("route", metavar="ROUTE")
    reset.set_defaults(run=_reset)

    trip = _command(commands, epilog, "trip", "take a route's traffic back by hand")
    trip.add_argument("route", metavar="ROUTE")
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
    # Because it is asked for before anything else is said.
    options.reason(given)
    running = admin.find(given)
    phases = {guard["route"]: guard["phase"] for guard in running.ask("GET", "/api/v1/guards")["guards"]}

    def tell(answer: Any) -> None:
        if all(phases.get(route) == "closed" for route in answer["reset"]):
            idle = "had not tripped, so no traffic moves; what its guard counted begins anew"
            print(f"reset: {given.route} {idle}")
        else:
            print(f"reset: {', '.join(answer['reset'])}")

    return changing.run(given, "POST", f"{_path(given.route)}/reset", {}, tell, running=running)


def _trip(given: argparse.Namespace) -> int:
    def tell(answer: Any) -> None:
        print(f"tripped: {', '.join(answer['tripped']) or 'nothing more; it had tripped already'}")

    return changing.run(given, "POST", f"{_path(given.route)}/trip", {}, tell, tag=_ANYTHING)


def _kill(given: argparse.Namespace) -> int:
    is_on = given.switch == "on"
    options.reason(given)
    running = admin.find(given)
    was_killed = None if is_on else running.ask("GET", "/api/v1/guards")["is_killed"]

    def tell(answer: Any) -> None:
        if was_killed is False and not answer["is_killed"]:
            print("nothing changed: the kill switch was off")
        else:
            print("the monolith answers everything" if answer["is_killed"] else "flags and guards decide again")

    tag = _ANYTHING if is_on else None
    return changing.run(given, "POST", "/api/v1/kill", {"is_on": is_on}, tell, running=running, tag=tag)


def _path(route: str) -> str:
    return f"/api/v1/guards/{quote(route, safe='')}"
