"""Money: fees and the names of payments."""

import hashlib
from decimal import ROUND_HALF_EVEN, Decimal

FEE_RATE = Decimal("0.015")


def fee_cents(amount_cents: int) -> int:
    """Return the fee of a payment: 1.5 %, and half a cent goes to the even neighbour.

    This is the service's one divergence (docs/demo-divergences.md): the monolith rounds half a cent up.
    """
    return int((amount_cents * FEE_RATE).quantize(Decimal(1), ROUND_HALF_EVEN))


def payment_id(what: str) -> str:
    """Return the id of the payment that `what` names."""
    return "pay_" + hashlib.blake2b(what.encode(), digest_size=9).hexdigest()
