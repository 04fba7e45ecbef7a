"""Keyed writes: a request that repeats a write goes where its first try went, or is refused; never anywhere else."""

from time import time
from typing import TYPE_CHECKING

from strangler.core.decide import Decision, Reason
from strangler.core.idempotency import KeyFault, digest, read_key
from strangler.core.identity import read_key as read_identity
from strangler.core.model import Side
from strangler.core.problem import Problem, RefusedError
from strangler.errors import StoreError

if TYPE_CHECKING:
    from strangler.proxy.exchange import Exchange
    from strangler.proxy.keybook import KeyBook

_OF_FAULT = {
    KeyFault.MISSING: Problem.KEY_MISSING,
    KeyFault.REPEATED: Problem.KEY_REPEATED,
    KeyFault.MALFORMED: Problem.KEY_MALFORMED,
    KeyFault.TOO_LONG: Problem.KEY_TOO_LONG,
}


def settle(exchange: "Exchange", decision: Decision, book: "KeyBook | None", peer: str) -> Decision:
    """Return where a write goes whose route declares idempotency keys, and remember it.

    Raises RefusedError for a key that is none, for one whose side does not serve, and if the book cannot be asked.
    """
    compiled = decision.keyed
    assert compiled is not None and compiled.route.idempotency is not None
    rules = compiled.route.idempotency
    key = read_key(exchange.headers, compiled.key_header)
    if isinstance(key, KeyFault):
        if key is KeyFault.MISSING and not rules.is_required:
            return decision
        raise RefusedError(_OF_FAULT[key])
    if book is None:
        # Because a worker that remembered alone would send a repetition elsewhere than another worker its first try.
        raise RefusedError(Problem.KEY_BOOK)
    tenant, _ = read_identity(compiled.tenant, exchange.headers, exchange.target, peer)
    exchange.key = digest(compiled.route.name, tenant, key)
    try:
        side, exchange.is_key_new = book.claim(
            exchange.key, decision.side, now_s=int(time()), lifetime_s=rules.lifetime_s
        )
    except StoreError as error:
        raise RefusedError(Problem.KEY_BOOK) from error
    if side is decision.side:
        return decision
    is_gone = side is Side.EXTRACTED and compiled.route.extracted is None
    if is_gone or (side is Side.EXTRACTED and compiled.is_closed and not rules.asks_tripped):
        raise RefusedError(Problem.KEPT_SIDE)
    return compiled.decision(side, Reason.KEPT, decision.stage)


def may_fall_back(exchange: "Exchange") -> bool:
    """Return whether the other side may be asked, as far as keys go: only for a first try that never left."""
    return not exchange.key or (exchange.is_key_new and not exchange.is_written)


def move(exchange: "Exchange", book: "KeyBook | None", side: Side) -> bool:
    """Enter the request's key with the side that is asked instead; return False if that cannot be remembered."""
    if not exchange.key or book is None:
        return True
    try:
        return book.move(exchange.key, side, now_s=int(time()))
    except StoreError:
        return False
