"""The budget: how many bytes of bodies the comparer keeps at a time, waiting or being compared."""

from strangler.core.offer import Offer

MOST_BYTES = 64 * 1_048_576
"""With each worker's own bound it is the memory that shadowing may take."""


class Budget:
    """Counts what is held; whoever takes gives back."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self.held = 0
        """Bytes that are taken now."""

    def take(self, size: int) -> bool:
        """Return whether there was room, and hold it if so."""
        if self.held + size > self._most:
            return False
        self.held += size
        return True

    def give(self, size: int) -> None:
        """Give back what was taken."""
        self.held -= size


def size_of(offer: Offer) -> int:
    """Return the bytes of an offer's bodies."""
    return len(offer.body) + len(offer.answer.body)
