"""The operator's command line: what each subcommand takes, and what every one of them answers to a mistake."""

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence

from strangler import __version__
from strangler.cli import exits, failures, outlet, streams
from strangler.errors import OutputError, StranglerError

COMMANDS: Mapping[str, str] = {
    "serve": "serve",
    "check": "check",
    "plan": "plan",
    "explain": "explain",
    "flags": "flags",
    "status": "status",
    "guards": "evidence",
    "reset": "guards",
    "trip": "guards",
    "kill": "guards",
    "shadow": "shadow",
    "divergences": "divergences",
    "replay": "replay",
    "discover": "discover",
    "progress": "progress",
    "audit": "audit",
    "token": "token",
    "restart": "restart",
    "vault": "vault",
    "config": "config",
    "schema": "schema",
    "completion": "completion",
}
"""Each command's module, in the order of `--help`. Because a command should not wait for the imports of all others, its
module is imported when it is asked for."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a mistake of the user's is a message, never a traceback."""
    streams.open_missing()
    with outlet.opened():
        try:
            code = _run(sys.argv[1:] if argv is None else argv)
            sys.stdout.flush()
            return code
        except KeyboardInterrupt:
            return exits.INTERRUPTED
        except BrokenPipeError:
            outlet.shut()
        except OutputError as error:
            outlet.shut()
            failures.tell(error, is_json=False)
        return 1


def _run(words: Sequence[str]) -> int:
    given = _parse(words)
    try:
        code: int = given.run(given)
        return code
    except OutputError:
        # Because its JSON would find no room either.
        raise
    except StranglerError as error:
        return failures.tell(error, is_json=getattr(given, "json", False))


def _parse(words: Sequence[str]) -> argparse.Namespace:
    try:
        return _parser(words[0] if words and words[0] in COMMANDS else None).parse_args(words)
    except SystemExit as error:
        if error.code == 2 and "--json" in words:
            failures.tell_usage(error.code)
        sys.stdout.flush()
        raise


def _parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the whole command line, or with one command the part of it that its module has."""
    codes = exits.codes()
    parser = argparse.ArgumentParser(
        prog="strangler",
        description="A routing proxy that replaces a monolith endpoint by endpoint.",
        epilog=codes,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"strangler {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in dict.fromkeys(COMMANDS.values()) if command is None else (COMMANDS[command],):
        importlib.import_module(f"{__name__}.{module}").add(commands, codes)
    return parser
