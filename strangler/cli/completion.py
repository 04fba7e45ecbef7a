"""`strangler completion`: what a shell needs to complete a command line, made of the command line itself."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from strangler.cli import names, options, shells
from strangler.cli.shells import Spec, Table

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def add(commands: Any, epilog: str) -> None:
    """Add the command."""
    about = "print a script that completes commands, options, names and files"
    adding = commands.add_parser(
        "completion",
        help=about,
        description="Print a script for a shell: source <(strangler completion bash), the same with zsh after "
        "compinit, or strangler completion fish | source. The script asks this command for the names of routes, flags, "
        "divergences and tokens, one a line, as the routes file and the state directory have them; it asks nothing "
        "that runs, and prints none where it can read none.",
        epilog=epilog,
        allow_abbrev=False,
    )
    adding.add_argument("what", choices=(*shells.SCRIPTS, *names.KINDS), metavar="SHELL|NAMES")
    options.add_file(adding)
    adding.add_argument("--state-dir", type=Path, metavar="DIR", help="the state directory (default: the file's)")
    adding.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    if given.what in names.KINDS:
        return names.tell(given)
    # Because the whole command line has this command in it.
    from strangler.cli import _parser

    table = Table()
    for path, parser in _commands("", _parser()):
        _enter(table, path, parser)
    print(shells.SCRIPTS[given.what](table), end="")
    return 0


def _commands(path: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield each command with its path, such as `/flags/set`."""
    yield path, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from _commands(f"{path}/{name}", inner)


def _enter(table: Table, path: str, parser: argparse.ArgumentParser) -> None:
    place = 0
    table.options[path] = tuple(
        option for action in parser._actions for option in action.option_strings if option.startswith("--")
    )
    for action in parser._actions:
        spec = _spec(path, action)
        if action.option_strings and action.nargs != 0:
            table.values |= {f"{path} {option}": spec for option in action.option_strings}
        elif not action.option_strings:
            table.places[f"{path} {'*' if action.nargs == '*' else place}"] = spec
            place += 1


def _spec(path: str, action: argparse.Action) -> Spec:
    """Return what may stand in an action's place: see shells.Spec."""
    if action.choices is not None:
        return f"={' '.join(map(str, action.choices))}"
    # Because flags take no import but here.
    from strangler.core.shares import STAGES

    match action.metavar:
        case "ROUTE":
            return "@routes"
        case "KEY":
            return "@flags"
        case "ID":
            return "@divergences"
        case "NAME" if path == "/token/revoke":
            return "@tokens"
        case "METHOD":
            return f"={' '.join(_METHODS)}"
        case "VALUE":
            return f"=on {' '.join(STAGES)}"
        case "FILE" | "NEW-ROUTES":
            return "file"
        case "DIR":
            return "dir"
        case _:
            return ""
