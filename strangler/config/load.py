"""Loading: a routes file becomes a Config, or all of its faults."""

import os
from hashlib import sha256
from pathlib import Path

from strangler.config.document import MAX_BYTES, read
from strangler.config.meaning import read_config
from strangler.config.nodes import Place
from strangler.config.reading import At, Report
from strangler.core.model import Config
from strangler.errors import ConfigError


def load(path: Path) -> Config:
    """Return the meaning of the file at `path`; raises ConfigError with every fault in it."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        report = Report(str(path))
        message = f"the file cannot be read: {error.strerror or error}"
        report.add(Place(line=1, column=1), "document", message, "Name a file that is there with -c")
        raise ConfigError(report.faults()) from error
    return parse(data, path=path)


def parse(data: bytes, *, path: Path) -> Config:
    """Return the meaning of a file's bytes; raises ConfigError with every fault in them.

    Paths in it are taken from the folder of `path` as it is given: a link is not followed, so state stays
    where the operator sees the file, whichever revision a ConfigMap's link points at.
    """
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
            return config
    raise ConfigError(report.faults())
