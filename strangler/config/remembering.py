"""Remembering: the meaning of the last routes file that was sound, for whoever asks for it twice in a row.

Whoever types has a text looked at for its faults, then for its plan, and then written; it is read once.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from strangler.config.load import parse_with
from strangler.core.model import Config

_SETTLED_NS = 100_000_000
"""A file that changed no longer ago than this may have been read as it was before: its time is as coarse as a tick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    config: Config
    path: Path
    stamps: tuple[tuple[int, ...], ...]
    files: tuple[str, ...]
    """What else was looked at: certificates, keys and authorities."""


class Remembering:
    """Parses routes files, and keeps the meaning of one; any thread may ask."""

    def __init__(self) -> None:
        self._known: _Known | None = None

    def parse(self, data: bytes, *, path: Path) -> Config:
        """Return what `load.parse` does; of the same text as the last time without reading it, while the files that it
        names are as they were."""
        known = self._known
        is_same = known is not None and known.path == path and known.config.digest == sha256(data).hexdigest()
        if known is not None and is_same and _stamps(known.files) == known.stamps:
            return known.config
        settled = time.time_ns() - _SETTLED_NS
        config, files = parse_with(data, path=path)
        stamps = _stamps(files)
        if stamps is not None and all(changed < settled for changed, *_ in stamps):
            self._known = _Known(config=config, path=path, stamps=stamps, files=files)
        return config


def _stamps(files: Collection[str]) -> tuple[tuple[int, ...], ...] | None:
    """Return the state of each file, its latest change first; None if one is not there."""
    try:
        found = [Path(file).stat() for file in files]
    except OSError:
        return None
    return tuple((one.st_ctime_ns, one.st_mtime_ns, one.st_size, one.st_ino, one.st_dev) for one in found)
