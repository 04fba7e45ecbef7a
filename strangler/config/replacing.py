"""Replacing a file: whoever reads it meanwhile has the former one or the new one, and never a part."""

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from strangler.errors import EditError


def replace_file(path: Path, *, before: bytes, after: bytes) -> None:
    """Make `after` the content of a file that has `before`; raises EditError, and leaves it as it is, if it cannot.

    A link stays one: what it leads to is replaced. Mode, owner and extended attributes stay.
    """
    try:
        target = path.resolve(strict=True)
        if not target.is_file():
            raise EditError(f"{path} is no regular file")
        _replace(path, target, before, after)
    except OSError as error:
        raise _refusal(path, error) from error
    # Because the new name is there for everybody already, a folder that cannot be synchronised is no failure.
    with suppress(OSError):
        _sync(target.parent)


def check_replaceable(path: Path) -> None:
    """Raise the EditError that `replace_file` would, as far as it can be known before; nothing is left behind."""
    try:
        target = path.resolve(strict=True)
        if not target.is_file():
            raise EditError(f"{path} is no regular file")
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", suffix=".new") as file:
            _dress(Path(file.name), target)
    except OSError as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: OSError) -> EditError:
    return EditError(
        f"{path} cannot be replaced ({error.strerror or error}); it is as it was. Make its folder writable, or "
        "change the file where it comes from."
    )


def _replace(path: Path, target: Path, before: bytes, after: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".new")
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _dress(fresh, target)
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        if path.resolve() != target or target.read_bytes() != before:
            raise EditError(f"{path} was changed by somebody else meanwhile; it is as they left it. Try again.")
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def _dress(fresh: Path, target: Path) -> None:
    """Give a new file the owner, mode and extended attributes of the former one."""
    new, old = fresh.stat(), target.stat()
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        os.chown(fresh, old.st_uid, old.st_gid)
    # Because chown takes bits of the mode away, it comes first.
    shutil.copystat(target, fresh)
    assert stat.S_IMODE(fresh.stat().st_mode) == stat.S_IMODE(old.st_mode)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
