"""`strangler flags`: read and change the flags of the running instance."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from strangler.cli import admin, changing, options
from strangler.cli.outlet import say
from strangler.cli.status import share_text, table
from strangler.config.repeats import first_repeat
from strangler.errors import UsageError


def add(commands: Any, epilog: str) -> None:
    """Add the command and its own."""
    parser = commands.add_parser(
        "flags", help="read and change flags", description="Read and change flags.", epilog=epilog
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    listing = actions.add_parser("list", help="show all flags", epilog=epilog, allow_abbrev=False)
    options.add_admin(listing)
    listing.add_argument("--json", action="store_true", help="print the API's answer as it is")
    listing.set_defaults(run=_list)

    getting = actions.add_parser("get", help="show one flag", epilog=epilog, allow_abbrev=False)
    getting.add_argument("key", type=options.name, metavar="KEY")
    getting.add_argument("--json", action="store_true", help="print the API's answer as it is, with the summary")
    options.add_admin(getting)
    getting.set_defaults(run=_get)

    setting = actions.add_parser(
        "set",
        help="change one flag",
        description="Change one flag; all workers follow within half a second.",
        epilog=epilog,
        allow_abbrev=False,
    )
    setting.add_argument("key", type=options.name, metavar="KEY")
    setting.add_argument(
        "value",
        nargs="?",
        metavar="VALUE",
        help="a percentage such as 25%%, on, off, a stage of a migration flag, or live=25%% for some of its keys",
    )
    setting.add_argument(
        "--definition", type=Path, metavar="FILE", help="instead: the whole flag as JSON, as LaunchDarkly has it"
    )
    setting.add_argument("--create", action="store_true", help="make the flag even if no route names it yet")
    setting.add_argument("--json", action="store_true", help="print the API's answer as it is")
    options.add_change(setting)
    options.add_admin(setting)
    setting.set_defaults(run=_set)

    deleting = actions.add_parser(
        "delete",
        help="delete one flag",
        description="Delete one flag. Refused while a route or another flag names it; what it was is printed with "
        "--json, and kept in the audit log.",
        epilog=epilog,
        allow_abbrev=False,
    )
    deleting.add_argument("key", type=options.name, metavar="KEY")
    deleting.add_argument("--json", action="store_true", help="print the API's answer as it is")
    options.add_change(deleting)
    options.add_admin(deleting)
    deleting.set_defaults(run=_delete)


def _list(given: argparse.Namespace) -> int:
    answer = admin.find(given).ask("GET", "/api/v1/flags")
    if given.json:
        print(json.dumps(answer, indent=2))
        return 0
    for line in table(
        ("FLAG", "KIND", "STATE", "SHARE", "STAGE", "RULES", "TARGETS"), [_row(flag) for flag in answer["flags"]]
    ):
        say(line)
    return 0


def _get(given: argparse.Namespace) -> int:
    answer = admin.find(given).ask("GET", _path(given.key))
    print(json.dumps(answer if given.json else answer["flag"], indent=2))
    return 0


def _set(given: argparse.Namespace) -> int:
    if (given.value is None) == (given.definition is None):
        raise UsageError("give either a value, such as 25%, or --definition FILE.")
    wanted = {"set": given.value} if given.value is not None else {"flag": _definition(given.definition)}
    change: dict[str, Any] = {**wanted, "create": True} if given.create else wanted
    return changing.run(given, "PUT", _path(given.key), change, _tell_set)


def _tell_set(answer: Any) -> None:
    flag = answer["summary"]
    stages = f", {_stages(flag)}" if flag["stages"] else ""
    share = share_text(flag["served_bp"])
    # Because an instance of a former release, which does not say, changes whatever it is asked to.
    before = "" if answer.get("changed", True) else "nothing changed: "
    print(f"{before}{flag['key']}: {_state(flag)}, {share} extracted{stages}, version {flag['version']}")
    for caution in answer["cautions"]:
        print(f"strangler: caution: {caution}", file=sys.stderr)


def _delete(given: argparse.Namespace) -> int:
    return changing.run(given, "DELETE", _path(given.key), {}, lambda answer: print(f"{answer['key']}: deleted"))


def _definition(path: Path) -> Any:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        definition, repeat = json.loads(text), first_repeat(text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is not JSON ({error}).") from error
    if repeat is not None:
        name, at = repeat
        line = text.count("\n", 0, at) + 1
        raise UsageError(f"{path}:{line}: {name!r} stands twice in one object; remove one.")
    return definition


def _path(key: str) -> str:
    return f"/api/v1/flags/{quote(key, safe='')}"


def _state(flag: dict[str, Any]) -> str:
    return "on" if flag["on"] else "off"


def _stages(flag: dict[str, Any]) -> str:
    if flag["stage"]:
        return str(flag["stage"])
    return ", ".join(f"{stage} {share_text(share_bp)}" for stage, share_bp in flag["stages"].items())


def _row(flag: dict[str, Any]) -> tuple[str, ...]:
    if flag["kind"] == "invalid":
        return flag["key"], "invalid", "-", "-", "-", "-", "-"
    return (
        flag["key"],
        flag["kind"],
        _state(flag),
        share_text(flag["served_bp"]),
        _stages(flag) or "-",
        str(flag["rules"]),
        str(flag["targets"]),
    )
