"""Options: what a service is started with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider

from extracted.clock import Clock, wall_clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything that a process, or a test, decides for a service."""

    data: Path
    """The folder of the database."""
    faults: bool = False
    """Whether faults can be injected."""
    now: Clock = wall_clock
    provider: TracerProvider | None = None
    """Where spans go; without one they are made, so that there are trace ids, and dropped."""
    log: Callable[[str], None] | None = None
    """Gets a line for each request."""
    heartbeat_s: float = 15.0
    """Of event streams. Half of the shortest idle time-out that load balancers usually come with (30 s)."""
