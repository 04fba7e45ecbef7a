"""A crowd: a bounded table of groups in which those that come often stay, and a flood of others hides none for long.

It is the space-saving sketch: who comes in takes the place of who weighs least, and that weight too. So whatever is
more frequent than one in `most` of what comes in has a place, and its count is never more than what was seen.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from math import inf

from strangler.core.findings import MOST_GROUPS, Example
from strangler.core.grouping import GroupKey
from strangler.core.noise import Pairs

ADMIT_EVERY_S = 1.0
"""Once there is no room, between two comparisons that may bring others in: to look a name through for secrets costs far
more than to compare, and a side that makes up names for every answer must not choose what that takes."""
ADMIT_AT_ONCE = 10
"""Of one comparison, once there is no room. A twentieth of the places: what is seen again within 20 s stays."""


@dataclass(slots=True)
class Entry:
    """What is known of one group."""

    count: int = 0
    pairs: Pairs = field(default_factory=Pairs)
    first: float = 0.0
    last: float = 0.0
    examples: tuple[Example, ...] = ()
    weight: int = 0
    """Its count and what it took over from whose place it has."""
    rank: int = 0
    """It came in as so many-th of all that ever had a place, from 1; its part of the risk (core.noise)."""


class Crowd:
    """Holds the entries of one route."""

    def __init__(
        self, entries: Iterable[tuple[GroupKey, Entry]] = (), *, replaced: int = 0, uncounted: int = 0
    ) -> None:
        self._entries = dict(entries)
        self._ever = replaced
        """How many ever had a place."""
        ranked = sorted(self._entries.values(), key=lambda entry: entry.rank or inf)
        for entry in ranked:
            # Because findings of an earlier version have no ranks, theirs are those that come after all others.
            entry.rank = entry.rank or self._ever + 1
            self._ever = max(self._ever + 1, entry.rank)
        self._admitted_at = -inf
        self.replaced = replaced
        """Groups that had a place and gave it to others."""
        self.uncounted = uncounted
        """What was counted for none, or for those that were replaced."""

    def __iter__(self) -> Iterator[tuple[GroupKey, Entry]]:
        return iter(self._entries.items())

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: GroupKey) -> Entry | None:
        """Return a group's entry; None if it has no place."""
        return self._entries.get(key)

    def is_open(self, now: float) -> bool:
        """Return whether another group can come in now."""
        return len(self._entries) < MOST_GROUPS or now - self._admitted_at >= ADMIT_EVERY_S

    def admit(self, keys: Iterable[GroupKey], now: float) -> None:
        """Give places to those that have none, as far as there are any now."""
        strangers = sorted({key for key in keys if key not in self._entries})
        room = MOST_GROUPS - len(self._entries)
        if len(strangers) > room and self.is_open(now):
            # Because whoever makes up names may choose their order as well, it is drawn anew each time.
            strangers.sort(key=lambda key: blake2b(repr((now, key)).encode(), digest_size=8).digest())
            room = max(room, ADMIT_AT_ONCE)
            self._admitted_at = now
        for key in strangers[:room]:
            self._ever += 1
            self._entries[key] = Entry(first=now, last=now, weight=self._make_room(), rank=self._ever)

    def count(self, key: GroupKey, now: float) -> Entry | None:
        """Count one difference; return the group's entry, None if it has no place."""
        entry = self._entries.get(key)
        if entry is None:
            self.uncounted += 1
            return None
        entry.count += 1
        entry.weight += 1
        entry.last = now
        return entry

    def _make_room(self) -> int:
        """Return the weight of the group that went for another one; 0 if none had to."""
        if len(self._entries) < MOST_GROUPS:
            return 0
        key, gone = min(self._entries.items(), key=lambda item: (item[1].weight, item[1].last))
        del self._entries[key]
        self.replaced += 1
        self.uncounted += gone.count
        return gone.weight
