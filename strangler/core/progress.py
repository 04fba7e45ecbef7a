"""Progress: what the monolith still has, as the routes stand now, and how it became less over the days."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from strangler.core.endpoints import Endpoint
from strangler.core.model import FULL_SHARE, Config
from strangler.core.table import Table
from strangler.core.traffic import DAY_S

UNSEEN_DAYS = 30
"""Without a request for so long, an endpoint is no part of what is left; a month, because jobs run monthly."""
_MOST_HOSTS = 32
"""Hosts of routes with which an endpoint is looked up; it does not say its own."""


class Standing(StrEnum):
    """How far an endpoint has come. A closed set."""

    UNROUTED = "unrouted"
    """No route names it."""
    MONOLITH = "monolith"
    """A route names it, and the monolith answers all of it."""
    SPLIT = "split"
    EXTRACTED = "extracted"
    """The extracted side answers all of it, but for what is held back to compare with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stood:
    """One endpoint, and how far it has come."""

    endpoint: Endpoint
    route: str
    """Empty if no route names it."""
    share: int
    """Basis points of the extracted side as it is served, by routes, flags and guards as they stand now."""
    standing: Standing
    held: int = 0
    """Basis points that are held back on the monolith though the flag gives them away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left of the monolith."""

    endpoints: int
    """Seen within the last month."""
    left: int
    """Of them, those of which the monolith answers more than what is held back."""
    unrouted: int
    """Of those, the ones that no route names."""
    unseen: int
    """Endpoints with no request for a month."""
    held: int = 0
    """Of those that are not left, the ones of which the monolith answers what is held back to compare with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One row of the burn-down. Requests are counted one by one and not estimated."""

    day: int
    """In days since 1970 (UTC)."""
    legacy: int = 0
    """Requests that the monolith answered; those that no route names are among them."""
    extracted: int = 0
    unrouted: int = 0
    endpoints: int = 0
    left: int = 0
    """The endpoints of which the monolith answered more than what is held back, at the day's end or as it stands."""

    @property
    def share(self) -> float | None:
        """The monolith's part of the requests, 0 to 1; None without any."""
        total = self.legacy + self.extracted
        return self.legacy / total if total else None


def stand(
    endpoints: Iterable[Endpoint], config: Config, table: Table, shares: Mapping[str, tuple[int, int]]
) -> tuple[Stood, ...]:
    """Return how far each endpoint has come; `shares` has by route the extracted side's part as it is served, and what
    is held back of it."""
    hosts = ("", *sorted({host.replace("*", "any") for route in config.routes for host in route.match.hosts}))
    fields = tuple((header.name, header.value or "") for route in config.routes for header in route.match.headers)
    return tuple(_stood(endpoint, config, table, shares, hosts[:_MOST_HOSTS], fields) for endpoint in endpoints)


def left_of(several: Iterable[Stood], now: float) -> Left:
    """Return what is left of the monolith."""
    endpoints = left = unrouted = unseen = held = 0
    for one in several:
        if now - one.endpoint.traffic.last > UNSEEN_DAYS * DAY_S:
            unseen += 1
            continue
        endpoints += 1
        left += one.standing is not Standing.EXTRACTED
        unrouted += one.standing is Standing.UNROUTED
        held += one.standing is Standing.EXTRACTED and one.held > 0
    return Left(endpoints=endpoints, left=left, unrouted=unrouted, unseen=unseen, held=held)


def _stood(
    endpoint: Endpoint,
    config: Config,
    table: Table,
    shares: Mapping[str, tuple[int, int]],
    hosts: tuple[str, ...],
    fields: tuple[tuple[str, str], ...],
) -> Stood:
    # Because a route for some hosts or headers only is one that somebody has begun with, it counts.
    tries = (table.find(host, endpoint.template, endpoint.method, having) for having in ((), fields) for host in hosts)
    index = next((index for index in tries if index is not None), None)
    if index is None:
        return Stood(endpoint=endpoint, route="", share=0, standing=Standing.UNROUTED)
    route = config.routes[index]
    share, held = (0, 0) if route.extracted is None else shares.get(route.name, (0, 0))
    standing = Standing.EXTRACTED if share + held == FULL_SHARE else Standing.SPLIT if share else Standing.MONOLITH
    return Stood(endpoint=endpoint, route=route.name, share=share, standing=standing, held=held)
