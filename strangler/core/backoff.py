"""Back-off: how long to wait before the next try of something that failed."""

BASE_S = 1.0
MOST_S = 60.0
"""Precedent: gRPC's connection back-off starts at 1 s; its cap of 120 s is halved, because alarms wait here."""


def wait_s(failures: int, spread: float) -> float:
    """Return the wait after so many failures in a row (from 1); `spread` in 0..1 takes off up to half, at random."""
    whole: float = min(BASE_S * 2.0 ** min(failures - 1, 16), MOST_S)
    return whole * (1.0 - spread / 2.0)
