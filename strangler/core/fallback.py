"""Asking again: what becomes of a request whose upstream failed before the client saw anything of an answer.

A request of which a byte has left the proxy may have been carried out. So it is asked again only if it may be carried
out twice (RFC 9110 section 9.2.2), and never once the client has seen a part of an answer.
"""

from enum import Enum

from strangler.core.model import Fallback

SAFE = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE"})
"""RFC 9110 section 9.2.1: asking changes nothing, so either side may be asked."""
IDEMPOTENT = SAFE | {b"PUT", b"DELETE"}
"""RFC 9110 section 9.2.2: the same side may be asked twice."""
KEPT_BYTES = 65_536
"""Most bytes of a body that are kept to be sent a second time. Precedent: Envoy's `per_request_buffer_limit_bytes`
bounds what is kept for a retry in the same way; ours is smaller, because every request under way may hold as much."""


class Next(Enum):
    """What becomes of the request. A closed set."""

    GIVE_UP = "give_up"
    """The client is told."""
    AGAIN = "again"
    """The same upstream is asked once more, on a connection that nobody has used."""
    FALL_BACK = "fall_back"
    """The monolith is asked in place of the extracted side."""


def after_failure(
    *,
    method: bytes,
    fallback: Fallback,
    has_other_side: bool,
    is_begun: bool,
    is_written: bool,
    is_whole: bool,
    is_stale: bool,
    has_retried: bool,
) -> Next:
    """Return what becomes of a request whose upstream failed it.

    `has_other_side`: the extracted side was asked and the monolith was not. `is_begun`: the client has seen a part of
    an answer, an interim one included. `is_written`: a byte of the request has left the proxy, now or in an earlier
    try. `is_whole`: all that has come of its body is at hand. `is_stale`: a connection that had served or been
    idle before ended under it, with no answer complete. `has_retried`: this side was asked twice already.
    """
    if is_begun or not is_whole:
        return Next.GIVE_UP
    is_declared = fallback is Fallback.DECLARED
    if is_stale and not has_retried and (not is_written or is_declared or method in IDEMPOTENT):
        return Next.AGAIN
    if has_other_side and fallback is not Fallback.OFF and (not is_written or is_declared or method in SAFE):
        return Next.FALL_BACK
    return Next.GIVE_UP


def may_be_needed_again(*, method: bytes, fallback: Fallback, has_other_side: bool) -> bool:
    """Return whether a body is kept while it is sent, because the request could be sent a second time."""
    return has_other_side and (fallback is Fallback.DECLARED or (fallback is Fallback.SAFE and method in SAFE))
