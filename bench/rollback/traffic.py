"""Traffic of two sides, minute by minute, reproducible from a seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, sqrt
from typing import NamedTuple

from strangler.core.sequential import Step

DAY = 1_440
"""Minutes."""
_NORMAL_FROM = 60.0
"""Means from which the normal approximation is within a percent of the Poisson distribution's spread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One migration, as long as it is watched."""

    name: str
    extracted_per_minute: float
    """Requests of the extracted side at its full share."""
    shares: tuple[float, ...] = (0.1,)
    """The extracted side's part of all requests; several are walked through in equal times."""
    baseline: float = 0.005
    """The monolith's chance of a failure."""
    regressed: float = 0.005
    """The extracted side's, from `from_minute` on."""
    from_minute: int = 0
    minutes: int = DAY

    @property
    def is_calm(self) -> bool:
        """Return whether any alarm is a false one: the extracted side is at most 1.25 times as bad."""
        return self.regressed <= 1.25 * self.baseline


class Minute(NamedTuple):
    """What happened in one minute, and the extracted side's part of all requests in it."""

    share: float
    step: Step


def minutes(scenario: Scenario, seed: int) -> Iterator[Minute]:
    """Yield what happens in each minute of one run."""
    rng = random.Random(seed)
    total = scenario.extracted_per_minute / max(scenario.shares)
    for minute in range(scenario.minutes):
        share = scenario.shares[minute * len(scenario.shares) // scenario.minutes]
        chance = scenario.regressed if minute >= scenario.from_minute else scenario.baseline
        legacy = _poisson(rng, total * (1 - share))
        extracted = _poisson(rng, total * share)
        step = Step(
            legacy,
            min(legacy, _poisson(rng, legacy * scenario.baseline)),
            extracted,
            min(extracted, _poisson(rng, extracted * chance)),
        )
        yield Minute(share, step)


def _poisson(rng: random.Random, mean: float) -> int:
    if mean <= 0.0:
        return 0
    if mean >= _NORMAL_FROM:
        return max(0, round(rng.gauss(mean, sqrt(mean))))
    floor, count, product = exp(-mean), 0, rng.random()
    while product > floor:
        count += 1
        product *= rng.random()
    return count
