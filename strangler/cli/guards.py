"""`strangler reset`, `trip` and `kill`: what a person does with guards."""

import argparse
import json
from typing import Any
from urllib.parse import quote

from strangler.cli import admin, options

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
    body = {"reason": options.reason(given)}
    running = admin.find(given)
    phases = {guard["route"]: guard["phase"] for guard in running.ask("GET", "/api/v1/guards")["guards"]}
    answer = running.change("POST", f"{_path(given.route)}/reset", body, tag=given.if_match)
    if all(phases.get(route) == "closed" for route in answer["reset"]):
        return _told(
            given,
            answer,
            f"reset: {given.route} had not tripped, so no traffic moves; what its guard counted begins anew",
        )
    return _told(given, answer, f"reset: {', '.join(answer['reset'])}")


def _trip(given: argparse.Namespace) -> int:
    body = {"reason": options.reason(given)}
    answer = admin.find(given).change("POST", f"{_path(given.route)}/trip", body, tag=given.if_match or _ANYTHING)
    tripped = ", ".join(answer["tripped"]) or "nothing more; it had tripped already"
    return _told(given, answer, f"tripped: {tripped}")


def _kill(given: argparse.Namespace) -> int:
    body = {"is_on": given.switch == "on", "reason": options.reason(given)}
    tag = given.if_match or (_ANYTHING if body["is_on"] else None)
    running = admin.find(given)
    was_killed = None if body["is_on"] else running.ask("GET", "/api/v1/guards")["is_killed"]
    answer = running.change("POST", "/api/v1/kill", body, tag=tag)
    if was_killed is False and not answer["is_killed"]:
        return _told(given, answer, "nothing changed: the kill switch was off")
    text = "the monolith answers everything" if answer["is_killed"] else "flags and guards decide again"
    return _told(given, answer, text)


def _told(given: argparse.Namespace, answer: Any, text: str) -> int:
    print(json.dumps(answer, indent=2) if given.json else text)
    return 0


def _path(route: str) -> str:
    return f"/api/v1/guards/{quote(route, safe='')}"
