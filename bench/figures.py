"""Figures: from what was counted in each round to medians, ratios and verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from bench.subjects import Proxy

TARGETS = {Proxy.PART_1: 1.1, Proxy.PLAIN: 0.5, Proxy.NGINX: 2.5}
"""How much CPU a request strangler may use at most, as a multiple of the other's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One proxy in one round."""

    proxy: Proxy
    requests: int
    seconds: float
    cpu_s: float
    beside_s: float
    """CPU of the process beside the one that proxies."""
    core_s: float
    """CPU of all processes on the proxy's core, whoever they belong to."""
    p50_ms: float
    p99_ms: float

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU a request."""
        return self.cpu_s * 1e6 / self.requests

    @property
    def beside_us(self) -> float:
        """The same, of the process beside."""
        return self.beside_s * 1e6 / self.requests

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def busy(self) -> float:
        """How much of its core the proxy used."""
        return self.cpu_s / self.seconds

    @property
    def others(self) -> float:
        """How much of the proxy's core was used by processes that are no part of the benchmark, about."""
        return max(0.0, self.core_s - self.cpu_s - self.beside_s) / self.seconds


Round = dict[Proxy, Measure]
Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The middle of some values, and their ends."""

    median: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """strangler's CPU a request over another's, compared within each round."""

    other: Proxy
    value: Spread
    target: float

    @property
    def is_met(self) -> bool:
        """Whether the median is within the target."""
        return self.value.median <= self.target


def order(subjects: tuple[Subject, ...], number: int) -> tuple[Subject, ...]:
    """Return who comes when in a round: each round starts with another, so that drift favours nobody."""
    first = number % len(subjects)
    return subjects[first:] + subjects[:first]


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of one value or more."""
    return Spread(median=median(values), lowest=min(values), highest=max(values))


def ratios(rounds: Sequence[Round]) -> tuple[Ratio, ...]:
    """Return the ratios that have a target, to those that were measured."""
    return tuple(
        Ratio(
            other=other,
            value=spread([each[Proxy.STRANGLER].cpu_us / each[other].cpu_us for each in rounds]),
            target=target,
        )
        for other, target in TARGETS.items()
        if other in rounds[0]
    )
