"""Times: ISO 8601 in UTC to the second, as the contract has them."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """Return the time now."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """Return `moment` as text, e.g. `2024-06-01T12:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
