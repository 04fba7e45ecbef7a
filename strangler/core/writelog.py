"""The write log: what a worker notes of each write that may go to both sides, before, while and after it is answered.

Each note is an event and fields, packed. They are noted in an order that leaves no gap: BEGUN before anything leaves,
ANSWERED before the client has its answer whole. So whatever ends in between, the notes say what may have happened.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from strangler.core.divergence import Why
from strangler.core.model import Side

FOLDER = "writes"
"""Of the files, in the state directory."""
SUFFIX = ".log"
KEY_HEADER = b"idempotency-key"
"""Where a route without `idempotency` has it."""


class Event(IntEnum):
    """What is noted."""

    BEGUN = 1
    PIECE = 2
    """A part of the body."""
    ANSWERED = 3
    """The answering side carried it out."""
    VOID = 4
    """The answering side did not: nothing has left, or it said so."""
    DOUBTED = 5
    """The answering side was sent it, and has not answered whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What is noted first."""

    route: str
    primary: Side
    method: bytes
    target: bytes
    host: bytes
    headers: bytes
    """Lines, without credentials."""
    credentials: bytes
    """Lines that are not to be stored, sealed for whoever runs now; empty for none."""
    key: bytes
    request_id: bytes
    trace: bytes
    connection: int
    """Which of the worker's connections it came on."""
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What is noted once the answering side has carried it out."""

    status: int
    at_ns: int
    """By the clock that all processes of a machine share."""
    held: Why | None
    """Why it is not to be sent on; None to send it."""
    has_body: bool
    """Whether all of the body was noted."""
    is_instead: bool = False
    """Whether it is the monolith's answer, in place of a side that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubted:
    """What is noted where nobody knows whether the answering side has carried it out."""

    has_body: bool
    """Whether all of the body was noted."""
    is_instead: bool = False
    """Whether that side is the monolith, in place of one that was sent nothing."""
    is_of_both: bool = False
    """Whether both sides were sent it, and neither has answered whole."""


_TIMES = struct.Struct(">QQ")
_ANSWER = struct.Struct(">HQ??")
_DOUBT = struct.Struct(">???")


def pack_begun(begun: Begun) -> bytes:
    """Return the fields as bytes."""
    return _TIMES.pack(begun.connection, int(begun.at * 1e6)) + _join(
        begun.route.encode(),
        begun.primary.value.encode(),
        begun.method,
        begun.target,
        begun.host,
        begun.headers,
        begun.credentials,
        begun.key,
        begun.request_id,
        begun.trace,
    )


def unpack_begun(data: bytes) -> Begun:
    """Return what was packed; raises ValueError for anything else."""
    if len(data) < _TIMES.size:
        raise ValueError("a note of a write is cut")
    connection, at_us = _TIMES.unpack_from(data)
    fields = _split(data[_TIMES.size :], 10)
    return Begun(
        route=fields[0].decode(),
        primary=Side(fields[1].decode()),
        method=fields[2],
        target=fields[3],
        host=fields[4],
        headers=fields[5],
        credentials=fields[6],
        key=fields[7],
        request_id=fields[8],
        trace=fields[9],
        connection=connection,
        at=at_us / 1e6,
    )


def pack_answered(answered: Answered) -> bytes:
    """Return the fields as bytes."""
    fixed = _ANSWER.pack(answered.status, answered.at_ns, answered.has_body, answered.is_instead)
    return fixed + (answered.held or "").encode()


def unpack_answered(data: bytes) -> Answered:
    """Return what was packed; raises ValueError for anything else."""
    if len(data) < _ANSWER.size:
        raise ValueError("a note of a write is cut")
    status, at_ns, has_body, is_instead = _ANSWER.unpack_from(data)
    held = data[_ANSWER.size :].decode()
    why = Why(held) if held else None
    return Answered(status=status, at_ns=at_ns, held=why, has_body=has_body, is_instead=is_instead)


def pack_doubted(doubted: Doubted) -> bytes:
    """Return the fields as bytes."""
    return _DOUBT.pack(doubted.has_body, doubted.is_instead, doubted.is_of_both)


def unpack_doubted(data: bytes) -> Doubted:
    """Return what was packed; raises ValueError for anything else."""
    if len(data) != _DOUBT.size:
        raise ValueError("a note of a write is cut")
    has_body, is_instead, is_of_both = _DOUBT.unpack(data)
    return Doubted(has_body=has_body, is_instead=is_instead, is_of_both=is_of_both)


def fields_of(lines: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Return header lines as names and values."""
    pairs = (line.partition(b":") for line in lines.split(b"\r\n") if line)
    return tuple((name, value.strip(b" \t")) for name, _, value in pairs)


def _join(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _split(data: bytes, count: int) -> list[bytes]:
    parts, position = [], 0
    for _ in range(count):
        size = int.from_bytes(data[position : position + 4], "big")
        position += 4 + size
        parts.append(data[position - size : position])
    if position != len(data):
        raise ValueError("a note of a write does not have the fields that it should")
    return parts
