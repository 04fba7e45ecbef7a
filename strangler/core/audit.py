"""The audit log's chain: each entry carries the hash of the one before, so none can be changed, taken out or moved.

A chain alone does not show that its end was cut off; an anchor, the number and hash of the last entry kept somewhere
else, does.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

GENESIS = "0" * 64
"""What stands for the hash before the first entry."""
_DOMAIN = b"strangler audit 1\n"


class Action(StrEnum):
    """What was done. A closed set."""

    FLAG = "flag"
    TRIP = "trip"
    COOL = "cool"
    """A trip that will come back by itself."""
    PROBE = "probe"
    CLOSE = "close"
    """A probe that held."""
    RESET = "reset"
    KILL = "kill"
    RELOAD = "reload"
    MIGRATION = "migration"
    """A route's guard begins anew, because its migration is another one."""
    HOLD = "hold"
    """Not recorded: a guard that has nothing to compare with tells of it."""
    WRITE_BACK = "write_back"
    RESTART = "restart"
    """The workers are replaced one by one."""
    TOKEN = "token"  # noqa: S105 (a word)
    """A token of the admin API was made."""
    REVOKE = "revoke"
    """A token opens nothing any more."""
    CONFIG = "config"
    """The routes file was written by the admin API."""
    REPAIR = "repair"
    """A write that was not on both sides was sent again."""
    REVEAL = "reveal"
    """Somebody was shown what such a write has in it."""
    SETTLE = "settle"
    """A write that was not on both sides was repaired by hand, or does not matter."""
    FORGET = "forget"
    """What comparisons of a route have shown was forgotten, to begin anew."""


class Kind(StrEnum):
    """What a reader of the log looks for; each action is of one kind."""

    FLAGS = "flags"
    TRIPS = "trips"
    RESETS = "resets"
    KILL = "kill"
    FILE = "file"
    TOKENS = "tokens"
    WRITES = "writes"
    FINDINGS = "findings"
    PROXY = "proxy"


OF_KIND: Mapping[Kind, tuple[Action, ...]] = {
    Kind.FLAGS: (Action.FLAG, Action.WRITE_BACK),
    Kind.TRIPS: (Action.TRIP, Action.COOL),
    Kind.RESETS: (Action.RESET, Action.PROBE, Action.CLOSE),
    Kind.KILL: (Action.KILL,),
    Kind.FILE: (Action.CONFIG, Action.RELOAD),
    Kind.TOKENS: (Action.TOKEN, Action.REVOKE),
    Kind.WRITES: (Action.REPAIR, Action.REVEAL, Action.SETTLE),
    Kind.FINDINGS: (Action.FORGET,),
    Kind.PROXY: (Action.RESTART, Action.MIGRATION, Action.HOLD),
}
"""The actions of each kind."""

_OF_ROUTE = (Action.TRIP, Action.COOL, Action.PROBE, Action.CLOSE, Action.RESET, Action.MIGRATION, Action.CONFIG)
_OF_FLAG = (Action.FLAG, Action.WRITE_BACK)
EVERYTHING = "*"
"""The subject of the kill switch."""
ROUTES = "routes"
"""The subject of the routes file."""


def movers(route: str, flags: Iterable[str]) -> tuple[tuple[Action, str], ...]:
    """Return what could have moved a route's traffic, as actions and their subjects; `flags` are the route's own and
    those that it asks first."""
    return (
        *((what, route) for what in _OF_ROUTE),
        *((what, flag) for flag in flags for what in _OF_FLAG),
        (Action.KILL, EVERYTHING),
        (Action.RELOAD, ROUTES),
        (Action.CONFIG, ROUTES),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row, as it is hashed."""

    seq: int
    """From 1, without gaps."""
    at: float
    """Seconds since the epoch."""
    who: str
    what: Action
    subject: str
    """The flag, route or file that it was done to."""
    why: str
    before: str | None
    """JSON, or None where there was nothing."""
    after: str | None
    evidence: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entry as it is kept."""

    entry: Entry
    prev: str
    hash: str


class BreakKind(StrEnum):
    """How a log fails its check."""

    ALTERED = "altered"
    """The entry is not what was hashed."""
    MISSING = "missing"
    """One or more entries before this one are not there, or stand elsewhere."""
    TRUNCATED = "truncated"
    """The log ends before the anchor."""
    UNANCHORED = "unanchored"
    """There is no anchor, so an end that was cut off would not be seen; where there are entries, there was one."""
    FORKED = "forked"
    """The anchor's entry has another hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The first place where a log is not what was written."""

    seq: int
    kind: BreakKind


def seal(entry: Entry, prev: str) -> str:
    """Return the hash of an entry that follows the one with the hash `prev`."""
    fields = [
        *(entry.seq, entry.at, entry.who, entry.what.value, entry.subject),
        *(entry.why, entry.before, entry.after, entry.evidence),
    ]
    canonical = json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return sha256(_DOMAIN + prev.encode("ascii") + b"\n" + canonical).hexdigest()


def first_break(rows: Iterable[Row], anchor: tuple[int, str] | None = None) -> Break | None:
    """Return the first place where a whole log, in its order, is broken; None if it is as it was written."""
    prev, seq = GENESIS, 0
    anchored = anchor is None or anchor[0] == 0
    for row in rows:
        seq += 1
        if row.entry.seq != seq or row.prev != prev:
            return Break(seq=seq, kind=BreakKind.MISSING)
        prev = seal(row.entry, prev)
        if row.hash != prev:
            return Break(seq=seq, kind=BreakKind.ALTERED)
        if anchor is not None and anchor[0] == seq:
            anchored = True
            if anchor[1] != prev:
                return Break(seq=seq, kind=BreakKind.FORKED)
    return None if anchored else Break(seq=seq + 1, kind=BreakKind.TRUNCATED)
