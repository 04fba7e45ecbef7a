"""`strangler explain`: where a request would go and why, asked of the running instance or worked out from the files."""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from strangler.cli import admin, options
from strangler.cli.admin import NoAnswerError, NothingRunsError, WorkersAloneError
from strangler.cli.outlet import say
from strangler.cli.status import share_text, side_text
from strangler.core.model import FULL_SHARE


def add(commands: Any, epilog: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "explain",
        help="say where a request would go and why",
        description="Say where a request would go and why, without sending it. The running instance is asked; "
        "if none can be, the answer is worked out from the routes file and the stored flags, trips and kill switch.",
        epilog=epilog,
        allow_abbrev=False,
    )
    parser.add_argument("method", metavar="METHOD")
    parser.add_argument("path", metavar="PATH", help="with the query, if there is one")
    parser.add_argument(
        "-H",
        dest="headers",
        type=options.header,
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="a request header; may be given again",
    )
    options.add_admin(parser)
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    question = {"method": given.method, "target": given.path, "headers": given.headers}
    try:
        answer = admin.find(given).ask("POST", "/api/v1/explain", question)
    except NothingRunsError as error:
        # Because this imports LaunchDarkly's SDK, which asking a running instance does not need.
        from strangler.cli.offline import explain

        answer = explain(given.config, given.state_dir, given.method, given.path, given.headers)
        print(f"strangler: {_basis(error)}", file=sys.stderr)
    if given.json:
        print(json.dumps(answer, indent=2))
        return 0
    for line in lines(answer):
        say(line)
    return 0


def _basis(error: NothingRunsError) -> str:
    """Return by what a request was explained that no instance was asked about, and why none was."""
    files = "worked out from the files, with trips and the kill switch as they are stored"
    match error:
        case WorkersAloneError():
            return f"{error.told}; {files}, as the next start would serve, from which theirs may differ."
        case NoAnswerError():
            return f"{error} This is {files}; if it runs, it may differ."
        case _:
            return f"nothing runs; {files}."


def lines(answer: Mapping[str, Any]) -> Iterable[str]:
    """Return an explanation as text."""
    yield f"side      {side_text(answer['side'])}, by upstream {answer['upstream']}"
    yield f"reason    {answer['reason']}: {answer['why']}"
    yield f"path      {answer['path']}"
    yield f"route     {answer['route']} ({answer['template']})" if answer["route"] else "route     none"
    if answer["flag"]:
        yield f"flag      {answer['flag']}"
    if answer["share"] is not None:
        yield f"share     {share_text(answer['share'])}"
    if answer["identity"]:
        digest = f", key {answer['key_digest']} (digest)" if answer["key_digest"] else ", a new key"
        yield f"identity  {answer['identity']}{digest}"
    if answer["stage"]:
        yield f"stage     {answer['stage']}"
    if answer["route"] and answer["read"]:
        yield f"read      {_read(answer)}"
    if answer["route"] and answer["write"]:
        yield f"write     {_write(answer)}"
    if answer["generation"]:
        yield f"snapshot  generation {answer['generation']}"


def _read(answer: Mapping[str, Any]) -> str:
    first, *others = answer["read"]
    if not others:
        return f"{first} alone"
    share, ratio = answer["sample"], answer["check_ratio"]
    parts = [share_text(share)] if share < FULL_SHARE else []
    if ratio is not None and ratio > 1:
        parts.append(f"1 in {ratio}")
    return f"{first}, and {others[0]} to compare" + (f" ({' and of these '.join(parts)})" if parts else "")


def _write(answer: Mapping[str, Any]) -> str:
    if len(answer["write"]) > 1:
        return f"{answer['write'][0]} first, then {answer['write'][1]}"
    undeclared = "; the route does not declare its writes (shadow: {writes: true})" if answer["is_undeclared"] else ""
    return f"{answer['write'][0]} alone{undeclared}"
