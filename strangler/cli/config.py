"""`strangler config`: the routes file of a running instance, read and written through its admin port."""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from strangler.cli import admin, options
from strangler.errors import ConfigError, Fault, UsageError


def add(commands: Any, epilog: str) -> None:
    """Add the command and its own."""
    about = "read and write the routes file of the running instance"
    parser = commands.add_parser("config", help=about, description=f"{about[0].upper()}{about[1:]}.", epilog=epilog)
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    showing = actions.add_parser("show", help="print the routes file as it is", epilog=epilog, allow_abbrev=False)
    showing.add_argument("--json", action="store_true", help="print the API's answer as it is")
    options.add_admin(showing)
    showing.set_defaults(run=_show)

    applying = actions.add_parser(
        "apply",
        help="put another file in its place",
        description="Put another file in the place of the routes file, if that is still the one that is compared with; "
        "it is served at once. See `strangler plan` for what it would do with real requests.",
        epilog=epilog,
        allow_abbrev=False,
    )
    applying.add_argument("file", type=Path, metavar="FILE")
    applying.add_argument("--dry-run", action="store_true", help="tell faults, or what would change, and write nothing")
    applying.add_argument("--json", action="store_true", help="print the API's answer as it is")
    options.add_change(applying)
    options.add_admin(applying)
    applying.set_defaults(run=_apply)


def _show(given: argparse.Namespace) -> int:
    answer = admin.find(given).ask("GET", "/api/v1/config")
    print(json.dumps(answer, indent=2) if given.json else answer["text"], end="\n" if given.json else "")
    return 0


def _apply(given: argparse.Namespace) -> int:
    try:
        text = given.file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{given.file}: cannot be read ({error}).") from error
    running = admin.find(given)
    proposed = running.ask("POST", "/api/v1/config/proposals", {"text": text})
    if not proposed["is_valid"]:
        # Because the instance knows the text alone, its faults name the file that is served.
        raise ConfigError(tuple(Fault(**{**fault, "file": str(given.file)}) for fault in proposed["faults"]))
    if given.dry_run:
        _tell(proposed, is_json=given.json)
        return 0
    body = {"text": text, "digest": proposed["digest"], "reason": options.reason(given)}
    written = running.change("PUT", "/api/v1/config", body, tag=given.if_match)
    if given.json:
        print(json.dumps(written, indent=2))
    else:
        for line in _changes(proposed):
            print(line)
        print(f"written: {written['status']['file']} ({written['status']['state']})")
    return 0


def _tell(proposed: Mapping[str, Any], *, is_json: bool) -> None:
    if is_json:
        print(json.dumps(proposed, indent=2))
        return
    for line in _changes(proposed):
        print(line)


def _changes(proposed: Mapping[str, Any]) -> Iterator[str]:
    for warning in proposed["warnings"]:
        yield f"warning: {warning}"
    if proposed["is_valid"] and not proposed["changes"]:
        yield "nothing would mean anything else"
    for change in proposed["changes"]:
        yield f"{change['kind']} {change['what']} {change['name']}"
        if change["kind"] == "changed":
            for field in change["fields"]:
                yield f"  {field['name']}: {field['before'] or '(none)'} -> {field['after'] or '(none)'}"
    for name in proposed["needs_restart"]:
        yield f"{name} needs a restart"
