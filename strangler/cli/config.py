"""`strangler config`: the routes file of a running instance, read and written through its admin port."""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from strangler.cli import admin, changing, options
from strangler.cli.outlet import pour, say
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
    applying.add_argument("--json", action="store_true", help="print the API's answer as it is")
    options.add_change(applying)
    options.add_admin(applying)
    applying.set_defaults(run=_apply)


def _show(given: argparse.Namespace) -> int:
    answer = admin.find(given).ask("GET", "/api/v1/config")
    if given.json:
        print(json.dumps(answer, indent=2))
    else:
        pour(answer["text"])
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

    def tell(written: Any) -> None:
        for line in _changes(proposed):
            say(line)
        print(f"written: {written['status']['file']} ({written['status']['state']})")

    body = {"text": text, "digest": proposed["digest"]}
    return changing.run(given, "PUT", "/api/v1/config", body, tell, running=running)


def _changes(proposed: Mapping[str, Any]) -> Iterator[str]:
    for warning in proposed["warnings"]:
        yield f"warning: {warning}"
    if proposed["is_valid"] and not proposed["changes"]:
        yield "it means the same as what is served"
    for change in proposed["changes"]:
        yield from changing.change_text(change)
    for name in proposed["needs_restart"]:
        yield f"{name} needs a restart"
