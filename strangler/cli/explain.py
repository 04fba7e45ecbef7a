"""`strangler explain`: where a request would go and why, asked of the running instance or worked out from the files."""

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from strangler.cli import admin, options
from strangler.cli.admin import NothingRunsError
from strangler.cli.offline import flags_of
from strangler.config import load
from strangler.control.api import Question
from strangler.control.explain import explain
from strangler.core.snapshot import compile_snapshot
from strangler.flags.evaluator import Evaluator


def add(commands: Any, epilog: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "explain",
        help="say where a request would go and why",
        description="Say where a request would go and why, without sending it. The running instance is asked; "
        "if none runs, the answer is worked out from the routes file and the stored flags.",
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
    question = Question(method=given.method, target=given.path, headers=tuple(given.headers))
    try:
        answer = admin.find(given).ask("POST", "/api/v1/explain", msgspec.to_builtins(question))
    except NothingRunsError:
        answer = msgspec.to_builtins(_work_out(given.config, question))
        print("strangler: nothing runs; worked out from the files.", file=sys.stderr)
    if given.json:
        print(msgspec.json.encode(answer).decode())
        return 0
    print(f"{given.method.upper()} {given.path}")
    print(f"  route     {answer['route'] or '(none)'}")
    print(f"  side      {answer['side']}, by upstream {answer['upstream']}")
    print(f"  reason    {answer['reason']}: {answer['why']}")
    if answer["flag"] is not None:
        print(f"  flag      {answer['flag']}")
    if answer["is_assigned"]:
        print("  identity  none was sent; the client would be given one, and another one may go elsewhere")
    return 0


def _work_out(path: Path, question: Question) -> Any:
    config = load.load(path)
    evaluator = Evaluator(on_problem=lambda _flag, _reason: None)
    snapshot = compile_snapshot(config, generation=0, flags=evaluator.apply(flags_of(config)))
    return explain(snapshot, question)
