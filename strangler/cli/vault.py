"""`strangler vault rotate`: seal with a new key from now on."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from strangler.cli import changing, options
from strangler.config import load


def add(commands: Any, epilog: str) -> None:
    """Add the command and its own."""
    parser = commands.add_parser(
        "vault",
        help="change the key that recordings are sealed with",
        description="Change the key that recordings are sealed with.",
        epilog=epilog,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    about = "seal with a new key; the former ones stay in the file, and what they sealed still opens"
    rotate = actions.add_parser("rotate", help=about, epilog=epilog, allow_abbrev=False)
    options.add_file(rotate)
    rotate.add_argument("--state-dir", type=Path, metavar="DIR", help="where the key file is (default: the file's)")
    rotate.add_argument("--json", action="store_true", help="print JSON")
    options.add_dry_run(rotate)
    rotate.set_defaults(run=_rotate)


def _rotate(given: argparse.Namespace) -> int:
    # Because this import costs more than the other commands need.
    from strangler.vault.vault import Vault

    state_dir: Path = given.state_dir or Path(load.load(given.config).state_dir)
    vault = Vault(state_dir)
    if given.dry_run:
        return _try(given, vault.path, vault.check_rotation())
    key_id = vault.rotate()
    if given.json:
        print(json.dumps({"file": str(vault.path), "key_id": key_id}, indent=2))
        return 0
    print(f"{vault.path}: {key_id} seals from now on. Keep a copy of the file, apart from copies of state.db")
    return 0


def _try(given: argparse.Namespace, path: Path, former: Sequence[str]) -> int:
    if given.json:
        print(json.dumps({"dry_run": True, "file": str(path), "former": former}, indent=2))
        return 0
    known = f"in front of {', '.join(former)}" if former else "and would be the first one"
    print(f"{path}: a new key would seal from now on, {known}")
    print(changing.NOTHING)
    return 0
