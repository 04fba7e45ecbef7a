"""Replaying: how what was recorded is asked again, and held beside what is answered now."""

from collections.abc import Iterable

from strangler.core.compare import Comparing
from strangler.core.comparison import Comparison, Result
from strangler.core.grouping import group_key
from strangler.core.jsonpath import parse_path
from strangler.core.offer import MARK, Fields, Offer
from strangler.core.pathrules import comparing_of
from strangler.core.recording import Recording
from strangler.core.rewrite import Ignore
from strangler.core.shadowing import Shadow

OURS = frozenset((b"connection", b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"te", b"trailer"))
"""Headers that frame a request; nobody gives them but who sends it."""
_ID = b"X-Request-Id"


def comparing(shadow: Shadow, taken_out: Iterable[str]) -> Comparing:
    """Return how a recorded answer is compared: by the route's rules, without what is not in it or not to be seen."""
    how = comparing_of(shadow)
    hidden = tuple(Ignore(path=parse_path(path)) for path in dict.fromkeys((*taken_out, *shadow.redact)))
    return Comparing(headers=how.headers, rules=(*how.rules, *hidden), max_bytes=how.max_bytes)


def asked(recording: Recording, name: str, own: Fields) -> Offer:
    """Return a recorded read as it is asked again, with an operator's own headers in place of those of the same name.

    `name` is its id in the store, and the end of its request id.
    """
    given = {header.lower() for header, _ in own} | {MARK.lower().encode(), _ID.lower()}
    request_id = b"replay-" + name.encode()
    headers = tuple((header, value) for header, value in recording.headers if header.lower() not in given)
    return Offer(
        route=recording.route,
        primary=recording.side,
        method=recording.method,
        target=recording.target,
        host=b"",
        headers=(*headers, *own, (_ID, request_id), (MARK.encode(), b"1")),
        body=recording.body,
        request_id=request_id,
        trace=b"",
        answer=recording.answer,
    )


def is_known_noise(compared: Comparison, noisy: frozenset[tuple[str, str]]) -> bool:
    """Return whether an answer differs only at places, and in ways, that shadowing has proven to be noise."""
    if compared.result is not Result.DIFFERENT or compared.is_cut:
        return False
    return all(group_key(difference) in noisy for difference in compared.differences)
