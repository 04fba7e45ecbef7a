"""Loading: a routes file becomes a Config, or all of its faults."""

import os
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from strangler.config.document import MAX_BYTES, read
from strangler.config.meaning import STATE_DIR, read_config
from strangler.config.nodes import Mapping, Place, Scalar
from strangler.config.reading import At, Report
from strangler.core.model import Config
from strangler.errors import ConfigError

_STATE_DIR = re.compile(
    rb"""^state_dir:[ ]*(?P<quote>["']?)(?P<value>[^"'#\r\n]+?)(?P=quote)[ ]*(?:#.*)?$""", re.MULTILINE
)
"""The usual way to write the key, for a text that is not YAML as a whole."""


def load(path: Path) -> Config:
    """Return the meaning of the file at `path`; raises ConfigError with every fault in it."""
    return parse(read_file(path), path=path)


def find_state_dir(path: Path) -> Path:
    """Return the state directory of the file at `path`, whatever else is wrong in it; the default if it cannot be told.

    Because somebody who has just saved a mistake must still reach the proxy that runs, to take traffic back.
    """
    data = read_file(path)
    root = read(data, Report(str(path)))
    named = ""
    if isinstance(root, Mapping):
        values = [entry.value for entry in root.entries if entry.key == "state_dir"]
        named = next((value.text for value in values if isinstance(value, Scalar)), "")
    else:
        found = _STATE_DIR.search(data)
        named = found["value"].decode("utf-8", "replace") if found else ""
    return path.absolute().parent / (named or STATE_DIR)


def parse(data: bytes, *, path: Path) -> Config:
    """Return the meaning of a file's bytes; raises ConfigError with every fault in them.

    Paths in it are taken from the folder of `path` as it is given: a link is not followed, so state stays
    where the operator sees the file, whichever revision a ConfigMap's link points at.
    """
    return parse_with(data, path=path)[0]


def parse_with(data: bytes, *, path: Path) -> tuple[Config, tuple[str, ...]]:
    """Return what `parse` does, and the paths of all other files that were looked at for it."""
    report = Report(str(path))
    root = read(data, report)
    if root is not None:
        config = read_config(
            At(node=root, where="", report=report),
            folder=path.absolute().parent,
            processors=os.cpu_count() or 1,
            digest=sha256(data).hexdigest(),
        )
        if report.count == 0:
            return replace(config, files=tuple(dict.fromkeys(report.files))), report.looked_at
    raise ConfigError(report.faults(), files=report.looked_at)


def read_file(path: Path, *, remedy: str = "Name a file that is there with -c") -> bytes:
    """Return the file's bytes, one more than are allowed at most; raises ConfigError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        report = Report(str(path))
        message = f"the file cannot be read: {error.strerror or error}"
        report.add(Place(line=1, column=1), "document", message, remedy)
        raise ConfigError(report.faults()) from error
