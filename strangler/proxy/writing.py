"""Writing: how a write that may go to both sides is noted as it passes; the client notices nothing.

It stands where a capture does, and sees the same: the request's body, the answer, and how it ended.
"""

from functools import lru_cache
from time import monotonic, monotonic_ns, time
from typing import TYPE_CHECKING

from strangler.core.decide import Decision, Reason
from strangler.core.divergence import GATEWAY_STATUSES, Why, is_ambiguous, is_carried_out
from strangler.core.headers import ResponseHead
from strangler.core.secrets import is_credential
from strangler.core.shadowing import Credentials, Redirects
from strangler.core.writelog import KEY_HEADER, Answered, Begun, Doubted, Event, pack_answered, pack_doubted

if TYPE_CHECKING:
    from strangler.proxy.exchange import Exchange
    from strangler.proxy.writelog import LogFile, WriteLog

_LONGEST_NAME = 64
"""Bytes of a name up to which it is remembered whether it is secret."""


class Writing:
    """One write, from before it leaves to the end of its answer."""

    __slots__ = ("_file", "_has_body", "_held", "_is_instead", "_left", "_number", "_other_may_have_it", "_redirects")

    def __init__(self, file: "LogFile", number: int, held: Why | None, limit: int, redirects: Redirects) -> None:
        self._file = file
        self._number = number
        self._held = held
        self._left = limit
        self._redirects = redirects
        self._has_body = held not in (Why.BODY_TOO_LARGE, Why.JOURNAL_FULL)
        self._other_may_have_it = False
        self._is_instead = False

    def take_request(self, data: bytes) -> bool:
        """Note a piece of the body, unless it is too much."""
        self._left -= len(data)
        if self._left < 0:
            self._has_body = False
            self._held = self._held or Why.BODY_TOO_LARGE
        elif self._has_body and not self._file.note_piece(self._number, data):
            # Because a body with a gap is another write, also where there is room again for what comes after it.
            self._has_body = False
            self._held = self._held or Why.JOURNAL_FULL
        return True

    def take_head(self, status: int, head: ResponseHead, *, has_body: bool) -> bool:
        """Because all that counts of the answer is that it came whole, nothing is kept of it."""
        return True

    def take_answer(self, data: bytes) -> bool:
        """Keep nothing of the answer."""
        return True

    def take_stream(self) -> bool:
        """Wait for the end of an event stream too."""
        return True

    def fall_back(self, exchange: "Exchange") -> bool:
        """Note that the monolith answers instead; what the side that failed may have is not sent to it again."""
        self._is_instead = True
        if exchange.is_written:
            self._other_may_have_it = True
            self._held = Why.FALLBACK
        return True

    def finish(self, exchange: "Exchange") -> None:
        """Note how the answer that came whole says that it went."""
        is_ours = is_carried_out(exchange.status, self._redirects)
        is_unsure = not is_ours and is_ambiguous(exchange.status)
        if is_ours or (is_unsure and not self._other_may_have_it):
            held = Why.REDIRECTED if is_unsure else self._held or (None if exchange.request_done else Why.INCOMPLETE)
            answered = Answered(
                status=exchange.status,
                at_ns=monotonic_ns(),
                held=held,
                has_body=self._has_body and exchange.request_done,
                is_instead=self._is_instead,
            )
            self._file.note(Event.ANSWERED, self._number, pack_answered(answered))
            self._file.leave()
        else:
            is_unsure = is_unsure or (exchange.is_written and exchange.status in GATEWAY_STATUSES)
            self._end(exchange, is_doubted=self._other_may_have_it or is_unsure, is_answer_lost=is_unsure)

    def drop(self, exchange: "Exchange") -> None:
        """Note that no answer came whole."""
        # Because who says yes before the request has come whole may mean it.
        is_yes = is_carried_out(exchange.status, self._redirects) or is_ambiguous(exchange.status)
        has_it = exchange.is_written and (exchange.request_done or is_yes)
        self._end(exchange, is_doubted=self._other_may_have_it or has_it, is_answer_lost=has_it)

    def _end(self, exchange: "Exchange", *, is_doubted: bool, is_answer_lost: bool = False) -> None:
        if is_doubted:
            doubted = Doubted(
                has_body=self._has_body and exchange.request_done,
                is_instead=self._is_instead and not self._other_may_have_it,
                is_of_both=self._is_instead and self._other_may_have_it and is_answer_lost,
            )
            self._file.note(Event.DOUBTED, self._number, pack_doubted(doubted))
        else:
            self._file.note(Event.VOID, self._number)
        self._file.leave()


def begin(exchange: "Exchange", decision: Decision, log: "WriteLog", *, is_marked: bool) -> Writing | None:
    """Return what notes a write from here on; None where it could not be noted, which is told and counted."""
    rules, route = decision.writes, decision.route
    assert rules is not None and route is not None
    head = exchange.head
    lines, credentials = _told_apart(exchange, keeps=rules.credentials is Credentials.KEEP)
    name = KEY_HEADER if route.idempotency is None else route.idempotency.header.encode("ascii")
    held: Why | None = None
    limit = rules.max_body_bytes
    if (head.length or 0) > limit:
        held = Why.BODY_TOO_LARGE
    elif not log.keeps_bodies:
        held = Why.JOURNAL_FULL
    elif is_marked:
        held = Why.MARKED
    elif decision.reason is Reason.KILLED:
        held = Why.KILLED
    begun = log.begin(
        Begun(
            route=route.name,
            primary=decision.side,
            method=exchange.method,
            target=exchange.target,
            host=head.host or b"",
            headers=lines,
            credentials=log.seal(credentials),
            key=b", ".join(value for field, value in exchange.headers if field.lower() == name),
            request_id=exchange.request_id,
            trace=exchange.trace,
            connection=id(exchange.client),
            at=time(),
        ),
        monotonic(),
    )
    return None if begun is None else Writing(*begun, held, limit, rules.redirects)


def _told_apart(exchange: "Exchange", *, keeps: bool) -> tuple[bytes, bytes]:
    """Return the lines that may be stored, and those that may not."""
    plain: list[bytes] = []
    secret: list[bytes] = []
    for line in (*exchange.head.lines, *exchange.client.account.lines(exchange.head).split(b"\r\n")):
        name = line.partition(b":")[0].lower()
        is_secret = _is_secret(name) if len(name) <= _LONGEST_NAME else is_credential(name.decode("latin-1"))
        if name and (keeps or not is_secret):
            (secret if is_secret else plain).append(line)
    return b"\r\n".join(plain), b"\r\n".join(secret)


@lru_cache(maxsize=1_024)
def _is_secret(name: bytes) -> bool:
    return is_credential(name.decode("latin-1"))
