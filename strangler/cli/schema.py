"""`strangler schema`: what may stand in a routes file, for editors."""

import argparse
import json
from typing import Any

from strangler.config.schema import json_schema


def add(commands: Any, epilog: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "schema",
        help="print the JSON Schema of a routes file",
        description="Print the JSON Schema of a routes file, for editors.",
        epilog=epilog,
        allow_abbrev=False,
    )
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    print(json.dumps(json_schema(), indent=2))
    return 0
