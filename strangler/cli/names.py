"""Names: what a shell offers where a command takes a route, a flag, a write or a token, read from the files alone."""

import argparse
import json
import re
import shlex
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from strangler.config import load
from strangler.config.document import read
from strangler.config.nodes import Mapping, Node, Scalar, Sequence
from strangler.config.reading import Report
from strangler.errors import StranglerError

_PLAIN = re.compile(r"[A-Za-z0-9._:@/+-]+")
"""Names that a shell takes as they are. Because a file may hold anything, no other one is offered."""
_LINE = r"(?:^|[\s{{,-]){}:\s*[\"']?([A-Za-z0-9._:@/+-]+)"
"""The usual way to write a key, for a text that is not YAML as a whole."""
_MOST_FLAG_BYTES = 16 * 1024 * 1024


def tell(given: argparse.Namespace) -> int:
    """Print the names of one kind, one a line; none where there is nothing to read them from, and never a fault."""
    file = _there(given.config)
    state_dir = None if given.state_dir is None else _there(given.state_dir)
    found: set[str] = set()
    for reader in _READERS[given.what]:
        try:
            found.update(filter(_PLAIN.fullmatch, reader(file, state_dir)))
        except (StranglerError, OSError, sqlite3.Error, ValueError):
            # Because it is asked while somebody types, and what is wrong is told by the command that they type.
            continue
    for name in sorted(found):
        print(name)
    return 0


def _there(path: Path) -> Path:
    """Return the path that is meant by a word as it was typed, with its quotes and a `~`."""
    if not path.exists():
        try:
            path = Path(*shlex.split(str(path)) or (path,))
        except ValueError:
            # Because a quote may be open still.
            return path
    return path.expanduser()


def _routes(file: Path, state_dir: Path | None) -> Iterator[str]:
    return _of_routes(file, "name")


def _flags_of_routes(file: Path, state_dir: Path | None) -> Iterator[str]:
    return _of_routes(file, "flag")


def _stored_flags(file: Path, state_dir: Path | None) -> Iterator[str]:
    return _stored(file, state_dir, "SELECT key FROM flags")


def _divergences(file: Path, state_dir: Path | None) -> Iterator[str]:
    return _stored(file, state_dir, "SELECT id FROM divergences")


def _tokens(file: Path, state_dir: Path | None) -> Iterator[str]:
    return _stored(file, state_dir, "SELECT name FROM tokens WHERE revoked_at IS NULL")


def _of_routes(file: Path, key: str) -> Iterator[str]:
    """Yield what each route has under a key, whatever else is wrong in the file."""
    data = load.read_file(file)
    root = read(data, Report(str(file)))
    if root is None:
        yield from re.findall(_LINE.format(key), data.decode("utf-8", "replace"), re.MULTILINE)
    routes = _under(root, "routes")
    for route in routes.items if isinstance(routes, Sequence) else ():
        if isinstance(value := _under(route, key), Scalar):
            yield value.text


def _flags_of_file(file: Path, state_dir: Path | None) -> Iterable[str]:
    flags = _under(read(load.read_file(file), Report(str(file))), "flags")
    named = _under(flags, "file")
    if not isinstance(named, Scalar):
        return ()
    with (file.absolute().parent / named.text).open("rb") as opened:
        document: Any = json.loads(opened.read(_MOST_FLAG_BYTES))
    tables = [document.get(name, {}) for name in ("flags", "flagValues")] if isinstance(document, dict) else []
    return [key for table in tables if isinstance(table, dict) for key in table]


def _under(node: Node | None, key: str) -> Node | None:
    entries = node.entries if isinstance(node, Mapping) else ()
    return next((entry.value for entry in entries if entry.key == key), None)


def _stored(file: Path, state_dir: Path | None, query: str) -> Iterator[str]:
    # Because this import costs more than the names of routes need.
    from strangler.control.database import open_to_read

    found = state_dir or load.find_state_dir(file)
    if (found / "state.db").exists():
        with open_to_read(found) as db:
            yield from (str(name) for (name,) in db.execute(query))


_READERS: dict[str, tuple[Callable[[Path, Path | None], Iterable[str]], ...]] = {
    "routes": (_routes,),
    "flags": (_flags_of_routes, _flags_of_file, _stored_flags),
    "divergences": (_divergences,),
    "tokens": (_tokens,),
}
KINDS = tuple(_READERS)
