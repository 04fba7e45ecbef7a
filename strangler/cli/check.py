"""`strangler check`: what is wrong with a routes file."""

import argparse
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strangler.cli import options
from strangler.cli.outlet import say
from strangler.config import load
from strangler.config.warnings import warnings_of
from strangler.core.model import Config, FlagSourceKind
from strangler.errors import ConfigError, FlagError, StoreError, UsageError
from strangler.flags.migration import migrations_of
from strangler.flags.summary import finished_of


def add(commands: Any, epilog: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help="check a routes file",
        description="Print every fault of a routes file, with its line and the remedy; nothing is started. With "
        "`flags.source: file`, the flag file is checked too.",
        epilog=epilog,
        allow_abbrev=False,
    )
    options.add_file(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    try:
        config = load.load(given.config)
    except ConfigError as error:
        _print_faults(given, error)
        return 2
    faults, flag_warnings, flags = _flag_findings(config)
    warnings = (*warnings_of(config, migrations_of(flags), finished_of(flags)), *flag_warnings)
    if given.json:
        _print_json(given.config, faults=faults, warnings=warnings)
    else:
        for line in (*faults, *(f"warning: {warning}" for warning in warnings)):
            say(line)
        if not faults:
            print(_summary(given.config, config))
    return 2 if faults else 0


def _print_faults(given: argparse.Namespace, error: ConfigError) -> None:
    if given.json:
        _print_json(given.config, faults=[dataclasses.asdict(fault) for fault in error.faults], warnings=())
        return
    for fault in error.faults:
        say(str(fault))


def _print_json(path: Path, *, faults: Any, warnings: Any) -> None:
    print(json.dumps({"file": str(path), "ok": not faults, "faults": faults, "warnings": warnings}, indent=2))


def _flag_findings(config: Config) -> tuple[tuple[str, ...], tuple[str, ...], Mapping[str, Any]]:
    """Return the faults of the flag file; what in it is rarely meant, and the flags that routes name and it lacks; and
    the flags that there are, as far as files say."""
    if config.flags.source is FlagSourceKind.EMBEDDED:
        return (), (), _stored(config)
    if config.flags.source is not FlagSourceKind.FILE:
        return (), (), {}
    # Because this imports LaunchDarkly's SDK, which takes longer than a check without a flag file.
    from strangler.cli.offline import flag_file
    from strangler.flags.validate import cautions

    try:
        known = json.loads(flag_file(Path(config.flags.file)))["flags"]
    except (FlagError, UsageError) as error:
        return tuple(str(error).splitlines()), (), {}
    rare = tuple(f"flag {key!r}: {caution}" for key, flag in known.items() for caution in cautions(flag))
    lacking = tuple(
        f"routes file line {route.line}: route {route.name}: the flag file has no flag {route.flag!r}, so the "
        "route stays on the monolith"
        for route in config.routes
        if route.flag is not None and route.flag not in known
    )
    return (), rare + lacking, known


def _stored(config: Config) -> Mapping[str, Any]:
    state_dir = Path(config.state_dir)
    if not (state_dir / "state.db").exists():
        # Because asking must not make a state directory where there is none.
        return {}
    # Because this imports what only an instance needs.
    from strangler.control.store import read_flags

    try:
        return read_flags(state_dir)
    except StoreError:
        # Because the file can be checked all the same; a start tells what is wrong with the store.
        return {}


def _summary(path: Path, config: Config) -> str:
    split = sum(route.extracted is not None for route in config.routes)
    return (
        f"{path}: ok, {_counted(len(config.upstreams), 'upstream')}, {_counted(len(config.routes), 'route')} "
        f"({split} with an extracted service), flags from {config.flags.source.value}"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
