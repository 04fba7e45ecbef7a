"""Anytime: what counts of successes and failures prove, however often they are looked at, and whenever looking ends.

For a claimed chance `p0` the likelihood of what happened, averaged over all chances above `p0`, is held against that of
`p0` itself. As long as the true chance is at most `p0`, that is a non-negative supermartingale which starts at 1, so
the chance that it *ever* reaches 1 / risk is at most `risk` (Ville 1939). This is the method of mixtures of Robbins
(1970, "Statistical methods related to the law of the iterated logarithm", Ann. Math. Stat. 41, 1397-1409), here with
equal weight for every chance above `p0`.

All `p0` that are refused so make a confidence sequence (Howard, Ramdas, McAuliffe and Sekhon 2021, "Time-uniform,
nonparametric, nonasymptotic confidence sequences", Ann. Stat. 49, 1055-1080). With chances above `p0` written as
`p0 + u * (1 - p0)`, the ratio of likelihoods is `((p0 + u * (1 - p0)) / p0)^successes * (1 - u)^failures`, which falls
as `p0` grows. So what is refused is everything below one bound.
"""

from math import log, log1p

from strangler.core.binomial import beta_share, log_beta

_ENOUGH = 700.0
"""Nats; `exp` of more is no float."""
_HALVINGS = 45
"""After which a bound is known to 3e-14."""


def evidence_above(successes: int, failures: int, limit: float) -> float:
    """Return ln E against `a success has a chance of at most limit`, for a limit above 0 and below 1."""
    a, b = successes + 1, failures + 1
    above = beta_share(b, a, 1 - limit)
    if above <= 0.0:
        # Because far below the limit the weight above it is smaller than any float: evidence of nothing.
        return -_ENOUGH
    mean = log_beta(a, b) + log(above) - log1p(-limit)
    return max(mean - successes * log(limit) - failures * log1p(-limit), -_ENOUGH)


def is_proven(successes: int, failures: int, limit: float, risk: float) -> bool:
    """Return whether the chance of a success is above `limit`; the chance of ever being wrong is at most `risk`."""
    return limit < 1.0 and evidence_above(successes, failures, limit) >= log(1 / risk)


def lower_bound_ever(successes: int, failures: int, risk: float) -> float:
    """Return the share below which the true one never is, at any look, with a confidence of `1 - risk`."""
    if successes <= 0:
        return 0.0
    low, high = 0.0, successes / (successes + failures)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_proven(successes, failures, middle, risk) else (low, middle)
    return low
