"""Grouping: the differences of many comparisons as a few lines that a person reads.

A group is a route, a place with its indexes and ids left out, and a kind. Groups, and examples of each, are bounded;
what has no place left is counted, never dropped in silence.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from strangler.core.comparison import Kind, Place
from strangler.core.jsonpath import print_place

MAX_GROUPS = 1_000
MAX_EXAMPLES = 3
MAX_PLACE = 512
"""Characters of a printed place; a document may have names of any length."""

_ID = re.compile(
    r"[0-9]+|[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|(?=[^0-9]*[0-9])[0-9a-f]{12,}"
    r"|(?=\D*\d)(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9_-]{20,}|[^@\s]+@[^@\s]+",
    re.IGNORECASE,
)
"""Names that say which, not what: numbers, UUIDs, long hexadecimal, long mixes of letters and digits, addresses."""

GroupKey = tuple[str, str, Kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One difference, redacted before it comes here."""

    place: str
    primary: str
    shadow: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Differences of one kind at one place of a route."""

    route: str
    place: str
    """With `[*]` for every index and id."""
    kind: Kind
    count: int
    first_seen: float
    last_seen: float
    examples: tuple[Example, ...] = ()
    """The first that were seen, all different."""

    @property
    def key(self) -> GroupKey:
        """Return what makes it this group."""
        return self.route, self.place, self.kind


@dataclass(slots=True)
class Groups:
    """All groups there are, at most MAX_GROUPS; the first to come stay, so that counts are never of a part."""

    by_key: dict[GroupKey, Group] = field(default_factory=dict)
    beyond: int = 0
    """Differences that would have needed one more group."""

    def add(self, group: Group) -> None:
        """Add a group's differences to those of the same key."""
        known = self.by_key.get(group.key)
        if known is not None:
            self.by_key[group.key] = merge(known, group)
        elif len(self.by_key) < MAX_GROUPS:
            self.by_key[group.key] = replace(group, examples=_bounded(group.examples))
        else:
            self.beyond += group.count

    def absorb(self, other: "Groups") -> None:
        """Add all of other groups."""
        for group in other.by_key.values():
            self.add(group)
        self.beyond += other.beyond

    def ranked(self) -> tuple[Group, ...]:
        """Return the groups, the most frequent first."""
        return tuple(sorted(self.by_key.values(), key=lambda group: (-group.count, group.key)))


def group_of(route: str, place: Place, kind: Kind, now: float, example: Example) -> Group:
    """Return the group of one difference, seen at `now`."""
    return Group(
        route=route,
        place=general_place(place),
        kind=kind,
        count=1,
        first_seen=now,
        last_seen=now,
        examples=(example,),
    )


def general_place(place: Place) -> str:
    """Return a place with `[*]` for its indexes and for names that are ids."""
    text = "".join(
        "[*]" if isinstance(key, int) or _ID.fullmatch(key) else print_place((key,)).removeprefix("$") for key in place
    )
    return "$" + (text if len(text) <= MAX_PLACE else text[:MAX_PLACE] + "...")


def merge(one: Group, other: Group) -> Group:
    """Return the sum of two groups of the same key."""
    earlier, later = sorted((one, other), key=lambda group: group.first_seen)
    return replace(
        one,
        count=one.count + other.count,
        first_seen=earlier.first_seen,
        last_seen=max(one.last_seen, other.last_seen),
        examples=_bounded((*earlier.examples, *later.examples)),
    )


def to_plain(groups: Groups) -> dict[str, object]:
    """Return the groups as plain values, for a message or a store."""
    return {
        "beyond": groups.beyond,
        "groups": [
            {
                "route": group.route,
                "place": group.place,
                "kind": group.kind.value,
                "count": group.count,
                "first_seen": group.first_seen,
                "last_seen": group.last_seen,
                "examples": [[example.place, example.primary, example.shadow] for example in group.examples],
            }
            for group in groups.by_key.values()
        ],
    }


def from_plain(plain: Mapping[str, object]) -> Groups:
    """Return the groups that plain values tell; raise ValueError if they are not such."""
    try:
        beyond, told = plain["beyond"], plain["groups"]
        if not isinstance(beyond, int) or not isinstance(told, list):
            raise TypeError("beyond is a count and groups a list")
        groups = Groups(beyond=beyond)
        for each in told:
            groups.add(_group(each))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"these are no groups of differences: {error}") from error
    return groups


def _group(plain: Mapping[str, object]) -> Group:
    count, first, last = plain["count"], plain["first_seen"], plain["last_seen"]
    examples = plain["examples"]
    if not isinstance(count, int) or not isinstance(examples, list):
        raise TypeError("a count is an int and examples are a list")
    if not isinstance(first, int | float) or not isinstance(last, int | float):
        raise TypeError("times are numbers")
    return Group(
        route=str(plain["route"]),
        place=str(plain["place"]),
        kind=Kind(str(plain["kind"])),
        count=count,
        first_seen=float(first),
        last_seen=float(last),
        examples=tuple(Example(place=str(a), primary=str(b), shadow=str(c)) for a, b, c in examples),
    )


def _bounded(examples: Iterable[Example]) -> tuple[Example, ...]:
    return tuple(dict.fromkeys(examples))[:MAX_EXAMPLES]
