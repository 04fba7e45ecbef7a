"""Divergences: a write that one side carried out and the other one surely, or perhaps, did not."""

from dataclasses import dataclass
from enum import StrEnum

from strangler.core.model import Side
from strangler.core.shadowing import Redirects


class DivergenceKind(StrEnum):
    """What is known of the other side. A closed set: metric label, column of the list."""

    FAILED = "failed"
    """It was asked, and said no."""
    NOT_SENT = "not_sent"
    """Nothing of the write has left for it."""
    UNKNOWN = "unknown"
    """Nobody knows: it may have carried it out, or the answering side may not have."""


class Why(StrEnum):
    """Why a write is not on both sides. A closed set."""

    STATUS = "status"
    """It answered with a status that does not say that it carried it out."""
    CONNECT = "connect"
    """It could not be reached for as long as a write waits."""
    LATE = "late"
    """The write has waited too long: it could overtake what happened since."""
    KILLED = "killed"
    """The kill switch is on: nothing is sent to the extracted side."""
    FALLBACK = "fallback"
    """The extracted side failed with the request in hand, and the monolith answered in its place."""
    MARKED = "marked"
    """The request came with the mark of a request that is sent on already."""
    BODY_TOO_LARGE = "body_too_large"
    """Its body is over the route's `max_body`, and is not kept."""
    INCOMPLETE = "incomplete"
    """The answering side answered before the request had come whole."""
    JOURNAL_FULL = "journal_full"
    """Too many writes waited to keep this one's body."""
    UNDECLARED = "undeclared"
    """The routes file does not declare it any more."""
    NO_CREDENTIALS = "no_credentials"
    """What it was to be sent with is not stored, and was lost with the processes that knew it."""
    UNASKABLE = "unaskable"
    """It cannot be sent as it was: bytes in its target or headers are no text."""
    TIMEOUT = "timeout"
    """The other side did not answer in time."""
    BROKE_OFF = "broke_off"
    """The other side's connection ended, or what it said is not HTTP."""
    COMPARER_ENDED = "comparer_ended"
    """Whoever sent it ended before it had an answer."""
    NO_ANSWER = "no_answer"
    """The answering side was sent all of it, and its answer never came whole."""
    WORKER_ENDED = "worker_ended"
    """Whoever waited for the answering side's answer ended."""
    NEITHER = "neither"
    """Both sides were sent it, the monolith in place of the other one, and neither has said what became of it."""
    REDIRECTED = "redirected"
    """The answering side answered 300, 301 or 302: after a success, or on the way to a sign-in page."""


DOUBTS_PRIMARY = frozenset({Why.NO_ANSWER, Why.WORKER_ENDED, Why.REDIRECTED})
"""Reasons by which nobody knows whether the answering side has it; the other one was sent nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is known of one write that is not on both sides."""

    why: Why
    status: int = 0
    """What the other side answered; 0 for nothing."""

    @property
    def kind(self) -> DivergenceKind:
        """Return what is known of the other side."""
        return kind_of(self.why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """What is needed to send a write again. Without credentials."""

    route: str
    primary: Side
    """Which side answered, or was asked to."""
    method: bytes
    target: bytes
    host: bytes
    """As the client sent it."""
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    has_body: bool
    """Whether the body is at hand; an empty one is."""
    key: bytes
    """The client's idempotency key as its header has it; empty for none."""
    other_key: bytes
    """The key that the other side gets."""
    request_id: bytes
    trace: bytes
    status: int
    """What the answering side answered; 0 for nothing."""
    at: float
    """When it began, in seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A write that is not on both sides, as it is kept: what may be shown, and a sealed Write."""

    id: str
    at: float
    route: str
    primary: Side
    why: Why
    status: int
    primary_status: int
    method: str
    path: str
    """Without its query, and without what looks like a secret."""
    request_id: str
    sealed: bytes
    """Empty where there was no room for it."""

    @property
    def kind(self) -> DivergenceKind:
        """Return what is known of the other side."""
        return kind_of(self.why)


_UNKNOWN = DOUBTS_PRIMARY | {Why.FALLBACK, Why.TIMEOUT, Why.BROKE_OFF, Why.COMPARER_ENDED, Why.NEITHER}
"""Something may have left, and no answer said what became of it."""


def kind_of(why: Why) -> DivergenceKind:
    """Return what is known of the other side, by the reason."""
    if why is Why.STATUS:
        return DivergenceKind.FAILED
    return DivergenceKind.UNKNOWN if why in _UNKNOWN else DivergenceKind.NOT_SENT


GATEWAY_STATUSES = frozenset({502, 504})
"""What a gateway says that asked somebody else and got no answer (RFC 9110 sections 15.6.3 and 15.6.5): who was asked
may have carried it out. Not 503, which says that it was not handled."""


_SEE_OTHER = 303
"""The answer to a POST that was carried out (RFC 9110 section 15.4.4)."""
_NOT_DONE = frozenset({304, 307, 308})
"""Sent again elsewhere, with the same method and body, or not looked at at all (RFC 9110 sections 15.4.5, 8 and 9)."""


def is_carried_out(status: int, redirects: Redirects) -> bool:
    """Return whether an answer says that the write was carried out (RFC 9110 sections 15.3 and 15.4)."""
    if 200 <= status < 300 or status == _SEE_OTHER:
        return True
    return redirects is Redirects.CARRIED_OUT and is_ambiguous(status)


def is_ambiguous(status: int) -> bool:
    """Return whether an answer is one that old frameworks give after a success, and on the way to a sign-in page.

    A 3xx that nobody knows is as 300 (RFC 9110 section 15).
    """
    return 300 <= status < 400 and status != _SEE_OTHER and status not in _NOT_DONE


def is_on_both(status: int, first: int, redirects: Redirects) -> bool:
    """Return whether the other side's answer says that it carried the write out too; `first` is the first side's.

    A redirection does only where the first side's was one as well. Elsewhere it may be the way to a sign-in page.
    """
    return 200 <= status < 300 or (300 <= first < 400 and is_carried_out(status, redirects))
