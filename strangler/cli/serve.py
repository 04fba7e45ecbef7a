"""`strangler serve`: the product's own main job."""

import argparse
from pathlib import Path
from typing import Any

from strangler.cli import options
from strangler.runtime.logs import LogFormat
from strangler.runtime.settings import Overrides


def add(commands: Any, epilog: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "serve",
        help="run the proxy",
        description="Run the proxy until SIGTERM or Ctrl-C. What is given here goes before the routes file. "
        "SIGHUP reads the file anew (a change of it is noticed anyway), SIGUSR2 replaces the workers one by one. Under "
        "systemd it takes sockets that were bound for it and tells how it stands.",
        epilog=epilog,
        allow_abbrev=False,
    )
    options.add_file(parser)
    parser.add_argument(
        "--listen", type=options.address, metavar="HOST:PORT", help="where clients connect; port 0 picks one"
    )
    parser.add_argument(
        "--admin", type=options.address, metavar="HOST:PORT", help="the admin port, on a loopback address"
    )
    parser.add_argument(
        "--workers", type=options.count, metavar="N", help="worker processes; 0 runs everything in one process"
    )
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help="where flags and the admin token are kept")
    parser.add_argument(
        "--log-format",
        type=LogFormat,
        choices=tuple(LogFormat),
        metavar="text|json",
        help="how the log on standard error is written (default: text on a terminal, else json)",
    )
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    # Because the other commands should not wait for the imports of a whole proxy.
    from strangler.runtime.serve import serve

    overrides = Overrides(
        listen=given.listen,
        admin=given.admin,
        workers=given.workers,
        state_dir=None if given.state_dir is None else str(given.state_dir.absolute()),
    )
    serve(given.config, overrides, given.log_format)
    return 0
