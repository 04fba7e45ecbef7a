"""Metrics: the totals and the state of the proxy as Prometheus reads them."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from strangler.control.flight import Flight
from strangler.control.pace import paced
from strangler.control.totals import MAX_KEYS, Total, Totals
from strangler.core.histogram import BOUNDS_S
from strangler.core.model import FULL_SHARE
from strangler.core.outcome import OUTCOMES
from strangler.core.tally import COUNTERS

_EVERY = 4
"""Each octave's last bucket: the quarters between would quadruple the series and tell a scraper nothing more.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardReading:
    """One route's guard at one moment."""

    route: str
    phase: str
    evidence: float
    """ln E of the sequential test."""
    is_alone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowReading:
    """What comparisons of one route have shown until one moment."""

    route: str
    results: tuple[tuple[str, int], ...]
    no_answer: tuple[tuple[str, str, int], ...]
    """By side and why."""
    dropped: tuple[tuple[str, int], ...]
    groups: tuple[tuple[str, int], ...]
    """By nature."""
    lower_bound: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingReading:
    """What is recorded of one route at one moment."""

    route: str
    count: int
    size: int
    skipped: tuple[tuple[str, int], ...]
    """By why, since the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryReading:
    """What was learnt of live paths until one moment."""

    standings: tuple[tuple[str, int], ...]
    """Endpoints by how far they have come; all that there are."""
    monolith_share: float | None
    """Of today's requests, 0 to 1; None without any."""
    sampled: int
    forgotten: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteReading:
    """What became of writes for both sides."""

    carried_out: tuple[tuple[str, int], ...] = ()
    """Route and count since control's start."""
    diverged: tuple[tuple[str, str, int], ...] = ()
    """Route, kind and count since control's start."""
    open: int = 0
    bytes: int = 0
    unlisted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorReading:
    """The admin port's connections."""

    connections: int = 0
    cut: tuple[tuple[str, int], ...] = ()
    """Those that were ended, by why, since the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The state of the proxy at one moment."""

    generation: int
    workers: int
    """Workers that serve."""
    restarts: int
    is_rejected: bool
    """Whether the routes file on disk was refused."""
    flags_state: str
    flags_states: tuple[str, ...]
    """All states that there are."""
    shares: tuple[tuple[str, int], ...]
    """Route and share in basis points, where the share is one number."""
    gauges: tuple[tuple[str, int], ...]
    """The planes' gauges, over all workers, and the comparer's."""
    guards: tuple[GuardReading, ...] = ()
    shadow: tuple[ShadowReading, ...] = ()
    recordings: tuple[RecordingReading, ...] = ()
    writes: WriteReading = WriteReading()
    door: DoorReading = DoorReading()
    comparers: int = 0
    """Comparers that were replaced."""
    is_killed: bool = False
    is_store_failing: bool = False
    undelivered: int = 0
    """Messages to other systems that were given up."""
    discovery: DiscoveryReading | None = None
    healthy: tuple[tuple[str, str, bool], ...] = ()
    """Upstream, address, and whether it can serve, for all that are checked."""


class Exposition:
    """Renders everything for one scrape; with thousands of routes the loop does not wait for it.

    Because anybody may ask, however many ask keep one thread busy and no more.
    """

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, totals: Totals, read: Callable[[], Awaitable[Reading]]) -> None:
        self._totals = totals
        self._read = read
        self._flight = Flight(self._render)

    async def render(self) -> bytes:
        """Return the text of one scrape."""
        return await self._flight.wait()

    async def _render(self) -> bytes:
        families = await _counted(self._totals)
        return await asyncio.to_thread(generate_latest, _Collected(families, await self._read()))


