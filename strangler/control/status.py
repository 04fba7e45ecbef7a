"""Status: what runs, as one value; the shape of `GET /api/v1/status`."""

from collections.abc import Sequence

import msgspec

from strangler.control.health import Verdict
from strangler.control.share import Share
from strangler.control.totals import Total, Totals
from strangler.core import histogram
from strangler.core.model import Route, Side, Upstream


class ConfigStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The routes file: `rejected` means that the file on disk has faults and the last good one is served."""

    file: str
    digest: str
    """Of what is served."""
    disk_digest: str
    """Of the file on disk as it was last read, whether it was good or not; empty if it cannot be read."""
    state: str
    faults: tuple[str, ...]
    needs_restart: tuple[str, ...]
    """Settings that the file changed and that only a restart takes over."""


class FlagsStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Where flags come from, and how that goes."""

    source: str
    state: str
    detail: str
    version: int


class TlsStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What clients are met with, over all workers."""

    state: str
    """`current`, or `rejected` where the files on disk cannot be served and the last good ones are."""
    not_after: int | None
    """When the first certificate in use expires, in seconds since the epoch; None where nothing can be served."""


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One worker and the generation that it serves."""

    index: int
    pid: int
    generation: int
    state: str


class AddressStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One address of an upstream, resolved where it is checked."""

    address: str
    state: str
    """`healthy`, `unhealthy`, or `unchecked` where nobody asks, or not yet."""
    detail: str


class UpstreamStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream and how its addresses do."""

    name: str
    addresses: tuple[AddressStatus, ...]


class RestartStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The latest rolling restart of the workers."""

    number: int
    """Counts them since control started; 0 before the first."""
    state: str
    """`never`, `replacing`, `draining`, `done`, `failed` or `stopped`."""
    replaced: int
    workers: int
    detail: str
    """Why it failed."""


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /readyz` says."""

    status: str
    """`ready` or `not ready`."""
    unready: tuple[str, ...]
    lacks: tuple[str, ...]
    generation: int
    workers: tuple[WorkerStatus, ...]
    config: str
    """`rejected` does not make it unready: the last good file is served."""
    flags: str
    restart: str
    store: str = ""
    """Why the state store cannot be written; it does not make the proxy unready, because it serves all the same."""


class SideStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What one side did since control started."""

    requests: int
    failures: dict[str, int]
    p50_ms: float | None
    """134217.728, where the histogram ends, stands for anything over 112 s; so it does in `p95_ms`."""
    p95_ms: float | None


class GuardStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a route is guarded just now."""

    phase: str
    """`closed`, `tripped`, `cooling` or `probing`."""
    since: float
    """When it came to this phase, in seconds since the epoch; 0 if it was never in another."""
    why: str
    """Why it is not closed."""
    is_alone: bool
    """Whether nothing is there to compare with, so that only absolute limits guard it."""


class ShadowStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared of a route, in short; `GET /api/v1/shadow/{route}` has the rest."""

    mode: str
    """`shadow`, `reverse`, `both`, or `stage` for what a migration flag says."""
    compared: int
    different: int
    dropped: int
    """Requests that were to be compared and were not."""
    no_answer: int = 0
    """What the extracted side did not answer."""
    has_reads: bool = True
    """Whether there can be anything to compare; else its writes are sent on, which `divergences` has."""


class DivergenceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Writes that are not on both sides; `GET /api/v1/divergences` has them."""

    open: int = 0
    bytes: int = 0
    unlisted: int = 0
    """Those that found no room, ever; both sides' data must be compared as a whole."""
    is_full: bool = False
    """Whether there is no room, or hardly any, for more."""
    waiting: int | None = 0
    """Writes that one side carried out and that wait to be sent to the other; None while no comparer says so."""


