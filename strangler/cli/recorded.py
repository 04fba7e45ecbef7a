"""What is recorded of a route, read from the state directory, by whoever may read the key that is there.

Its content never passes the admin port. Nothing is locked, made or changed, so the proxy may run beside it.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from strangler.cli import options
from strangler.config import load
from strangler.control import findingstable, recordingtable
from strangler.control.recordingbook import unseal
from strangler.core.grouping import GroupKey
from strangler.core.model import Route
from strangler.core.noise import Nature
from strangler.core.recording import Recording
from strangler.core.selection import Selection
from strangler.core.shadowing import Record, Shadow
from strangler.errors import StoreError, UsageError, VaultError
from strangler.vault.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One route, as it stands in the routes file, and what is recorded of it."""

    route: Route
    shadow: Shadow
    recordings: tuple[tuple[str, Recording], ...]
    """By id, the oldest first."""
    kinds: int
    """How many kinds of reads they are of."""
    closed: int
    """Recordings that cannot be opened; why is told already."""
    natures: Mapping[GroupKey, Nature]
    """What shadowing has found of places that differ."""


def add_source(parser: argparse.ArgumentParser) -> None:
    """Let the command be told of which route, and where its recordings are."""
    parser.add_argument("--route", required=True, metavar="ROUTE", help="whose reads")
    parser.add_argument("--limit", type=_limit, metavar="N", help="at most so many, of as many kinds (default: all)")
    options.add_file(parser)
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help="where they are (default: the file's)")


def read(given: argparse.Namespace) -> Recorded:
    """Return what the options mean; raises UsageError if there is nothing, or if it cannot be read."""
    config = load.load(given.config)
    state_dir: Path = given.state_dir or Path(config.state_dir)
    route = next((route for route in config.routes if route.name == given.route), None)
    if route is None:
        listed = ", ".join(route.name for route in config.routes)
        known = f"Known: {listed}" if listed else "It has none"
        raise UsageError(f"{given.config} has no route {given.route}. {known}.")
    if not (state_dir / "state.db").exists():
        raise UsageError(f"{state_dir} has no state store; name another with --state-dir")
    try:
        rows = recordingtable.read_recordings(state_dir, route.name)
        findings = findingstable.read_findings(state_dir, route.name)
    except StoreError as error:
        raise UsageError(str(error)) from error
    if not rows:
        raise UsageError(
            f"nothing is recorded of {route.name} in {state_dir}. Let it record with `shadow: {{record: {{}}}}`; "
            "reads are recorded as they come"
        )
    if given.limit is not None:
        chosen = Selection(row.kept for row in rows)
        chosen.trim(Record(keep=given.limit, most_bytes=sys.maxsize, for_s=sys.maxsize), 0.0)
        names = {kept.id for kept in chosen}
        rows = tuple(row for row in rows if row.kept.id in names)
    vault, opened, problem = Vault(state_dir), [], None
    shapes = set()
    for row in rows:
        try:
            opened.append((row.kept.id, unseal(vault, row)))
            shapes.add(row.kept.shape)
        except VaultError as error:
            problem = error
    if problem is not None:
        if not opened:
            raise UsageError(str(problem)) from problem
        print(f"{len(rows) - len(opened)} recordings are left out: {problem}", file=sys.stderr)
    groups = () if findings is None else findings.groups
    return Recorded(
        route=route,
        shadow=route.shadow or Shadow(),
        recordings=tuple(opened),
        kinds=len(shapes),
        closed=len(rows) - len(opened),
        natures={(group.place, group.kind): group.nature for group in groups},
    )


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000")
    return int(text)
