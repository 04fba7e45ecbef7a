"""The key book: which side each idempotency key went to first, shared by all workers and kept over restarts.

One file in the state directory, mapped into every worker. It is a table of sets of eight entries; a key's digest names
its set. Each look and each entry is made under a lock of the set's own (fcntl record locks, which the kernel drops with
their holder), so two workers never give one key two sides. The file is as large as it will ever be from the start, so
that a full disk is met when it is made and not when it is written. When a set is full, its oldest entry makes room.
"""

import errno
import fcntl
import mmap
import os
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

from strangler.core.idempotency import DIGEST_BYTES
from strangler.core.model import Side
from strangler.errors import KeyBookBusyError, StoreError

FILE = "keys.book"
_MAGIC = b"strangler keys 1"
_HEADER = struct.Struct("<16sI")
"""Magic and number of sets."""
_START = 4_096
_ENTRY = struct.Struct("<IB3x")
"""When (s) the key was first sent, and to which side; the digest stands before."""
_ENTRY_BYTES = DIGEST_BYTES + _ENTRY.size
_WAYS = 8
_SET_BYTES = _WAYS * _ENTRY_BYTES
_TRIES = 2_000
"""Tries for a lock before giving up: about two milliseconds, where a holder needs a few microseconds."""
_SIDES = (Side.LEGACY, Side.EXTRACTED)
_FREE = bytes(DIGEST_BYTES)


def make(path: Path, keys: int) -> None:
    """Make a book for `keys` keys if there is none of that size; raises StoreError.

    A book of another size is replaced: its keys would be looked for in the wrong sets.
    """
    sets = _sets(keys)
    try:
        if path.exists() and _read_sets(path) == sets:
            return
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, _START + sets * _SET_BYTES)
            os.pwrite(descriptor, _HEADER.pack(_MAGIC, sets), 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.replace(path)
    except OSError as error:
        raise StoreError(
            f"cannot make the key book {path}: {error.strerror}. Make sure that the disk has room and this user may "
            "write there"
        ) from error


def private(keys: int) -> "KeyBook":
    """Return a book of this process alone, in memory: better than none where the shared one cannot be opened."""
    with TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder) / FILE
        make(path, keys)
        return KeyBook(path)


class KeyBook:
    """One worker's view of the book. Calls are short and synchronous."""

    def __init__(self, path: Path) -> None:
        """Open a book that `make` made; raises StoreError."""
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise StoreError(f"cannot open the key book {path}: {error.strerror}") from error
        try:
            self._sets = _read_sets(path)
            size = os.fstat(self._file).st_size
            if self._sets < 1 or size != _START + self._sets * _SET_BYTES:
                raise StoreError(f"the key book {path} is damaged. Move it away to start with an empty one")
            self._map = mmap.mmap(self._file, size)
        except BaseException:
            os.close(self._file)
            raise
        self.evicted = 0
        """Keys that made room for others before their lifetime was over."""

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()
        os.close(self._file)

    def claim(self, digest: bytes, side: Side, *, now_s: int, lifetime_s: int) -> tuple[Side, bool]:
        """Return the side that a key went to first within its lifetime, and whether it is new.

        A new key is remembered with `side`.

        Because making the entry finds the one that is there, a look-up costs nothing more. Raises KeyBookBusyError.
        """
        start = self._lock(digest)
        try:
            entries = self._map[start : start + _SET_BYTES]
            place = _find(entries, digest)
            if place is None:
                place = self._room(entries, now_s, lifetime_s)
            else:
                first_s, kept = _ENTRY.unpack_from(entries, place + DIGEST_BYTES)
                if now_s - first_s < lifetime_s:
                    return _SIDES[kept], False
            self._write(start + place, digest, side, now_s)
            return side, True
        finally:
            self._unlock(start)

    def move(self, digest: bytes, side: Side, *, now_s: int) -> None:
        """Enter a key with another side, because nothing of its request had left for the first.

        Raises KeyBookBusyError.
        """
        start = self._lock(digest)
        try:
            place = _find(self._map[start : start + _SET_BYTES], digest)
            if place is not None:
                self._write(start + place, digest, side, now_s)
        finally:
            self._unlock(start)

    # --- inside

    def _room(self, entries: bytes, now_s: int, lifetime_s: int) -> int:
        """Return the place of a free or over-aged entry, else of the oldest."""
        oldest, oldest_s = 0, 2**33
        for place in range(0, _SET_BYTES, _ENTRY_BYTES):
            if entries[place : place + DIGEST_BYTES] == _FREE:
                return place
            first_s = _ENTRY.unpack_from(entries, place + DIGEST_BYTES)[0]
            if first_s < oldest_s:
                oldest, oldest_s = place, first_s
        if now_s - oldest_s < lifetime_s:
            self.evicted += 1
        return oldest

    def _write(self, at: int, digest: bytes, side: Side, now_s: int) -> None:
        self._map[at : at + _ENTRY_BYTES] = digest + _ENTRY.pack(now_s, _SIDES.index(side))

    def _lock(self, digest: bytes) -> int:
        """Hold a digest's set, and return where it starts."""
        start = _START + int.from_bytes(digest[:8], "little") % self._sets * _SET_BYTES
        for _ in range(_TRIES):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SET_BYTES, start)
                return start
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EAGAIN):
                    raise StoreError(f"the key book cannot be locked: {error.strerror}") from error
                os.sched_yield()
        raise KeyBookBusyError("the key book is held by a worker that does not go on")

    def _unlock(self, start: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, _SET_BYTES, start)


def _find(entries: bytes, digest: bytes) -> int | None:
    place = entries.find(digest)
    while place >= 0 and place % _ENTRY_BYTES:
        place = entries.find(digest, place + 1)
    return None if place < 0 else place


def _sets(keys: int) -> int:
    """Return how many sets hold `keys` keys with few of them crowded out: half full on average."""
    return max(1, -(-2 * keys // _WAYS))


def _read_sets(path: Path) -> int:
    """Return the number of sets of a book, 0 if it is none."""
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return 0
    magic, sets = _HEADER.unpack(header)
    return sets if magic == _MAGIC else 0
