"""The admin API's part about routes: how far each has come, what decides that, and how it does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from strangler.control.answers import missing
from strangler.control.effective import Source
from strangler.control.operations import Call, Operation, Role
from strangler.control.status import GuardStatus, ShadowStatus, SideStatus


class RouteShown(msgspec.Struct, frozen=True, kw_only=True):
    """One route as it is served."""

    name: str
    methods: tuple[str, ...]
    """Empty for any."""
    path: str
    hosts: tuple[str, ...]
    legacy: str
    extracted: str | None
    flag: str | None
    cohort: str
    line: int
    """Of the routes file."""
    share_bp: int | None
    """The extracted side's part in basis points, as it is served: without what is held back on the monolith, and the
    most that it may be while a guard probes. None if it is not one number for everybody."""
    wanted_bp: int | None
    """What flag or file say, whatever goes before them or is held back."""
    source: Source
    why: str
    note: str
    sides: dict[str, SideStatus]
    guard: GuardStatus | None
    shadow: ShadowStatus | None


class RouteList(msgspec.Struct, frozen=True, kw_only=True):
    """All routes in the order of the file, and what no route names."""

    routes: tuple[RouteShown, ...]
    unrouted: SideStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """What is shown of routes."""

    every: Callable[[], Awaitable[RouteList]]
    one: Callable[[str], RouteShown | None]
    names: Callable[[], tuple[str, ...]]


def operations(routes: Routes) -> tuple[Operation, ...]:
    """Return what can be seen of routes."""
    return (
        Operation(
            method="GET",
            path="/api/v1/routes",
            name="listRoutes",
            summary="Every route: its share as served, what decides that and why, and what both sides did.",
            role=Role.VIEWER,
            handler=lambda _: routes.every(),
            answer=RouteList,
        ),
        Operation(
            method="GET",
            path="/api/v1/routes/{route}",
            name="getRoute",
            summary="One route.",
            role=Role.VIEWER,
            handler=lambda call: _one(routes, call),
            answer=RouteShown,
        ),
    )


def _one(routes: Routes, call: Call) -> RouteShown:
    name = call.part("route")
    route = routes.one(name)
    if route is None:
        raise missing("route", name, routes.names(), code="route_missing")
    return route
