"""Findings: what the comparisons of one route have shown so far, redacted, as operators see it and the store has it."""

from dataclasses import dataclass, field

from strangler.core.model import Side
from strangler.core.noise import Nature
from strangler.core.offer import LEFT_ALONE

MOST_GROUPS = 200
"""Groups of differences that are kept of one route; what is found beyond is counted as one number."""
MOST_EXAMPLES = 3
"""Of one group: the first ones, because they are those that were found when nobody knew of the difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One request at which a difference was seen. Nothing in it is raw."""

    at: float
    """Unix time in seconds."""
    request_id: str
    method: str
    path: str
    """The request's target, redacted."""
    primary: str
    """The value as JSON text, redacted; empty where there is none."""
    shadow: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Differences of one kind at one path."""

    place: str
    """A path; an index is `[*]`. A header is `header NAME`, the status `status`."""
    kind: str
    count: int
    """Comparisons in which it was seen."""
    raw_only: int = 0
    """Of those asked twice: the sides differed there, the answering side from itself did not."""
    noise_only: int = 0
    """Of those asked twice: the answering side differed from itself there, and the sides did not."""
    both: int = 0
    """Of those asked twice: both happened."""
    p: float = 1.0
    """How likely so one-sided a result is, were both equally frequent."""
    nature: Nature = Nature.UNDECIDED
    """What it is held to be, however often it was looked at."""
    first: float
    last: float
    examples: tuple[Example, ...] = ()
    rank: int = 0
    """It came up as so many-th of the route, from 1; 0 in findings of an earlier version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that is known of one route's comparisons since `since`."""

    route: str
    since: float
    last: float = 0.0
    """When the latest comparison was made; 0 if there was none."""
    equal: int = 0
    ignored: int = 0
    different: int = 0
    not_comparable: int = 0
    asked_twice: int = 0
    """Comparisons for which the answering side was asked again."""
    no_answer: dict[str, dict[str, int]] = field(default_factory=dict)
    """Requests that the shadowed side was asked and did not answer: by that side, and why (core.offer.NO_ANSWER)."""
    dropped: dict[str, int] = field(default_factory=dict)
    """By core.offer.Drop."""
    obstacles: dict[str, int] = field(default_factory=dict)
    """Why some were not comparable, by core.comparison.Obstacle."""
    groups: tuple[Group, ...] = ()
    """The most frequent first."""
    uncounted: int = 0
    """Differences that belong to groups beyond MOST_GROUPS, those of groups that were replaced among them."""
    replaced: int = 0
    """Groups that gave their place to others (core.crowd)."""
    compares: str = ""
    """What was compared (core.compared); findings of something else are not added to these."""

    @property
    def compared(self) -> int:
        """Comparisons that had a result; those that could not be made are left out."""
        return self.equal + self.ignored + self.different

    @property
    def unanswered(self) -> int:
        """Return what the extracted side did not answer and the monolith did: as good as different."""
        return sum(self.no_answer.get(Side.EXTRACTED.value, {}).values())

    @property
    def left_alone(self) -> int:
        """Return what the shadowed side was not asked, because it had failed before."""
        return sum(self.dropped.get(why.value, 0) for why in LEFT_ALONE)
