"""Traffic of one endpoint: when it was seen, and what each side answered on its last two days."""

from dataclasses import dataclass, replace

from strangler.core.model import Side

DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Requests, estimated from a sample. A day is one of UTC."""

    first: float
    """Unix time in seconds."""
    last: float
    day: int = 0
    """The day of `last`, in days since 1970."""
    legacy: float = 0.0
    """Requests of that day that the monolith answered."""
    extracted: float = 0.0
    legacy_before: float = 0.0
    """Those of the day before it."""
    extracted_before: float = 0.0
    total: float = 0.0

    def at_day(self, day: int) -> "Traffic":
        """Return the same as it is told on this or a later day: what is older than two days counts in `total` only."""
        if day <= self.day:
            return self
        is_next = day == self.day + 1
        return replace(
            self,
            day=day,
            legacy=0.0,
            extracted=0.0,
            legacy_before=self.legacy if is_next else 0.0,
            extracted_before=self.extracted if is_next else 0.0,
        )

    def plus(self, side: Side, *, now: float, weight: float) -> "Traffic":
        """Return it with as many requests more; a clock that went back counts as one that stood still."""
        after = self.at_day(int(now // DAY_S))
        is_legacy = side is Side.LEGACY
        return replace(
            after,
            first=min(self.first, now),
            last=max(self.last, now),
            legacy=after.legacy + (weight if is_legacy else 0.0),
            extracted=after.extracted + (0.0 if is_legacy else weight),
            total=after.total + weight,
        )

    def merged(self, other: "Traffic | None") -> "Traffic":
        """Return the sum of both."""
        if other is None:
            return self
        day = max(self.day, other.day)
        one, two = self.at_day(day), other.at_day(day)
        return Traffic(
            first=min(one.first, two.first),
            last=max(one.last, two.last),
            day=day,
            legacy=one.legacy + two.legacy,
            extracted=one.extracted + two.extracted,
            legacy_before=one.legacy_before + two.legacy_before,
            extracted_before=one.extracted_before + two.extracted_before,
            total=one.total + two.total,
        )

    def recent(self) -> tuple[float, float]:
        """Return what the monolith and what the extracted side answered on the last two days."""
        return self.legacy + self.legacy_before, self.extracted + self.extracted_before


def begin(now: float) -> Traffic:
    """Return the traffic of an endpoint that is seen for the first time."""
    return Traffic(first=now, last=now, day=int(now // DAY_S))
