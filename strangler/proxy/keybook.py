"""The key book: which side each idempotency key went to first, shared by all workers and kept over restarts.

One file in the state directory, opened by every worker. It is a table of sets of eight entries; a key's digest names
its set. Each look and each entry is made under a lock of the set's own (fcntl record locks, which the kernel drops with
their holder), so two workers never give one key two sides. The file is as large as it will ever be from the start, so
that a full disk is met when it is made and not when it is written. When a set is full, its oldest entry makes room.
Because a file that is cut off under a mapping kills its readers, it is read and written by calls; and because two books
would give one key two sides, one that was taken away or replaced is not asked any more.
"""

import errno
import fcntl
import mmap
import os
import struct
import time
from pathlib import Path

from strangler.core.idempotency import DIGEST_BYTES
from strangler.core.model import Side
from strangler.errors import KeyBookBusyError, StoreError

FILE = "keys.book"
_MAGIC = b"strangler keys 1"
_HEADER = struct.Struct("<16sI")
"""Magic and number of sets."""
_START = 4_096
_ENTRY = struct.Struct("<IB?2x")
"""When (s) the key was first sent, to which side, and whether it was sent again; the digest stands before."""
_ENTRY_BYTES = DIGEST_BYTES + _ENTRY.size
_WAYS = 8
_SET_BYTES = _WAYS * _ENTRY_BYTES
_TRIES = 200
"""Tries for a lock at once: about 0.2 ms, where a holder needs a few microseconds."""
_NAPS = 100
_NAP_S = 0.000_2
"""Then about 20 ms more, in which a holder that lost its processor gets it back; no more if it hangs."""
_SIDES = (Side.LEGACY, Side.EXTRACTED)
_FREE = bytes(DIGEST_BYTES)


def make(path: Path, keys: int) -> None:
    """Make a book for `keys` keys if there is none of that size; raises StoreError.

    What a book of another size knows is carried over. A file that is no whole book is left alone.
    """
    sets = _sets(keys)
    try:
        found = _whole_sets(path) if path.exists() else 0
        if found == sets:
            return
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, _START + sets * _SET_BYTES)
            os.pwrite(descriptor, _HEADER.pack(_MAGIC, sets), 0)
            if found:
                _carry(path, descriptor, sets)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.replace(path)
    except OSError as error:
        raise StoreError(
            f"cannot make the key book {path}: {error.strerror}. Make sure that the disk has room and this user may "
            "write there"
        ) from error


class KeyBook:
    """One worker's view of the book. Calls are short and synchronous."""

    def __init__(self, path: Path) -> None:
        """Open a book that `make` made; raises StoreError."""
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise StoreError(f"cannot open the key book {path}: {error.strerror}") from error
        try:
            self._path = path
            self._sets = _whole_sets(path)
            self._identity = _identity(os.fstat(self._file))
        except BaseException:
            os.close(self._file)
            raise
        self.evicted = 0
        """Keys that made room for others before their lifetime was over."""

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def claim(self, digest: bytes, side: Side, *, now_s: int, lifetime_s: int) -> tuple[Side, bool]:
        """Return the side that a key went to first within its lifetime, and whether it is new.

        A new key is remembered with `side`.

        Because making the entry finds the one that is there, a look-up costs nothing more. Raises KeyBookBusyError.
        """
        start = self._lock(digest)
        try:
            entries = self._read(start)
            place = _find(entries, digest)
            if place is None:
                place, evicts = _room(entries, now_s, lifetime_s)
                self.evicted += evicts
            else:
                first_s, kept, is_repeated = _ENTRY.unpack_from(entries, place + DIGEST_BYTES)
                if now_s - first_s < lifetime_s:
                    if not is_repeated:
                        self._write(start + place, digest, _SIDES[kept], first_s, is_repeated=True)
                    return _SIDES[kept], False
            self._write(start + place, digest, side, now_s)
            return side, True
        finally:
            self._unlock(start)

    def move(self, digest: bytes, side: Side, *, now_s: int) -> bool:
        """Enter a key with another side, because nothing of its request had left for the first; return whether it may.

        It may not once the key was sent again, because that may have left meanwhile. Raises KeyBookBusyError.
        """
        start = self._lock(digest)
        try:
            entries = self._read(start)
            place = _find(entries, digest)
            if place is None or _ENTRY.unpack_from(entries, place + DIGEST_BYTES)[2]:
                return False
            self._write(start + place, digest, side, now_s)
            return True
        finally:
            self._unlock(start)

    # --- inside

    def _read(self, start: int) -> bytes:
        entries = os.pread(self._file, _SET_BYTES, start)
        if len(entries) < _SET_BYTES:
            raise StoreError(f"the key book {self._path} was cut off")
        return entries

    def _write(self, at: int, digest: bytes, side: Side, now_s: int, *, is_repeated: bool = False) -> None:
        try:
            os.pwrite(self._file, digest + _ENTRY.pack(now_s, _SIDES.index(side), is_repeated), at)
        except OSError as error:
            raise StoreError(f"the key book {self._path} cannot be written: {error.strerror}") from error

    def _lock(self, digest: bytes) -> int:
        """Hold a digest's set, and return where it starts."""
        try:
            is_ours = _identity(self._path.stat()) == self._identity
        except OSError:
            is_ours = False
        if not is_ours:
            raise StoreError(f"the key book {self._path} was taken away or replaced; start the proxy anew")
        start = _START + _set_of(digest, self._sets) * _SET_BYTES
        for tries in range(_TRIES + _NAPS):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SET_BYTES, start)
                return start
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EAGAIN):
                    raise StoreError(f"the key book cannot be locked: {error.strerror}") from error
                if tries < _TRIES:
                    os.sched_yield()
                else:
                    time.sleep(_NAP_S)
        raise KeyBookBusyError("the key book is held by a worker that does not go on")

    def _unlock(self, start: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, _SET_BYTES, start)


