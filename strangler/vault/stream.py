"""Streams: a file of records that one process appends to and another one reads, each record sealed.

The first thing in a file is a key of its own, sealed by the vault, so that the vault seals once for many records.

    8 bytes   what it is and its format
    4 bytes   length of the sealed key, and it
    then, each record:
    4 bytes   length of what follows
    1 byte    kind
    8 bytes   number, counted in this file: the nonce, never used twice
    the rest  what is sealed, and 16 bytes that authenticate all of it

The writer holds a lock on the file for as long as it lives, which the kernel lets go of whatever ends it. What a
process has appended is there after it was killed; what a power cut takes is what the kernel had not written yet.
"""

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strangler.errors import VaultError
from strangler.vault.vault import Purpose, Vault

_MAGIC = b"STRGLR\x00\x01"
_SIZE = 4
_HEAD = 9
"""Kind and number of a record."""
DRAFT = ".draft"
"""After the name of a file that is not whole yet."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record, and where it stands."""

    kind: int
    content: bytes
    offset: int
    size: int
    """Bytes in the file."""


class StreamWriter:
    """Appends; what it has appended is in the file as a whole, or not at all."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Make the file. Raises VaultError and OSError."""
        key = os.urandom(32)
        sealed = vault.seal(key, purpose=Purpose.STREAM, name=path.stem)
        self.path = path
        self._cipher = AESGCM(key)
        self._number = 0
        draft = path.with_name(f"{path.name}{DRAFT}")
        self._file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            head = _MAGIC + len(sealed).to_bytes(_SIZE, "big") + sealed
            self._write_all(head, 0)
            self.size = len(head)
            # Because who finds it must find it whole, and locked.
            draft.rename(path)
        except BaseException:
            os.close(self._file)
            draft.unlink(missing_ok=True)
            raise

    def append(self, kind: int, content: bytes) -> None:
        """Append a record. Raises OSError; then the file is as it was."""
        self._number += 1
        head = bytes((kind,)) + self._number.to_bytes(8, "big")
        sealed = self._cipher.encrypt(head[1:].rjust(12, b"\x00"), content, head)
        record = (_HEAD + len(sealed)).to_bytes(_SIZE, "big") + head + sealed
        self._write_all(record, self.size)
        self.size += len(record)

    def close(self) -> None:
        """Let the reader know that nothing more comes."""
        os.close(self._file)

    def _write_all(self, data: bytes, before: int) -> None:
        try:
            if os.write(self._file, data) != len(data):
                raise OSError("the disk is full")
        except OSError:
            os.ftruncate(self._file, before)
            raise


class StreamReader:
    """Reads what is there, in its order, however often it is asked."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Open the file. Raises VaultError if it cannot be read, and OSError."""
        self.path = path
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            head = os.pread(self._file, 4_096, 0)
            start = len(_MAGIC) + _SIZE
            length = int.from_bytes(head[len(_MAGIC) : start], "big")
            if head[: len(_MAGIC)] != _MAGIC or len(head) < start + length:
                raise VaultError(f"{path} was not written by this release, or it is damaged")
            key = vault.open(head[start : start + length], purpose=Purpose.STREAM, name=path.stem)
            self._cipher = AESGCM(key)
            self.position = start + length
            """Of what is read next; whoever has not got what was read may go back."""
        except BaseException:
            os.close(self._file)
            raise

    def read(self, most_bytes: int) -> Iterator[Record]:
        """Yield the records that have come since, `most_bytes` of them or one; raises VaultError for a damaged one."""
        data = os.pread(self._file, most_bytes, self.position)
        if len(data) >= _SIZE and (needed := _SIZE + int.from_bytes(data[:_SIZE], "big")) > len(data) == most_bytes:
            data = os.pread(self._file, needed, self.position)
        at = 0
        while at + _SIZE <= len(data):
            size = _SIZE + int.from_bytes(data[at : at + _SIZE], "big")
            if at + size > len(data):
                # Because its writer was killed in the middle of it, or it is being written.
                return
            kind, content = self._opened(data[at : at + size])
            yield Record(kind, content, self.position, size)
            self.position += size
            at += size

    def again(self, offset: int, size: int) -> bytes:
        """Return the content of a record that was read before."""
        return self._opened(os.pread(self._file, size, offset))[1]

    def is_abandoned(self) -> bool:
        """Return whether its writer has let go of it, or is no more."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Read no more."""
        os.close(self._file)

    def _opened(self, record: bytes) -> tuple[int, bytes]:
        head, sealed = record[_SIZE : _SIZE + _HEAD], record[_SIZE + _HEAD :]
        try:
            return head[0], self._cipher.decrypt(head[1:].rjust(12, b"\x00"), sealed, head)
        except (InvalidTag, ValueError, IndexError) as error:
            raise VaultError(f"{self.path}: a record was altered, or is damaged") from error
