"""Stamps: what tells one state of a file from another, without reading it."""

from pathlib import Path

Stamp = tuple[int, int, int, int, int] | None
"""What stat(2) says of the file; None if it is not there."""


def stamp_of(path: Path) -> Stamp:
    """Return the state that the file is in now."""
    try:
        stat = path.stat()
    except OSError:
        return None
    # Because a tool that keeps times writes in place without a new st_mtime, and so does chmod.
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino, stat.st_dev
