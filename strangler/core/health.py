"""Health: what a row of checks says about one address (HAProxy's rise and fall)."""

from dataclasses import dataclass

from strangler.core.model import HealthCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one address stands."""

    is_healthy: bool
    contrary: int = 0
    """Checks in a row that said otherwise."""


def after(standing: Standing | None, *, is_good: bool, rules: HealthCheck) -> Standing:
    """Return where an address stands after a check; the first check decides alone, as HAProxy's does."""
    if standing is None or is_good == standing.is_healthy:
        return Standing(is_healthy=is_good if standing is None else standing.is_healthy)
    contrary = standing.contrary + 1
    needed = rules.healthy_after if is_good else rules.unhealthy_after
    return Standing(is_healthy=is_good) if contrary >= needed else Standing(is_healthy=not is_good, contrary=contrary)
