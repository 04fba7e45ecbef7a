"""Capturing: a copy of a request and its answer, taken as they stream by, for the shadow plane.

Nothing waits for it. What would be too much is let go of at once, and counted; the client's bytes pass all the same.
"""

from typing import TYPE_CHECKING, Protocol

from strangler.core.decide import Decision
from strangler.core.fallback import SAFE
from strangler.core.headers import ResponseHead
from strangler.core.model import Route, Side
from strangler.core.offer import MARK, READS, Answer, Drop, Offer, is_checked, is_sampled
from strangler.proxy import writing

if TYPE_CHECKING:
    from strangler.proxy.exchange import Exchange
    from strangler.proxy.plane import Plane

_MARK = MARK.lower().encode("ascii")
MOST_HELD = 16 * 1_048_576
"""Bytes of bodies that one worker keeps for captures at a time, beside those that have a place of their own."""
LARGE_BYTES = 65_536
"""Answers of a length from which they get a place of their own: where what is saved is more than the asking."""


class Place(Protocol):
    """Where the body of one large answer goes, piece by piece."""

    def write(self, data: bytes) -> bool:
        """Write the next piece; return False if there is no room for it."""

    def release(self) -> None:
        """Give it back."""


class Offers(Protocol):
    """Where captures go; it never waits, and drops what it has no room for."""

    held: int
    """Bytes of bodies that captures hold."""

    def refusal(self, upstream: str) -> Drop | None:
        """Return why nothing that asks this upstream can be handed over just now; None if something can."""

    def place(self, size: int) -> "Place | Drop | None":
        """Return a place for an answer's body, or why there is none just now; None if there never is."""

    def put(self, offer: Offer, place: "Place | None" = None) -> None:
        """Hand one over, and with it the place where its answer's body is, if it is not in the offer."""

    def drop(self, route: str, why: Drop) -> None:
        """Count one that is not handed over."""


class Taker(Protocol):
    """Sees one exchange as it passes; what answers False sees no more of it."""

    def take_request(self, data: bytes) -> bool:
        """See a piece of the request's body."""

    def take_head(self, status: int, head: ResponseHead, *, has_body: bool) -> bool:
        """See the head of the answer."""

    def take_stream(self) -> bool:
        """See that the answer may have no end."""

    def take_answer(self, data: bytes) -> bool:
        """See a piece of the answer's body."""

    def fall_back(self, exchange: "Exchange") -> bool:
        """See that the other side answers instead."""

    def finish(self, exchange: "Exchange") -> None:
        """See the end of an answer that came whole."""

    def drop(self, exchange: "Exchange") -> None:
        """See that none did."""


class Capture:
    """A copy of what was seen of one exchange so far."""

    __slots__ = ("_answer", "_head", "_left", "_limit", "_offers", "_place", "_request", "_route", "_size", "_status")

    def __init__(self, offers: Offers, route: str, limit: int) -> None:
        self._offers = offers
        self._route = route
        self._limit = limit
        self._request: list[bytes] = []
        self._answer: list[bytes] = []
        self._size = 0
        self._left = [limit, limit]
        self._status = 0
        self._head: ResponseHead | None = None
        self._place: Place | None = None

    def take_request(self, data: bytes) -> bool:
        """Take a piece of the request's body; return False when it is too much."""
        return self._take(self._request, 0, data)

    def take_head(self, status: int, head: ResponseHead, *, has_body: bool) -> bool:
        """Take the head of the answer; return False when there is nothing to compare, or too much."""
        self._status, self._head = status, head
        if status == 304:
            return self._give_up(Drop.NOT_MODIFIED)
        if has_body and head.length is not None and head.length > self._limit:
            return self._give_up(Drop.BODY_TOO_LARGE)
        if has_body and head.length is not None and head.length >= LARGE_BYTES and self._place is None:
            place = self._offers.place(head.length)
            if isinstance(place, Drop):
                return self._give_up(place)
            self._place = place
        return True

    def take_answer(self, data: bytes) -> bool:
        """Take a piece of the answer's body; return False when it is too much."""
        if self._place is not None:
            return self._place.write(data) or self._give_up(Drop.BODY_TOO_LARGE)
        return self._take(self._answer, 1, data)

    def finish(self, exchange: "Exchange") -> None:
        """Hand over what was seen; a client that got a failure has nothing to compare with."""
        decision, head = exchange.decision, self._head
        # Because half a request is another request.
        if head is None or decision is None or self._status >= 500 or not exchange.request_done:
            self._release()
            return
        place, self._place = self._place, None
        self._release()
        self._offers.put(
            Offer(
                route=self._route,
                primary=decision.side,
                method=exchange.method,
                target=exchange.target,
                host=exchange.head.host or b"",
                headers=_pairs([*exchange.head.lines, *_lines(exchange.client.account.lines(exchange.head))]),
                body=b"".join(self._request),
                request_id=exchange.request_id,
                trace=exchange.trace,
                answer=Answer(status=self._status, headers=_pairs(head.lines), body=b"".join(self._answer)),
            ),
            place,
        )

    def drop(self, exchange: "Exchange") -> None:
        """Take no more."""
        self._release()

    def fall_back(self, exchange: "Exchange") -> bool:
        """Take no more, because what the client gets is no answer of the side that the copy is of."""
        self._release()
        return False

    def take_stream(self) -> bool:
        """Let go of an answer that never ends."""
        return self._give_up(Drop.STREAM)

    def _release(self) -> None:
        """Give back what is held of the worker's budget."""
        self._offers.held -= self._size
        self._size = 0
        if self._place is not None:
            self._place.release()
            self._place = None

    def _take(self, into: list[bytes], which: int, data: bytes) -> bool:
        self._left[which] -= len(data)
        if self._left[which] < 0:
            return self._give_up(Drop.BODY_TOO_LARGE)
        if self._offers.held + len(data) > MOST_HELD:
            return self._give_up(Drop.BUDGET)
        into.append(data)
        self._size += len(data)
        self._offers.held += len(data)
        return True

    def _give_up(self, why: Drop) -> bool:
        self._release()
        self._offers.drop(self._route, why)
        return False


