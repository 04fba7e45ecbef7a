"""`strangler restart`: replace the workers one by one, and wait for the end."""

import argparse
import json
import sys
import time
from typing import Any

from strangler.cli import admin, changing, exits, options
from strangler.cli.status import restart_text

_LOOK_S = 0.2
_PATH = "/api/v1/restart"
_RUNNING = ("replacing", "draining")
_EXIT_CODES = exits.codes(
    {
        0: "all workers were replaced",
        1: "one was not (it serves on, and the reason is shown), the proxy stopped meanwhile, does not run, or refused",
    }
)


def add(commands: Any, epilog: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "restart",
        help="replace the workers one by one",
        description="Replace each worker by a fresh process, one at a time and without a refused connection: the next "
        "one serves before the former one finishes what runs and ends. Asking again meanwhile joins the restart that "
        "runs. Control itself stays; SIGUSR2 to it does the same.",
        epilog=_EXIT_CODES,
        allow_abbrev=False,
    )
    options.add_change(parser)
    options.add_admin(parser)
    parser.add_argument("--no-wait", action="store_true", help="return once the restart has begun")
    parser.add_argument("--json", action="store_true", help="print the API's last answer as it is")
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    if given.dry_run:
        return changing.run(given, "POST", _PATH, {}, lambda _: None)
    instance = admin.find(given)
    restart, told = changing.ask(instance, given, "POST", _PATH, {}, why=options.reason(given)), ""
    # Because a restart that another one followed was over, and the next one replaces all workers too.
    while not given.no_wait and restart["state"] in _RUNNING:
        if not given.json and told != (told := restart_text(restart)):
            print(told, file=sys.stderr)
        time.sleep(_LOOK_S)
        restart = instance.ask("GET", _PATH)
    print(json.dumps(restart, indent=2) if given.json else restart_text(restart))
    return 0 if restart["state"] == "done" or (given.no_wait and restart["state"] in _RUNNING) else 1
