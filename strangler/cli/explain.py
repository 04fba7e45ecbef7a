"""`strangler explain`: where a request would go and why, asked of the running instance or worked out from the files."""

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from strangler.cli import admin, options
from strangler.cli.admin import NothingRunsError
from strangler.cli.offline import flags_of
from strangler.cli.status import share_text
from strangler.config import load
from strangler.control.api import Question
from strangler.control.explain import answer as work_out
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
        answer = _work_out(given.config, question)
        print("strangler: nothing runs; worked out from the files.", file=sys.stderr)
    if given.json:
        print(msgspec.json.encode(answer).decode())
        return 0
    for line in lines(answer):
        print(line)
    return 0


def lines(answer: Mapping[str, Any]) -> Iterable[str]:
    """Return an explanation as text."""
    yield f"side      {answer['side']}, by upstream {answer['upstream']}"
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
    yield f"since     generation {answer['generation']}" if answer["generation"] else "since     the files"


def _work_out(path: Path, question: Question) -> Mapping[str, Any]:
    config = load.load(path)
    evaluator = Evaluator(on_problem=lambda _flag, _reason: None)
    snapshot = compile_snapshot(config, generation=0, flags=evaluator.apply(flags_of(config)))
    return work_out(snapshot, question)
