"""Deciding: which side answers one request, and why.

A decision reads one snapshot and nothing else, so a reload or a flag change never splits a request between two truths.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from strangler.core.model import Route, Side


class Reason(StrEnum):
    """Why a request went where it went. A closed set: log field, metric label, header value."""

    UNROUTED = "unrouted"
    """No route names it; the monolith answers."""
    NOT_SPLIT = "not_split"
    """The route names no extracted service."""
    SHARE = "share"
    """The route's own share and the key's bucket decided."""
    FLAG_OFF = "flag_off"
    FLAG_TARGET = "flag_target"
    """The flag names this key."""
    FLAG_RULE = "flag_rule"
    FLAG_FALLTHROUGH = "flag_fallthrough"
    """The flag's default rule, usually its percentage, decided."""
    FLAG_MISSING = "flag_missing"
    """There is no such flag; the monolith answers."""
    FLAG_INVALID = "flag_invalid"
    """The flag's value names no side, or its definition is broken; the monolith answers."""
    FLAGS_NOT_READY = "flags_not_ready"
    """The flag service was never reached; the monolith answers."""
    NO_IDENTITY = "no_identity"
    """The request carries no key to split by; the monolith answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Where one request goes. There is one value per route, side and reason, made when the snapshot is."""

    route: Route | None
    """None when no route names the request."""
    side: Side
    reason: Reason
    upstream: str
    slot: int
    """Index of the (route, side) pair's counters in this snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a flag says for one key: `value` is None when `reason` already settles it for the monolith."""

    value: bool | str | None
    reason: Reason


class Flags(Protocol):
    """One generation of flags; `flags` provides it."""

    def evaluate(self, flag: str, key: str, attributes: tuple[tuple[str, str], ...]) -> Evaluation:
        """Return what `flag` says for `key`, the same for the same arguments; never raises and never waits."""
