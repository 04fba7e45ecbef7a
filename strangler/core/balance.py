"""Balance: which address of an upstream takes the next request."""

from collections.abc import Sequence

WINDOW = 16
"""Addresses that are looked at for one request, so that its cost is bounded.

Envoy's `LEAST_REQUEST` looks at 2 and nginx's `least_conn` at all.
"""


def fewest(loads: Sequence[int], start: int) -> int:
    """Return the index of the smallest load, the first one from `start` on among equals; `loads` is not empty.

    With more than WINDOW loads, only that many from `start` on are looked at; whoever calls turns `start` by one.
    """
    size = len(loads)
    best = start % size
    least = loads[best]
    for step in range(1, min(size, WINDOW)):
        if least == 0:
            break
        index = (start + step) % size
        if loads[index] < least:
            best, least = index, loads[index]
    return best