class RouteStanding(msgspec.Struct, frozen=True, kw_only=True):
    """One route: what it is, and how far it has come. It is another one only if somebody or a guard did something."""

    name: str
    methods: tuple[str, ...]
    path: str
    extracted: str | None
    flag: str | None
    share_bp: int | None
    """The extracted side's share as flag or file have it; None if it is not one number for everybody."""
    served_bp: int | None
    """The share as it is served: 0 after a trip or a kill, what a probe may have at most, without what is held back."""
    hold_back_bp: int
    """Basis points of the keys that stay on the monolith when the flag gives it all away."""
    note: str
    """Why the share is what it is, when that is not plain."""
    stages: dict[str, int]
    """Of a migration flag, the basis points of the keys in each stage that has any; else empty."""
    prerequisites: tuple[str, ...]
    """Flags that its flag asks first."""
    guard: GuardStatus | None = None
    """None where the route is not guarded."""
    shadow: ShadowStatus | None = None
    """None where the route is not shadowed."""
    cohort: str = ""
    """Routes with the same one trip and are reset together."""


class RouteStatus(RouteStanding, frozen=True, kw_only=True):
    """The same, and what its sides did."""

    sides: dict[str, SideStatus]


class ComparerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The process that asks the other sides and compares."""

    state: str
    """`running`, `starting`, or `down` until another one is started."""
    pid: int | None
    """None while there is none."""
    restarts: int
    """Times that it ended by itself, or hung, and was replaced."""
    waiting: int
    """Requests that wait to be asked."""
    asking: int
    bytes: int
    """Of bodies that are kept."""
    resting: int
    """Upstreams that are left alone just now, because they failed too often."""
    unreadable: int = 0
    """Files of noted writes that are damaged: what is in them may be on one side only, and is on no list."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The whole proxy."""

    version: str
    generation: int
    uptime_s: float
    is_ready: bool
    """Whether traffic should be sent here."""
    unready: tuple[str, ...]
    """Why not."""
    lacks: tuple[str, ...]
    """What is not as it should be though traffic is served: workers that are missing, behind or silent."""
    restart: RestartStatus
    config: ConfigStatus
    flags: FlagsStatus
    tls: TlsStatus | None = None
    """None where the listener speaks plain HTTP."""
    workers: tuple[WorkerStatus, ...]
    upstreams: tuple[UpstreamStatus, ...]
    routes: tuple[RouteStatus, ...]
    unrouted: SideStatus
    comparer: ComparerStatus | None = None
    """None where no route is shadowed."""
    is_killed: bool = False
    """Whether the kill switch is on."""
    store_fault: str = ""
    """Why the state store cannot be written; empty while it can."""
    divergences: DivergenceStatus = DivergenceStatus()


def of_upstreams(upstreams: Sequence[Upstream], verdicts: Sequence[Verdict]) -> tuple[UpstreamStatus, ...]:
    """Return all upstreams as shown."""
    return tuple(
        UpstreamStatus(
            name=upstream.name,
            addresses=tuple(
                AddressStatus(
                    address=one.address, state="healthy" if one.is_healthy else "unhealthy", detail=one.detail
                )
                for one in verdicts
                if one.upstream == upstream.name
            )
            or tuple(
                AddressStatus(address=str(address), state="unchecked", detail="") for address in upstream.addresses
            ),
        )
        for upstream in upstreams
    )


def of_side(total: Total) -> SideStatus:
    """Return a side's sums as shown."""
    return SideStatus(
        requests=total.requests(),
        failures={outcome.value: count for outcome, count in total.failures().items()},
        p50_ms=_milliseconds(histogram.quantile(total.latency, 0.50)),
        p95_ms=_milliseconds(histogram.quantile(total.latency, 0.95)),
    )


def standing_of(
    route: Route,
    *,
    share: Share,
    served_bp: int | None,
    guard: GuardStatus | None,
    shadow: ShadowStatus | None = None,
) -> RouteStanding:
    """Return how far a route has come, as shown."""
    return RouteStanding(
        name=route.name,
        methods=route.match.methods,
        path=route.match.path,
        extracted=route.extracted,
        flag=route.flag,
        share_bp=share.basis_points,
        served_bp=served_bp,
        hold_back_bp=0 if route.flag is None or route.rollback is None else route.rollback.hold_back,
        note=share.note,
        stages=dict(share.stages),
        prerequisites=share.prerequisites,
        guard=guard,
        shadow=shadow,
        cohort=route.cohort,
    )


def with_sides(standing: RouteStanding, totals: Totals) -> RouteStatus:
    """Return a route with what its sides did."""
    sides = {side.value: of_side(totals.of(standing.name, side)) for side in Side}
    return RouteStatus(**msgspec.structs.asdict(standing), sides=sides)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
