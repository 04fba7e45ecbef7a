"""One log file of writes, as the comparer sees it: what a worker noted, and how far each write has come."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b
from pathlib import Path

from strangler.core.divergence import Verdict, Why, Write
from strangler.core.idempotency import key_for
from strangler.core.model import Side
from strangler.core.writelog import (
    Answered,
    Begun,
    Doubted,
    Event,
    fields_of,
    unpack_answered,
    unpack_begun,
    unpack_doubted,
)
from strangler.shadow import marks
from strangler.shadow.marks import Marks, Step
from strangler.vault.stream import Record, StreamReader
from strangler.vault.vault import Vault

_READ_BYTES = 1_048_576
LOG = logging.getLogger(__name__)


class State(Enum):
    """How far a write has come."""

    OPEN = "open"
    """The answering side has not answered."""
    READY = "ready"
    """It may be sent on."""
    SENDING = "sending"
    DIVERGED = "diverged"
    """It is not on both sides, and the state store does not have that yet."""
    OVER = "over"


@dataclass(slots=True, eq=False)
class Entry:
    """One write of a file; what it holds is read again when it is needed."""

    file: "WriteFile"
    number: int
    begun_at: tuple[int, int]
    """Where its first note stands, and of which size."""
    state: State = State.OPEN
    has_body: bool = False
    """Whether all of the body was noted."""
    pieces: list[tuple[int, int]] = field(default_factory=list)
    answered: Answered | None = None
    doubted: Doubted | None = None
    verdict: Verdict | None = None

    @property
    def id(self) -> str:
        """The same whoever reads the file."""
        return blake2b(f"{self.file.path.stem}/{self.number}".encode(), digest_size=8).hexdigest()

    @property
    def size(self) -> int:
        """Bytes that reading all of it takes."""
        return self.begun_at[1] + sum(size for _, size in self.pieces)

    def begun(self) -> Begun:
        """Return what was noted first. Raises VaultError and ValueError if the file was damaged since."""
        return unpack_begun(self.file.again(self.begun_at))

    def body(self) -> bytes:
        """Return the whole body."""
        return b"".join(map(self.file.again, self.pieces))

    def primary(self, begun: Begun) -> Side:
        """Return the side that answered, or may have; where one fell back, it is the monolith."""
        end = self.answered or self.doubted
        return Side.LEGACY if end is not None and end.is_instead else begun.primary

    def write(self, begun: Begun) -> Write:
        """Return all of it, as it is to be sent to the other side. Raises as `begun` does."""
        primary = self.primary(begun)
        return Write(
            route=begun.route,
            primary=primary,
            method=begun.method,
            target=begun.target,
            host=begun.host,
            headers=fields_of(begun.headers),
            body=self.body() if self.has_body else b"",
            has_body=self.has_body,
            key=begun.key,
            other_key=self._other_key(begun, Side.EXTRACTED if primary is Side.LEGACY else Side.LEGACY),
            request_id=begun.request_id,
            trace=begun.trace,
            status=0 if self.answered is None else self.answered.status,
            at=begun.at,
        )

    def _other_key(self, begun: Begun, other: Side) -> bytes:
        if begun.key and self.answered is not None and self.answered.held is Why.FALLBACK:
            # Because that side has had it in hand under the client's own key, another one would make it another write.
            return begun.key
        return key_for(other.value, begun.key, self.id.encode())


class WriteFile:
    """Reads a file as it grows; says when it can go."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Open it with its marks. Raises VaultError, ValueError and OSError."""
        self.path = path
        self.worker = path.stem.partition("-")[2]
        self._stream = StreamReader(path, vault)
        try:
            self._marks = Marks(path.with_suffix(marks.SUFFIX))
        except BaseException:
            self._stream.close()
            raise
        try:
            self._before = {number: (step, verdict) for number, step, verdict in self._marks.read()}
        except BaseException:
            self.close()
            raise
        self._entries: dict[int, Entry] = {}
        self._is_final = False
        self._is_short = False
        """Whether it was told that there is no memory to read it."""

    def read(self) -> Iterator[Entry]:
        """Yield each write of which it became known that it may be sent on, or that it is not on both sides.

        Raises VaultError and ValueError for a file that was damaged.
        """
        if self._is_final:
            return
        # Because what was appended last must be seen, the look for the writer comes first.
        is_final = self._stream.is_abandoned()
        while records := self._records():
            for record in records:
                entry = self._take(record)
                if entry is not None:
                    yield entry
        if is_final and records is not None:
            self._is_final = True
            for entry in tuple(self._entries.values()):
                if entry.state is State.OPEN and self._settled(entry, Verdict(why=Why.WORKER_ENDED)) is not None:
                    yield entry

    @property
    def is_final(self) -> bool:
        """Whether nothing more is noted in it."""
        return self._is_final

    def is_over(self) -> bool:
        """Return whether nothing more comes and all of it is settled."""
        return self._is_final and not self._entries

    def again(self, at: tuple[int, int]) -> bytes:
        """Return a note that was read before, without the number of its write."""
        return self._stream.again(*at)[4:]

    def sending(self, entry: Entry) -> None:
        """Mark that it may leave from now on. Raises OSError."""
        self._marks.add(entry.number, Step.SENDING)
        entry.state = State.SENDING

    def settle(self, entry: Entry) -> None:
        """Mark that it is on both sides; where that fails, the next one to read it tells of a doubt only."""
        try:
            self._marks.add(entry.number, Step.SETTLED)
        except OSError as error:
            _told_unmarked(entry, error)
        self._forget(entry)

    def diverge(self, entry: Entry, verdict: Verdict) -> None:
        """Mark that it is not. Raises OSError for one that was not sent: whoever reads it next might send it."""
        try:
            self._marks.add(entry.number, Step.SETTLED, verdict)
        except OSError as error:
            if entry.state is not State.SENDING:
                raise
            _told_unmarked(entry, error)
        entry.verdict, entry.state = verdict, State.DIVERGED

    def keep(self, entry: Entry) -> None:
        """Mark that the state store has that. Raises OSError."""
        self._marks.add(entry.number, Step.KEPT)
        self._forget(entry)

    def remove(self) -> None:
        """Delete it. Raises OSError."""
        self.close()
        # In this order, because marks without a log say nothing, and a log without marks would be sent again.
        self.path.unlink(missing_ok=True)
        self._marks.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Read no more."""
        self._stream.close()
        self._marks.close()

    def _records(self) -> list[Record] | None:
        """Return the next notes; None while there is no memory for them, and the next look reads them."""
        at = self._stream.position
        try:
            return list(self._stream.read(_READ_BYTES))
        except MemoryError:
            self._stream.position = at
        if not self._is_short:
            LOG.warning("write_short_of_memory", extra={"fields": {"file": self.path.name}})
        self._is_short = True
        return None

    def _find(self, entry: Entry, verdict: Verdict) -> None:
        """Mark what the file says by itself; because who reads it again finds the same, a full disk changes nothing."""
        try:
            self.diverge(entry, verdict)
        except OSError:
            entry.verdict, entry.state = verdict, State.DIVERGED

    def _forget(self, entry: Entry) -> None:
        entry.state = State.OVER
        del self._entries[entry.number]

    def _take(self, record: Record) -> Entry | None:
        """Take a note; return its write once there is something to do with it."""
        event, number = Event(record.kind), int.from_bytes(record.content[:4], "big")
        at = (record.offset, record.size)
        if event is Event.BEGUN:
            self._entries[number] = Entry(self, number, at)
            return None
        entry = self._entries.get(number)
        if entry is None:
            return None
        match event:
            case Event.PIECE:
                entry.pieces.append(at)
                return None
            case Event.VOID:
                self._forget(entry)
                return None
            case Event.DOUBTED:
                entry.doubted = doubted = unpack_doubted(record.content[4:])
                entry.has_body = doubted.has_body
                return self._settled(entry, Verdict(why=Why.NEITHER if doubted.is_of_both else Why.NO_ANSWER))
            case Event.ANSWERED:
                entry.answered = unpack_answered(record.content[4:])
                entry.has_body = entry.answered.has_body
                held = entry.answered.held
                return self._settled(entry, None if held is None else Verdict(why=held))

    def _settled(self, entry: Entry, known: Verdict | None) -> Entry | None:
        """Return a write of which no note comes any more, as it stands by the marks that were made before."""
        step, verdict = self._before.pop(entry.number, (None, None))
        if step is Step.KEPT or (step is Step.SETTLED and verdict is None):
            self._forget(entry)
            return None
        if step is Step.SETTLED:
            entry.verdict, entry.state = verdict, State.DIVERGED
        elif step is Step.SENDING:
            # Because whoever sent it is no more, and nobody can ask it.
            self._find(entry, Verdict(why=Why.COMPARER_ENDED))
        elif known is not None:
            self._find(entry, known)
        else:
            entry.state = State.READY
        return entry


def _told_unmarked(entry: Entry, error: Exception) -> None:
    LOG.error("write_not_marked", extra={"fields": {"write": entry.id, "why": str(error)}})
