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
    explain,
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
from strangler.errors import ConfigError, StranglerError, UsageError

_EXIT_CODES = (
    """exit codes: 0 done; 1 the operation failed; 2 the command line, the routes file or an address is at fault"""
)
_INTERRUPTED = 130
"""128 and the number of SIGINT, as shells count it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a mistake of the user's is a message, never a traceback."""
    options = _parser().parse_args(argv)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except ConfigError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    except UsageError as error:
        print(f"strangler: {error}", file=sys.stderr)
        return 2
    except StranglerError as error:
        print(f"strangler: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Because the interpreter would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="strangler",
        description="A routing proxy that replaces a monolith endpoint by endpoint.",
        epilog=_EXIT_CODES,
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
        command.add(commands, _EXIT_CODES)
    check.add_schema(commands, _EXIT_CODES)
    completion.add(commands, _EXIT_CODES, _parser)
    return parser