class _Collected(Collector):
    """What was counted and read on the loop, and is written out beside it."""

    def __init__(self, counted: Sequence[Metric], reading: Reading) -> None:
        self._counted = counted
        self._reading = reading

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family."""
        reading = self._reading
        yield from self._counted
        yield from _state(reading)
        yield from _guards(reading)
        yield from _shadow(reading)
        if reading.discovery is not None:
            yield from _discovery(reading.discovery)
        yield from _recordings(reading)
        yield from _writes(reading.writes)
        yield from _door(reading.door)


async def _counted(totals: Totals) -> list[Metric]:
    requests = CounterMetricFamily(
        "strangler_requests", "Requests, by how their exchange ended.", labels=("route", "side", "outcome")
    )
    latency = HistogramMetricFamily(
        "strangler_request_duration_seconds",
        "From the request's first byte to the end of the answer.",
        labels=("route", "side"),
    )
    fallbacks = CounterMetricFamily(
        "strangler_fallbacks",
        "Requests that the monolith answered because the extracted side failed, by how it failed.",
        labels=("route", "kind"),
    )
    # Because others have their turn in between, a route may be counted for the first time meanwhile.
    async for route, side, total in paced(tuple(totals)):
        for kind, count in total.fallbacks.items():
            fallbacks.add_metric((route, kind), count)
        for index, outcome in enumerate(OUTCOMES):
            if total.outcomes[index]:
                requests.add_metric((route, side, outcome), total.outcomes[index])
        latency.add_metric((route, side), _buckets(total), total.seconds)
    refused = CounterMetricFamily(
        "strangler_tallies_refused",
        f"Reports on a route's side that found no room beside {MAX_KEYS:,} others.",
        value=totals.refused,
    )
    others = [CounterMetricFamily(f"strangler_{name}", COUNTERS[name], value=n) for name, n in totals.counters.items()]
    return [requests, latency, fallbacks, refused, *others]


def _buckets(total: Total) -> list[tuple[str, float]]:
    """Return cumulative counts, as Prometheus wants them."""
    below = 0
    buckets: list[tuple[str, float]] = []
    for index, bound in enumerate(BOUNDS_S):
        below += total.latency[index]
        if index % _EVERY == 0:
            buckets.append((str(bound), below))
    return [*buckets, ("+Inf", sum(total.latency))]


def _guards(reading: Reading) -> Iterator[Metric]:
    tripped = GaugeMetricFamily(
        "strangler_route_tripped",
        "1 while the route's guard keeps traffic from the extracted side: tripped, cooling or probing.",
        labels=("route",),
    )
    evidence = GaugeMetricFamily(
        "strangler_guard_evidence",
        "The sequential test's evidence of a regression, in nats; it trips at ln(1/alpha), 4.6 for 1 %.",
        labels=("route",),
    )
    alone = GaugeMetricFamily(
        "strangler_guard_alone",
        "1 while no requests reach the monolith, so that only absolute limits guard the route.",
        labels=("route",),
    )
    for guard in reading.guards:
        tripped.add_metric((guard.route,), int(guard.phase != "closed"))
        evidence.add_metric((guard.route,), guard.evidence)
        alone.add_metric((guard.route,), int(guard.is_alone))
    yield tripped
    yield evidence
    yield alone
    yield GaugeMetricFamily("strangler_kill_switch", "1 while the kill switch is on.", value=int(reading.is_killed))
    yield GaugeMetricFamily(
        "strangler_store_failing",
        "1 while the state store cannot be written; trips act from memory.",
        value=int(reading.is_store_failing),
    )
    yield CounterMetricFamily(
        "strangler_messages_undelivered",
        "Webhooks and flag changes that were given up.",
        value=reading.undelivered,
    )


def _shadow(reading: Reading) -> Iterator[Metric]:
    comparisons = CounterMetricFamily(
        "strangler_shadow_comparisons", "Comparisons of both sides' answers, by result.", labels=("route", "result")
    )
    about = "Requests that the shadowed side did not answer and the other one did, by that side and why."
    silent = CounterMetricFamily("strangler_shadow_no_answer", about, labels=("route", "side", "reason"))
    about = "Requests that were to be compared and were not, by why."
    dropped = CounterMetricFamily("strangler_shadow_dropped", about, labels=("route", "reason"))
    groups = GaugeMetricFamily(
        "strangler_shadow_groups",
        "Groups of differences, by what they are held to be.",
        labels=("route", "nature"),
    )
    bound = GaugeMetricFamily(
        "strangler_shadow_parity_lower_bound",
        "The share of comparisons without a difference that counts is at least this, 0 to 1, with 95 % confidence.",
        labels=("route",),
    )
    for one in reading.shadow:
        for result, count in one.results:
            comparisons.add_metric((one.route, result), count)
        for side, reason, count in one.no_answer:
            silent.add_metric((one.route, side, reason), count)
        for reason, count in one.dropped:
            dropped.add_metric((one.route, reason), count)
        for nature, count in one.groups:
            groups.add_metric((one.route, nature), count)
        bound.add_metric((one.route,), one.lower_bound)
    yield comparisons
    yield silent
    yield dropped
    yield groups
    yield bound


def _recordings(reading: Reading) -> Iterator[Metric]:
    there = GaugeMetricFamily(
        "strangler_shadow_recordings", "Reads that are kept, sealed, to be asked again.", labels=("route",)
    )
    size = GaugeMetricFamily("strangler_shadow_recordings_bytes", "What they take.", labels=("route",))
    skipped = CounterMetricFamily(
        "strangler_shadow_not_recorded",
        "Reads that might have been kept and were not, by why.",
        labels=("route", "reason"),
    )
    for one in reading.recordings:
        there.add_metric((one.route,), one.count)
        size.add_metric((one.route,), one.size)
        for reason, count in one.skipped:
            skipped.add_metric((one.route, reason), count)
    yield there
    yield size
    yield skipped


def _discovery(reading: DiscoveryReading) -> Iterator[Metric]:
    endpoints = GaugeMetricFamily(
        "strangler_endpoints",
        "Endpoints of live traffic within the last month, by how far they have come.",
        labels=("standing",),
    )
    for standing, count in reading.standings:
        endpoints.add_metric((standing,), count)
    yield endpoints
    yield GaugeMetricFamily(
        "strangler_monolith_request_ratio",
        "The monolith's part of today's requests (UTC), 0 to 1; NaN without any.",
        value=math.nan if reading.monolith_share is None else reading.monolith_share,
    )
    yield CounterMetricFamily(
        "strangler_requests_sampled", "Requests that were looked at for discovery and plans.", value=reading.sampled
    )
    yield CounterMetricFamily(
        "strangler_endpoints_forgotten", "Endpoints that made room for others.", value=reading.forgotten
    )


def _writes(reading: WriteReading) -> Iterator[Metric]:
    carried_out = CounterMetricFamily(
        "strangler_writes_carried_out", "Writes that were sent on and are on both sides.", labels=("route",)
    )
    for route, count in reading.carried_out:
        carried_out.add_metric((route,), count)
    diverged = CounterMetricFamily(
        "strangler_writes_diverged",
        "Writes that are not on both sides, or perhaps not, by what is known.",
        labels=("route", "kind"),
    )
    for route, kind, count in reading.diverged:
        diverged.add_metric((route, kind), count)
    yield carried_out
    yield diverged
    yield GaugeMetricFamily(
        "strangler_divergences_open", "Writes that are not on both sides and not settled.", value=reading.open
    )
    yield GaugeMetricFamily("strangler_divergences_bytes", "What is kept to send them again.", value=reading.bytes)
    yield GaugeMetricFamily(
        "strangler_divergences_unlisted",
        "Writes that are not on both sides and found no room in the list, ever.",
        value=reading.unlisted,
    )


def _door(door: DoorReading) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "strangler_admin_connections", "Open connections to the admin port.", value=door.connections
    )
    cut = CounterMetricFamily(
        "strangler_admin_connections_cut", "Connections to the admin port that were ended, by why.", labels=("why",)
    )
    for why, count in door.cut:
        cut.add_metric((why,), count)
    yield cut


def _state(reading: Reading) -> Iterator[Metric]:
    share = GaugeMetricFamily(
        "strangler_route_share_ratio",
        "The extracted side's share, 0 to 1, where it is one number.",
        labels=("route",),
    )
    for route, basis_points in reading.shares:
        share.add_metric((route,), basis_points / FULL_SHARE)
    yield share
    yield GaugeMetricFamily(
        "strangler_generation", "Grows by one with each change of routes or flags.", value=reading.generation
    )
    yield GaugeMetricFamily("strangler_workers", "Workers that serve.", value=reading.workers)
    yield CounterMetricFamily("strangler_worker_restarts", "Workers that were replaced.", value=reading.restarts)
    yield CounterMetricFamily("strangler_comparer_restarts", "Comparers that were replaced.", value=reading.comparers)
    yield GaugeMetricFamily(
        "strangler_config_rejected",
        "1 if the routes file on disk was refused and the last good one is served.",
        value=int(reading.is_rejected),
    )
    flags = GaugeMetricFamily("strangler_flags_state", "1 for the flag source's state.", labels=("state",))
    for state in reading.flags_states:
        flags.add_metric((state,), int(state == reading.flags_state))
    yield flags
    healthy = GaugeMetricFamily(
        "strangler_upstream_healthy",
        "1 if the address can serve, by control's health checks.",
        labels=("upstream", "address"),
    )
    for upstream, address, is_healthy in reading.healthy:
        healthy.add_metric((upstream, address), int(is_healthy))
    yield healthy
    for name, value in reading.gauges:
        yield GaugeMetricFamily(f"strangler_{name}", "Now, over all workers.", value=value)
