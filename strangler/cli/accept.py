"""`strangler shadow accept`: a difference that is meant becomes a rule of the routes file."""

import argparse
import difflib
import shlex
from typing import Any

from strangler.cli import options
from strangler.cli.asking import agrees
from strangler.config import load
from strangler.config.edit import ignore
from strangler.config.reading import nearest, shorten
from strangler.config.replacing import replace_file
from strangler.config.shadow_kinds import MAX_TEXT
from strangler.config.textdiff import unified
from strangler.core.jsonpath import parse_path
from strangler.core.model import Config, Route
from strangler.core.shadowing import RuleKind, Shadow, ShadowMode
from strangler.errors import UsageError


def add(actions: Any, epilog: str) -> None:
    """Add the action."""
    about = "accept what differs at a path as intended: add `ignore: PATH` to the route in the routes file"
    parser = actions.add_parser(
        "accept",
        help=about,
        description="Show the change of the routes file first, then ask whether to write it.",
        epilog=f"{epilog}; 1 too if the answer is no",
        allow_abbrev=False,
    )
    parser.add_argument("route", metavar="ROUTE")
    parser.add_argument("path", metavar="PATH", help="as the report shows it, such as '$.items[*].price'")
    parser.add_argument("--yes", action="store_true", help="write without asking; needed where no terminal is")
    options.add_file(parser)
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    _check(given.path)
    before = load.read_file(given.config)
    config = load.parse(before, path=given.config)
    shadow = _shadow(_route(config, given.route))
    if _is_ignored(shadow, given.path):
        print(f"{given.path} is ignored already; nothing was written")
        return 0
    after = ignore(before, config, route=given.route, path=given.path, file=given.config)
    for line in unified(before.decode(), after.decode(), given.config):
        print(line)
    if not given.yes and not agrees():
        print("nothing was written")
        return 1
    replace_file(given.config, before=before, after=after)
    print(f"written: {given.config}; a proxy that runs with it takes it over by itself")
    print(f"then begin anew: {_reset(given)}")
    return 0


def _check(path: str) -> None:
    if path == "status":
        raise UsageError("no rule ignores a status that differs: bodies are not even compared then. Mend the service.")
    if path == "header" or path.startswith("header "):
        raise UsageError("a header is not ignored by a path. Leave it out of the list `headers` of the route's shadow.")
    try:
        parse_path(path)
    except ValueError as error:
        raise UsageError(f"PATH: {_printable(str(error))}.") from error
    if not path.isprintable() or len(path) > MAX_TEXT:
        raise UsageError(f"PATH: write at most {MAX_TEXT} printable characters; `..name` skips steps.")


def _route(config: Config, name: str) -> Route:
    route = next((route for route in config.routes if route.name == name), None)
    if route is None:
        names = tuple(route.name for route in config.routes)
        close = difflib.get_close_matches(name, names)
        remedy = f"Nearest: {', '.join(close)}" if close else nearest(name, names)
        raise UsageError(f"there is no route {shorten(name)!r}. {remedy}.")
    return route


def _shadow(route: Route) -> Shadow:
    if route.shadow is None or route.shadow.mode is ShadowMode.OFF:
        mode = ShadowMode.SHADOW if route.flag is None else ShadowMode.STAGE
        raise UsageError(
            f"route {route.name!r} has no `shadow` to add a rule to. Add `shadow: {mode}` to it, or write that mode "
            "where `off` stands."
        )
    return route.shadow


def _is_ignored(shadow: Shadow, path: str) -> bool:
    wanted = parse_path(path)
    return any(rule.kind is RuleKind.IGNORE and parse_path(rule.path) == wanted for rule in shadow.rules)


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)


def _reset(given: argparse.Namespace) -> str:
    command = ["strangler", "shadow", "reset", given.route, "--reason", f"{given.path} is meant"]
    if given.config != options.DEFAULT_FILE:
        command += ["-c", str(given.config)]
    return shlex.join(command)
