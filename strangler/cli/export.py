"""`strangler shadow export`: what was recorded, as tests that need neither the proxy nor what it has stored."""

import argparse
import inspect
import os
import sys
from pathlib import Path
from secrets import token_bytes
from typing import Any

from strangler.cli import exits, options, outlet, recorded
from strangler.errors import UsageError

_EXIT_CODES = exits.codes(
    {
        1: "no recording makes a test",
        2: "the command line, the routes file, the output, the state or its key is at fault",
    }
)


def add(actions: Any) -> None:
    """Add the command."""
    about = "write recorded reads as tests, for pytest or Hurl; values that are secret are not written"
    parser = actions.add_parser("export", help=about, epilog=_EXIT_CODES, allow_abbrev=False)
    recorded.add_source(parser)
    parser.add_argument("--format", choices=("pytest", "hurl"), required=True)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="a file that is not there yet (default: print)"
    )
    options.add_dry_run(parser)
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    # Because these imports cost more than the other commands need.
    from strangler.core.cases import cases

    source = recorded.read(given)
    made, left_out = cases(source.recordings, source.shadow, token_bytes(32))
    told = ", ".join(f"{why.value} {count}" for why, count in sorted(left_out.items()))
    if not made:
        print(f"no recording of {source.route.name} makes a test ({told})", file=sys.stderr)
        return 1
    name = given.output.name if given.output is not None else f"test_{source.route.name.replace('.', '_')}.py"
    text = _text(given.format, f"Reads of the route {source.route.name}", name, made)
    if given.dry_run:
        _check(given.output)
    elif given.output is None:
        outlet.pour(text)
    else:
        _write(given.output, text)
    written = "reads would be written" if given.dry_run else "reads written"
    print(f"{len(made)} {written}{f'; left out: {told}' if told else ''}", file=sys.stderr)
    return 0


def _text(form: str, title: str, name: str, made: Any) -> str:
    from strangler.cli import exported
    from strangler.core import checking
    from strangler.core.hurlfile import hurl_file
    from strangler.core.pytestfile import pytest_file

    if form == "hurl":
        return hurl_file(title, made)
    return pytest_file(title, name, made, (inspect.getsource(checking), inspect.getsource(exported)))


def _check(path: Path | None) -> None:
    """Refuse a file that could not be written, as far as it can be known before."""
    if path is None:
        return
    if path.is_symlink() or path.exists():
        raise _there(path)
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path} cannot be written: its folder is not there, or may not be written to")


def _there(path: Path) -> UsageError:
    return UsageError(f"{path} is there already; name another file, or remove it")


def _write(path: Path, text: str) -> None:
    """Write a file for its owner alone: answers are personal data as often as not."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError as error:
        raise _there(path) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror})") from error