def _carry(path: Path, descriptor: int, sets: int) -> None:
    """Enter what a book knows in a new one with this many sets."""
    with mmap.mmap(descriptor, _START + sets * _SET_BYTES) as book, path.open("rb") as file:
        file.seek(_START)
        while entries := file.read(_SET_BYTES):
            for at in range(0, len(entries), _ENTRY_BYTES) if any(entries) else ():
                entry = entries[at : at + _ENTRY_BYTES]
                if entry[:DIGEST_BYTES] != _FREE:
                    start = _START + _set_of(entry, sets) * _SET_BYTES
                    first_s = _ENTRY.unpack_from(entry, DIGEST_BYTES)[0]
                    place = start + _room(book[start : start + _SET_BYTES], first_s, 0)[0]
                    book[place : place + _ENTRY_BYTES] = entry


def _room(entries: bytes, now_s: int, lifetime_s: int) -> tuple[int, bool]:
    """Return the place of a free entry, else of the oldest, and whether that is forgotten before its time."""
    oldest, oldest_s = 0, 2**33
    for place in range(0, _SET_BYTES, _ENTRY_BYTES):
        if entries[place : place + DIGEST_BYTES] == _FREE:
            return place, False
        first_s = _ENTRY.unpack_from(entries, place + DIGEST_BYTES)[0]
        if first_s < oldest_s:
            oldest, oldest_s = place, first_s
    return oldest, now_s - oldest_s < lifetime_s


def _set_of(digest: bytes, sets: int) -> int:
    return int.from_bytes(digest[:8], "little") % sets


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _find(entries: bytes, digest: bytes) -> int | None:
    place = entries.find(digest)
    while place >= 0 and place % _ENTRY_BYTES:
        place = entries.find(digest, place + 1)
    return None if place < 0 else place


def _sets(keys: int) -> int:
    """Return how many sets hold `keys` keys with few of them crowded out: half full on average."""
    return max(1, -(-2 * keys // _WAYS))


def _whole_sets(path: Path) -> int:
    """Return the number of sets of a book; raises StoreError if it is none, or not whole."""
    with path.open("rb") as file:
        header = file.read(_HEADER.size).ljust(_HEADER.size, b"\0")
        size = os.fstat(file.fileno()).st_size
    magic, sets = _HEADER.unpack(header)
    if magic != _MAGIC or sets < 1 or size != _START + sets * _SET_BYTES:
        raise StoreError(f"the key book {path} is damaged. Move it away to start with an empty one")
    return int(sets)