def begin(exchange: "Exchange", decision: Decision, plane: "Plane") -> Taker | None:
    """Return what sees an exchange that the other side is to have as well; None for all others."""
    begun: Taker | None = None
    if exchange.method in SAFE:
        if decision.shadow is not None and plane.offers is not None:
            begun = _capture(exchange, decision, plane.offers)
    elif decision.writes is not None and plane.writes is not None:
        begun = writing.begin(exchange, decision, plane.writes, is_marked=_is_marked(exchange))
    return begun if begun is None or _catch_up(exchange, begun) else None


def begin_late(exchange: "Exchange", instead: Decision) -> Taker | None:
    """Return what notes a write from where the monolith is asked in place of the side that failed."""
    log = exchange.client.plane.writes
    if exchange.method in SAFE or log is None:
        return None
    begun = writing.begin(exchange, instead, log, is_marked=_is_marked(exchange))
    if begun is not None:
        begun.fall_back(exchange)
        _catch_up(exchange, begun)
    return begun


def _catch_up(exchange: "Exchange", taker: Taker) -> bool:
    """Show it what has come of the body already, as it has of a request that waited behind another."""
    if not exchange.buffered:
        return True
    pieces = map(_unframed, exchange.buffered) if exchange.head.chunked else exchange.buffered
    return all(map(taker.take_request, pieces))


def _capture(exchange: "Exchange", decision: Decision, offers: Offers) -> Capture | None:
    rules, route = decision.shadow, decision.route
    if (
        rules is None
        or route is None
        or exchange.method not in READS
        or exchange.upgrade is not None
        or not is_sampled(route.name, exchange.request_id, rules.sample)
        or _is_marked(exchange)
        or (decision.stage is not None and not _is_checked(exchange, route))
    ):
        return None
    other = route.extracted if decision.side is Side.LEGACY else route.legacy
    # Because a read that is recorded is of use whatever the other side says, it matters only to the others who rests.
    asked = other if rules.record is None and other is not None else ""
    if (why := offers.refusal(asked)) is not None:
        # Because a copy that nobody will take is a copy too many.
        offers.drop(route.name, why)
        return None
    return Capture(offers, route.name, rules.max_body_bytes)


def _is_marked(exchange: "Exchange") -> bool:
    return any(name.lower() == _MARK for name, _ in exchange.headers)


def _is_checked(exchange: "Exchange", route: Route) -> bool:
    """Return whether the migration flag's `checkRatio` has this read compared, by the flags that it was decided by."""
    ratio = (
        None
        if exchange.serving is None or route.flag is None
        else exchange.serving.snapshot.flags.check_ratio(route.flag)
    )
    return ratio is None or is_checked(route.name, exchange.request_id, ratio)


def _unframed(chunk: bytes) -> bytes:
    """Return what a chunk holds, as `sending` frames it; the last one holds nothing."""
    size, _, rest = chunk.partition(b"\r\n")
    return b"" if size == b"0" else rest[:-2]


def _lines(head: bytes) -> list[bytes]:
    return [line for line in head.split(b"\r\n") if line]


def _pairs(lines: list[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    found = []
    for line in lines:
        name, _, value = line.partition(b":")
        found.append((name, value.strip()))
    return tuple(found)
