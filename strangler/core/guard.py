"""The guard: the phases of one route's protection, as a table that is total over phase and event.

A guard is a value. It says what share the route may have at most, and when it wants to be woken; nothing here waits,
and nothing here reads a clock.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from strangler.core.rules import Cooldown


class Phase(StrEnum):
    """Where a guard stands."""

    CLOSED = "closed"
    """Nothing is wrong: the flag decides."""
    TRIPPED = "tripped"
    """The monolith answers everything until a person resets it."""
    COOLING = "cooling"
    """The monolith answers everything until the cool-down is over."""
    PROBING = "probing"
    """A small share is on the extracted side again, to see whether it holds."""


class Event(StrEnum):
    """What can happen to a guard."""

    LATCH = "latch"
    """A rule was broken, and a person is wanted; or a person trips it."""
    COOL = "cool"
    """A rule was broken, and the route has opted in to a cool-down."""
    COOLED = "cooled"
    """The cool-down is over."""
    PROVED = "proved"
    """The probe has answered as many requests as it was to."""
    RESET = "reset"
    """A person says that it is well again, or another migration begins."""


TABLE: dict[tuple[Phase, Event], Phase] = {
    (Phase.CLOSED, Event.LATCH): Phase.TRIPPED,
    (Phase.CLOSED, Event.COOL): Phase.COOLING,
    (Phase.CLOSED, Event.COOLED): Phase.CLOSED,
    (Phase.CLOSED, Event.PROVED): Phase.CLOSED,
    (Phase.CLOSED, Event.RESET): Phase.CLOSED,
    (Phase.TRIPPED, Event.LATCH): Phase.TRIPPED,
    (Phase.TRIPPED, Event.COOL): Phase.TRIPPED,
    (Phase.TRIPPED, Event.COOLED): Phase.TRIPPED,
    (Phase.TRIPPED, Event.PROVED): Phase.TRIPPED,
    (Phase.TRIPPED, Event.RESET): Phase.CLOSED,
    (Phase.COOLING, Event.LATCH): Phase.TRIPPED,
    (Phase.COOLING, Event.COOL): Phase.COOLING,
    (Phase.COOLING, Event.COOLED): Phase.PROBING,
    (Phase.COOLING, Event.PROVED): Phase.COOLING,
    (Phase.COOLING, Event.RESET): Phase.CLOSED,
    (Phase.PROBING, Event.LATCH): Phase.TRIPPED,
    (Phase.PROBING, Event.COOL): Phase.COOLING,
    (Phase.PROBING, Event.COOLED): Phase.PROBING,
    (Phase.PROBING, Event.PROVED): Phase.CLOSED,
    (Phase.PROBING, Event.RESET): Phase.CLOSED,
}
"""Where each event leads from each phase. docs/rollback.md draws its picture from this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One route's guard. Times are seconds of the wall clock, because they outlive the process."""

    phase: Phase = Phase.CLOSED
    trips: int = 0
    """Cool-downs since the last reset; the next one is longer."""
    since: float = 0.0
    """When it came to this phase."""
    wake_at: float | None = None
    """When COOLED is due; there is one exactly while cooling."""
    probed: int = 0
    """Requests that the probe has answered."""


def step(guard: Guard, event: Event, *, now: float, cooldown: Cooldown | None) -> Guard:
    """Return the guard after an event; the same one if the event means nothing in its phase.

    Without a cool-down, COOL is LATCH: nothing comes back by itself that nobody opted in to.
    """
    if event is Event.COOL and cooldown is None:
        event = Event.LATCH
    phase = TABLE[guard.phase, event]
    if phase is guard.phase and event is not Event.RESET:
        return guard
    if event is Event.RESET:
        return Guard() if guard.phase is Phase.CLOSED else Guard(since=now)
    moved = replace(guard, phase=phase, since=now, wake_at=None, probed=0)
    if phase is Phase.COOLING and cooldown is not None:
        trips = guard.trips + 1
        return replace(moved, trips=trips, wake_at=now + min(cooldown.base_s * trips, cooldown.max_s))
    return moved


def probe(guard: Guard, requests: int, *, now: float, cooldown: Cooldown | None) -> Guard:
    """Return the guard after the extracted side answered more requests, none of which broke a rule."""
    if guard.phase is not Phase.PROBING:
        return guard
    probed = guard.probed + requests
    if cooldown is None or probed >= cooldown.requests:
        return step(guard, Event.PROVED, now=now, cooldown=cooldown)
    return replace(guard, probed=probed)


def settle(guard: Guard, *, now: float, cooldown: Cooldown | None) -> Guard:
    """Return the guard under other rules: where nobody opts in to a cool-down any more, one that runs is a latch."""
    if cooldown is None and guard.phase in (Phase.COOLING, Phase.PROBING):
        return step(guard, Event.LATCH, now=now, cooldown=None)
    return guard


def most(guard: Guard, cooldown: Cooldown | None) -> int | None:
    """Return the most basis points that the extracted side may have; None for no limit."""
    match guard.phase:
        case Phase.CLOSED:
            return None
        case Phase.TRIPPED | Phase.COOLING:
            return 0
        case Phase.PROBING:  # pragma: no branch
            return 0 if cooldown is None else cooldown.share
