"""The binomial's tails, exactly: how likely so many of so many are by chance.

The tail is the regularised incomplete beta function, by the continued fraction of Abramowitz and Stegun 26.5.8 with
Lentz's method; ten million counts take a few thousand steps. Beyond 10**9 counts the logarithms have too few digits.
"""

from math import exp, lgamma, log, log1p

_TINY = 1e-300
_PRECISION = 1e-14
_MAX_TERMS = 100_000
"""The fraction needs about the square root of the larger parameter."""
_HALVINGS = 45
"""After which a bound is known to 3e-14."""


def upper_tail(count: int, of: int, chance: float) -> float:
    """Return the chance of `count` or more successes of `of`, each with a chance of `chance`."""
    if count <= 0:
        return 1.0
    if count > of:
        return 0.0
    return beta_share(count, of - count + 1, chance)


def lower_bound(count: int, of: int, risk: float) -> float:
    """Return the share that the true one is above with a confidence of `1 - risk` (Clopper and Pearson 1934)."""
    if count <= 0:
        return 0.0
    low, high = 0.0, count / of
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if upper_tail(count, of, middle) < risk else (low, middle)
    return low


def beta_share(a: float, b: float, x: float) -> float:
    """Return the share of the beta distribution's weight below `x`."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = exp(a * log(x) + b * log1p(-x) - log_beta(a, b))
    # Because the fraction converges fast on this side of the mean only.
    share = front * _fraction(a, b, x) / a if x < (a + 1) / (a + b + 2) else 1.0 - front * _fraction(b, a, 1 - x) / b
    return min(max(share, 0.0), 1.0)


def log_beta(a: float, b: float) -> float:
    """Return the logarithm of the beta function."""
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _away(1.0 + term * d)
            c = _away(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < _PRECISION:
            break
    return value


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
