"""Effective shares: what part of each route the extracted side answers now, and what decides that."""

from dataclasses import dataclass
from enum import StrEnum

from strangler.control.share import Share
from strangler.core.model import Route


class Source(StrEnum):
    """What decides a route's share; the first one that applies, in this order."""

    KILL = "kill"
    """The kill switch: the monolith answers everything."""
    GUARD = "guard"
    """The route has tripped, or lets a few keys back to see whether it holds."""
    FLAG = "flag"
    SHARE = "share"
    """The share that the routes file gives."""
    DEFAULT = "default"
    """Nothing: there is no extracted service, or no flag and no share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """A route's share as it is served."""

    share_bp: int | None
    """None if it is not one number for everybody. Without what is held back; of a probe, the most that it may be."""
    wanted_bp: int | None
    """What flag or file say, whatever goes before them or is held back."""
    source: Source
    why: str


def effective(route: Route, share: Share, *, cap: int | None, is_killed: bool, guard_why: str = "") -> Effective:
    """Return what decides a route's share now.

    `cap` is the most that its guard lets through, None for no limit; `guard_why` is why the guard is not closed.
    """
    wanted = share.basis_points
    if route.extracted is None:
        return Effective(share_bp=0, wanted_bp=0, source=Source.DEFAULT, why="The route has no extracted service.")
    held = share.held_bp
    served = None if wanted is None else wanted - held
    if is_killed:
        return Effective(share_bp=0, wanted_bp=wanted, source=Source.KILL, why="The kill switch is on.")
    if cap is not None and (served is None or cap < served or cap == 0):
        why = guard_why or "The route's guard took the traffic back."
        return Effective(share_bp=cap, wanted_bp=wanted, source=Source.GUARD, why=why)
    if route.flag is not None:
        kept = f"; {held / 100:.10g} % is held back on the monolith, to compare with" if held else ""
        why = f"The flag `{route.flag}` says so{f' ({share.note})' if share.note else ''}{kept}."
        return Effective(share_bp=served, wanted_bp=wanted, source=Source.FLAG, why=why)
    if route.share:
        return Effective(share_bp=wanted, wanted_bp=wanted, source=Source.SHARE, why="The routes file says so.")
    why = "The route has neither a flag nor a share, so the monolith answers."
    return Effective(share_bp=0, wanted_bp=0, source=Source.DEFAULT, why=why)
