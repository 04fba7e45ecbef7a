"""Offers: one request and the answer that its client got, handed to the shadow plane to be asked and compared again."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from strangler.core.model import FULL_SHARE, Side

Fields = tuple[tuple[bytes, bytes], ...]
MARK = "X-Strangler-Shadow"
"""On what the shadow plane sends; whoever carries it is not shadowed again, or two proxies would ask for ever."""
READS = frozenset({b"GET", b"HEAD", b"OPTIONS"})
"""The methods that are asked twice: the safe ones of RFC 9110 section 9.2.1, without TRACE, which is a server's own."""


class Drop(StrEnum):
    """Why a request that was to be shadowed was not compared. A closed set: metric label, status field."""

    BODY_TOO_LARGE = "body_too_large"
    """Its body, or the answer's, is over the route's `max_body`."""
    BUDGET = "budget"
    """Too many bytes of bodies are kept just now."""
    NO_COMPARER = "no_comparer"
    """The shadow plane is not there."""
    QUEUE_FULL = "queue_full"
    """The shadow plane does not keep up."""
    BREAKER = "breaker"
    """The shadowed side failed too often just now, and is left alone for a while."""
    CONNECT = "connect"
    TIMEOUT = "timeout"
    FAILED = "failed"
    """The shadowed side's answer broke off, or is not HTTP."""
    NOT_MODIFIED = "not_modified"
    """The client has the answer already (304), by a mark of this side that the other one need not know."""
    UNASKABLE = "unaskable"
    """It has a header that is no UTF-8, or no path: it would be sent as something else."""
    NO_CREDENTIALS = "no_credentials"
    """The variable that has what is sent in place of the client's credentials is not set, or has no header's value."""
    UNHEALTHY = "unhealthy"
    """No address of the shadowed side is well."""
    STREAM = "stream"
    """The answer goes on for as long as both sides like."""
    FAULT = "fault"
    """Comparing it failed in a way that nobody foresaw: a fault of the proxy itself."""


NO_ANSWER = frozenset({Drop.BODY_TOO_LARGE, Drop.CONNECT, Drop.TIMEOUT, Drop.FAILED})
"""Why the shadowed side gave no answer, once it was asked; `BODY_TOO_LARGE`: the answering side's was within the bound.

All other drops are the proxy's own doing, and say nothing of a side.
"""
LEFT_ALONE = frozenset({Drop.BREAKER, Drop.UNHEALTHY})
"""Drops of what the shadowed side was not asked, because it failed before: what it would have said is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a side said."""

    status: int
    headers: Fields = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the shadow plane needs to know of one exchange."""

    route: str
    primary: Side
    method: bytes
    target: bytes
    host: bytes
    """As the client sent it."""
    headers: Fields
    """What the answering side was sent: the client's, without those for one hop alone, and the forwarding lines."""
    body: bytes
    request_id: bytes
    trace: bytes
    answer: Answer


def is_sampled(route: str, request_id: bytes, share: int) -> bool:
    """Return whether a request is in a sample of `share` basis points.

    It depends on nothing but route and request id, so raising the share only ever adds requests to the sample.
    """
    return share >= FULL_SHARE or _point(route, request_id) % FULL_SHARE < share


def is_checked(route: str, request_id: bytes, ratio: int) -> bool:
    """Return whether a request is the one in `ratio` whose answers are compared (LaunchDarkly's `checkRatio`).

    It depends on nothing but route and request id; 0 is for none. LaunchDarkly's own sampler throws dice.
    """
    # Because a sample by share is drawn as well, this one is drawn by itself, and the two multiply.
    return ratio == 1 or (ratio > 0 and _point(f"check.{route}", request_id) % ratio == 0)


def _point(salt: str, request_id: bytes) -> int:
    return int.from_bytes(blake2b(request_id, digest_size=8, person=salt.encode()[:16]).digest())
