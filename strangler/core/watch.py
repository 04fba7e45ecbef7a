"""The watch over one route: what was counted of its two sides, kept in the form that its rules look at."""

from collections.abc import Sequence
from dataclasses import dataclass

from strangler.core.judge import Finding, judge
from strangler.core.model import Side
from strangler.core.outcome import Outcome
from strangler.core.rules import Rollback
from strangler.core.sequential import Evidence, Step, advance, rebase
from strangler.core.tally import Tally
from strangler.core.window import Counts, Window

ALONE_AFTER = 500
"""Requests of the extracted side alone, after which it is said that nothing is there to compare it with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What one worker counted of one side since it last told."""

    requests: int = 0
    """Those that were the side's to answer: neither clients that left nor what the proxy itself refused."""
    failures: int = 0
    latency: tuple[tuple[int, int], ...] = ()
    connect_run: int = 0
    longest_connect_run: int = 0
    others: int = 0
    """Requests that did not fail to connect."""


NOTHING = Count()
_NOT_ITS_OWN = frozenset({Outcome.CLIENT_GONE, Outcome.REFUSED})


def count_of(tally: Tally) -> Count:
    """Return what a tally means for the rules."""
    counted = dict(tally.outcomes)
    total = sum(counted.values())
    return Count(
        requests=total - sum(counted.get(outcome, 0) for outcome in _NOT_ITS_OWN),
        failures=tally.failures,
        latency=tally.latency,
        connect_run=tally.connect_run,
        longest_connect_run=tally.longest_connect_run,
        others=total - counted.get(Outcome.CONNECT, 0),
    )


class Watch:
    """Feeds one route's rules. Time is an argument, in seconds of a clock that never goes back."""

    def __init__(self, rules: Rollback, evidence: Evidence) -> None:
        self.rules = rules
        self.evidence = evidence
        self._run = 0
        self._longest = 0
        self._windows = {span: {side: Window(span) for side in Side} for span in _spans(rules)}
        self._compared = None if rules.mismatch_rate is None else Window(rules.mismatch_rate.over_s)

    def compare(self, compared: int, different: int, now: float) -> None:
        """Take so many comparisons of both sides' answers."""
        if self._compared is not None:
            self._compared.add(now, requests=compared, failures=different, latency=())

    def count(self, legacy: Count, extracted: Count, now: float, *, is_comparable: bool = True) -> None:
        """Take what one worker told of both sides; `is_comparable`: it began with the share that there is now."""
        for windows in self._windows.values():
            for side, count in ((Side.LEGACY, legacy), (Side.EXTRACTED, extracted)):
                if count is not NOTHING:
                    windows[side].add(now, requests=count.requests, failures=count.failures, latency=count.latency)
        if extracted is not NOTHING:
            # Because workers tell one after the other, a run goes on where only failures to connect were told.
            joined = self._run + extracted.connect_run
            self._run = extracted.connect_run if extracted.others else joined
            self._longest = max(self._run, extracted.longest_connect_run)
        if self.rules.sequential is not None and is_comparable:
            step = Step(legacy.requests, legacy.failures, extracted.requests, extracted.failures)
            self.evidence = advance(self.evidence, step, self.rules.sequential.ratio)

    def findings(self, now: float) -> tuple[Finding, ...]:
        """Return what every rule says now."""

        def look(span: float) -> tuple[Counts, Counts]:
            windows = self._windows[span]
            return windows[Side.LEGACY].sums(now), windows[Side.EXTRACTED].sums(now)

        compared = Counts() if self._compared is None else self._compared.sums(now)
        return judge(self.rules, look, connect_run=self._longest, evidence=self.evidence, compared=compared)

    def rebase(self) -> None:
        """Forget the mix of requests: the share was changed."""
        self.evidence = rebase(self.evidence)

    def clear(self) -> None:
        """Begin anew: nothing that was counted before says anything of what comes now."""
        self._windows = {span: {side: Window(span) for side in Side} for span in _spans(self.rules)}
        self._compared = None if self.rules.mismatch_rate is None else Window(self.rules.mismatch_rate.over_s)
        self.evidence = Evidence()
        self._run = self._longest = 0

    @property
    def is_alone(self) -> bool:
        """Whether the extracted side is asked and the monolith is not, so that only absolute limits guard it."""
        block = self.evidence.block
        return (
            self.rules.sequential is not None and block.legacy_requests == 0 and block.extracted_requests >= ALONE_AFTER
        )


def _spans(rules: Rollback) -> Sequence[float]:
    spans = {rule.over_s for rule in rules.latency}
    if rules.error_rate is not None:
        spans.add(rules.error_rate.over_s)
    return sorted(spans)
