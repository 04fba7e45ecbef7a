"""Money: amounts are integer cents; fractions exist nowhere but inside a rounding."""

import hashlib

FEE_BASIS_POINTS = 150


def fee_cents(amount_cents: int) -> int:
    """Return the fee of a payment: 1.5 %, and half a cent rounds up."""
    return (amount_cents * FEE_BASIS_POINTS + 5_000) // 10_000


def payment_id(what: str) -> str:
    """Return the id of the payment that `what` names."""
    return "pay_" + hashlib.blake2b(what.encode(), digest_size=9).hexdigest()
