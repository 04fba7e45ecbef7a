"""The key file: which keys there are, for the eyes of their owner alone, and never half written.

One key a line, `ID KEY`, both as text. The first line's key seals; all of them open. An id is a digest of its key, so a
line that was damaged is told from one that was not.
"""

import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from secrets import token_bytes

from strangler.errors import VaultError

KEY_FILE = "vault.keys"
KEY_BYTES = 32
"""AES-256."""
ID_BYTES = 4
"""Enough to tell some keys from each other; it says nothing of a key of 256 random bits."""
MOST_KEYS = 64
"""Of one file. Because records are kept for days, keys of former years open nothing."""
_MOST_BYTES = 16_384
_LINE = re.compile(r"([0-9a-f]{8}) ([A-Za-z0-9_-]{43}=)")
_HEAD = (
    "# Keys of what is sealed in state.db: the first one seals, all of them open. Keep a copy, apart from copies of\n"
    "# state.db: without its key a record cannot be read.\n"
)


@dataclass(frozen=True, slots=True)
class Key:
    """One key; printing it does not show it."""

    secret: bytes

    @property
    def id(self) -> str:
        """Return what sealed records call it."""
        return blake2b(self.secret, digest_size=ID_BYTES, person=b"strangler key id").hexdigest()

    def __repr__(self) -> str:
        return f"Key({self.id})"


def read(path: Path) -> tuple[Key, ...]:
    """Return the keys of a file, the sealing one first; none if there is no file.

    Raises VaultError, which names the file and the remedy, if it cannot be read, if somebody else may know it, or if
    it is damaged.
    """
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            text = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise VaultError(
            f"{path}: the key file cannot be read ({error.strerror}). Make sure that it is a file of this user"
        ) from error
    if found.st_uid not in _owners(path):
        raise VaultError(
            f"{path}: the key file belongs to another user, who knows it. Run: chown {os.geteuid()} {path}"
        )
    mode = found.st_mode & 0o777
    if mode & 0o077:
        raise VaultError(f"{path}: others may read the key file (mode {mode:04o}). Run: chmod 600 {path}")
    return _parse(path, text)


def write(path: Path, keys: tuple[Key, ...]) -> None:
    """Put these keys in place of what the file holds; after a crash it has the former ones or these.

    Raises VaultError if that cannot be done; then the file is as it was.
    """
    _check_number(path, len(keys))
    draft = path.with_name(f"{path.name}.new")
    lines = "".join(f"{key.id} {urlsafe_b64encode(key.secret).decode()}\n" for key in keys)
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            if os.geteuid() == 0:
                # Because root may rotate the key of a proxy that runs as somebody else, and must not lock it out.
                owner = (path if path.exists() else path.parent).stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(_HEAD + lines)
            file.flush()
            # Because a record must not be on the disk before its key is.
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error.strerror) from error


def check_room(path: Path, number: int) -> None:
    """Raise the VaultError that writing so many keys would, as far as it can be known before."""
    _check_number(path, number)
    if not os.access(path.parent, os.W_OK):
        raise _unwritable(path, "its directory is not there, or may not be written to")


def _check_number(path: Path, number: int) -> None:
    if number > MOST_KEYS:
        raise VaultError(f"{path}: there are {MOST_KEYS} keys already. Take out the last lines, which are the oldest")


def _unwritable(path: Path, why: str | None) -> VaultError:
    return VaultError(
        f"{path}: the key file cannot be written ({why}). Make sure that the disk has room and that the directory "
        "belongs to this user"
    )


def create(path: Path, key: Key) -> None:
    """Make the file with one key, unless another process was faster; then its key is the one that counts.

    Raises VaultError if that cannot be done.
    """
    own = path.with_name(f"{path.name}.{os.getpid()}")
    write(own, (key,))
    try:
        os.link(own, path)
    except FileExistsError:
        pass
    except OSError as error:
        raise VaultError(f"{path}: the key file cannot be made ({error.strerror})") from error
    finally:
        own.unlink(missing_ok=True)


def new_key() -> Key:
    """Return a key that nobody has seen."""
    return Key(token_bytes(KEY_BYTES))


def _owners(path: Path) -> set[int]:
    """Return who may own the file: who asks, root, and where root asks, whose the directory is."""
    return {os.geteuid(), 0} | ({path.parent.stat().st_uid} if os.geteuid() == 0 else set())


def _parse(path: Path, text: bytes) -> tuple[Key, ...]:
    remedy = "Put back a copy of the file as it was; a new file opens nothing that was sealed before"
    if len(text) > _MOST_BYTES:
        raise VaultError(f"{path}: the key file is too large to be one. {remedy}")
    keys = []
    for number, line in enumerate(text.decode("latin-1").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        key = None if found is None else Key(urlsafe_b64decode(found[2]))
        if found is None or key is None or key.id != found[1]:
            raise VaultError(f"{path}: line {number} is damaged. {remedy}")
        keys.append(key)
    if not keys:
        raise VaultError(f"{path}: no key stands in the key file. {remedy}")
    return tuple(dict.fromkeys(keys))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
