"""The operator's command line: what each subcommand takes, and what every one of them answers to a mistake."""

import argparse
import os
import sys
from collections.abc import Sequence

from strangler import __version__
from strangler.cli import (
    audit,
    check,
    completion,
    config,
    discover,
    divergences,
    exits,
    explain,
    failures,
    flags,
    guards,
    plan,
    progress,
    replay,
    restart,
    serve,
    shadow,
    status,
    token,
    vault,
)
from strangler.errors import StranglerError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a mistake of the user's is a message, never a traceback."""
    given = _parse(sys.argv[1:] if argv is None else argv)
    try:
        code: int = given.run(given)
        sys.stdout.flush()
        return code
    except StranglerError as error:
        return failures.tell(error, is_json=getattr(given, "json", False))
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:
        # Because the interpreter would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parse(words: Sequence[str]) -> argparse.Namespace:
    try:
        return _parser().parse_args(words)
    except SystemExit as error:
        if error.code == 2 and "--json" in words:
            failures.tell_usage(error.code)
        raise


def _parser() -> argparse.ArgumentParser:
    codes = exits.codes()
    parser = argparse.ArgumentParser(
        prog="strangler",
        description="A routing proxy that replaces a monolith endpoint by endpoint.",
        epilog=codes,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"strangler {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    every = (
        *(serve, check, plan, explain, flags, status, guards, shadow, divergences),
        *(replay, discover, progress, audit, token, restart),
        *(vault, config),
    )
    for command in every:
        command.add(commands, codes)
    check.add_schema(commands, codes)
    completion.add(commands, codes, _parser)
    return parser
