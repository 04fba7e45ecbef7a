"""The write log of a worker: what it notes of writes that may go to both sides, in files that outlive it.

Only routes that declare writes pay for it: an append before the request leaves, one for each piece of its body, and one
before the client has its answer. Each is a call that copies into the kernel's cache and waits for no disk.
"""

import os
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from time import time_ns
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strangler.core.writelog import FOLDER, SUFFIX, Begun, Event, pack_begun
from strangler.errors import VaultError
from strangler.vault.stream import StreamWriter
from strangler.vault.vault import Vault

FILE_BYTES = 4 * 1_048_576
"""After which another file is begun, so that those whose writes are settled can go."""
FILE_S = 10.0
"""After which another one is begun, so that what is settled does not stay long, and room is looked for anew."""
MOST_BYTES = 64 * 1_048_576
"""Of files that wait to be settled, per worker; beyond it no bodies are kept."""
MOST_HEADS = 16 * 1_048_576
"""For writes without bodies, beyond that; then they are counted alone."""

Notify = Callable[[str, dict[str, Any]], None]


class LogFile:
    """One file, and how many of its writes are under way."""

    __slots__ = ("_log", "begun_at", "count", "is_broken", "is_retired", "open", "stream")

    def __init__(self, stream: StreamWriter, now: float, log: "WriteLog") -> None:
        self._log = log
        self.stream = stream
        self.begun_at = now
        self.count = 0
        self.open = 0
        self.is_retired = False
        self.is_broken = False

    def note(self, event: Event, number: int, content: bytes = b"") -> bool:
        """Append a note; return whether it is there. Without its end a write is told as one of which nobody knows."""
        before = self.stream.size
        try:
            self.stream.append(event, number.to_bytes(4, "big") + content)
        except OSError:
            self.is_broken = True
            return False
        self._log.held += self.stream.size - before
        return True

    def note_piece(self, number: int, piece: bytes) -> bool:
        """Append a piece of a body, if there is room for bodies; return whether it is there."""
        return self._log.keeps_bodies and self.note(Event.PIECE, number, piece)

    def leave(self) -> None:
        """Note that one write less is under way."""
        self.open -= 1
        if self.is_retired and not self.open:
            self.stream.close()

    def retire(self) -> None:
        """Begin no more writes here."""
        self.is_retired = True
        if not self.open:
            self.stream.close()


class WriteLog:
    """Begins writes, and another file whenever it is time."""

    def __init__(self, state_dir: Path, on_notice: Notify) -> None:
        self.unlisted = 0
        """Writes that could not be noted, and so are neither sent on nor listed."""
        self.held = 0
        """Bytes of files that may be there still."""
        self.worker = f"{os.getpid()}.{token_hex(4)}"
        self.secret = os.urandom(32)
        """What seals credentials; it is never in a file."""
        self._folder = state_dir / FOLDER
        self._vault = Vault(state_dir)
        self._notify = on_notice
        self._cipher = AESGCM(self.secret)
        self._sealed = 0
        self._file: LogFile | None = None
        self._past: list[LogFile] = []
        """Files that may be there still."""
        self._counted_at = 0.0

    @property
    def keeps_bodies(self) -> bool:
        """Return whether there is room for bodies."""
        return self.held < MOST_BYTES

    def seal(self, credentials: bytes) -> bytes:
        """Return what only who runs now can open; nothing for nothing."""
        if not credentials:
            return b""
        self._sealed += 1
        nonce = self._sealed.to_bytes(12, "big")
        return nonce + self._cipher.encrypt(nonce, credentials, None)

    def begin(self, begun: Begun, now: float) -> tuple[LogFile, int] | None:
        """Note that a write begins; return where it is noted, or None if it cannot be, which is told and counted."""
        try:
            if self.held >= MOST_BYTES + MOST_HEADS:
                raise OSError("too many writes wait to be settled")
            file = self._current(now)
            file.count += 1
            number, before = file.count, file.stream.size
            file.stream.append(Event.BEGUN, number.to_bytes(4, "big") + pack_begun(begun))
            self.held += file.stream.size - before
        except (OSError, VaultError) as error:
            self.unlisted += 1
            fields = {"route": begun.route, "request_id": begun.request_id.decode("ascii"), "why": str(error)}
            self._notify("write_unlisted", fields)
            return None
        file.open += 1
        return file, number

    def sweep(self, now: float) -> None:
        """End a file that is old enough, and see what room has come back."""
        file = self._file
        if file is not None and (file.is_broken or now - file.begun_at >= FILE_S):
            self._retire(file)
        if self._past and now - self._counted_at >= FILE_S:
            self._counted_at = now
            self._count()

    def close(self) -> None:
        """Begin no more; what is under way is noted to its end."""
        if self._file is not None:
            self._retire(self._file)

    def _current(self, now: float) -> LogFile:
        file = self._file
        if file is not None and (file.is_broken or file.stream.size >= FILE_BYTES):
            self._retire(file)
            file = None
        if file is None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            path = self._folder / f"{time_ns():016x}-{self.worker}{SUFFIX}"
            file = LogFile(StreamWriter(path, self._vault), now, self)
            self.held += file.stream.size
        self._file = file
        return file

    def _retire(self, file: LogFile) -> None:
        self._file = None
        file.retire()
        self._past.append(file)
        self._count()

    def _count(self) -> None:
        self._past = [file for file in self._past if file.stream.path.exists()]
        self.held = sum(file.stream.size for file in self._past)
        self.held += 0 if self._file is None else self._file.stream.size
