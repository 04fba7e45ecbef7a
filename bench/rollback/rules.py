"""The rules that are compared: what other tools ship, and ours, each fed minute by minute."""

from collections import deque
from collections.abc import Callable
from math import sqrt
from typing import Protocol

from bench.rollback.traffic import Minute
from strangler.core.judge import decisive, judge
from strangler.core.rules import Rollback, Sequential
from strangler.core.sequential import Evidence, Step, advance, rebase
from strangler.core.window import Counts, Window


class Rule(Protocol):
    """Watches one run."""

    def fires(self, minute: Minute) -> bool:
        """Return whether the rule takes the traffic back after this minute."""


class FailedChecks:
    """Flagger's: a check a minute, which fails above a share of errors; failed checks add up and are never forgiven."""

    def __init__(self, limit: float, allowed: int) -> None:
        self._limit = limit
        self._left = allowed

    def fires(self, minute: Minute) -> bool:
        step = minute.step
        if step.extracted_requests and step.extracted_failures > self._limit * step.extracted_requests:
            self._left -= 1
        return self._left <= 0


class Windowed:
    """Five minutes with a minimum: absolute, or as a multiple of the monolith's share."""

    def __init__(self, *, absolute: float | None = None, relative: float | None = None, least: int = 50) -> None:
        self._absolute = absolute
        self._relative = relative
        self._least = least
        self._steps: deque[Step] = deque(maxlen=5)

    def fires(self, minute: Minute) -> bool:
        self._steps.append(minute.step)
        legacy = sum(step.legacy_requests for step in self._steps)
        legacy_failed = sum(step.legacy_failures for step in self._steps)
        extracted = sum(step.extracted_requests for step in self._steps)
        failed = sum(step.extracted_failures for step in self._steps)
        if extracted < self._least:
            return False
        share = failed / extracted
        if self._absolute is not None:
            return share > self._absolute
        return self._relative is not None and share > self._relative * (legacy_failed / legacy if legacy else 0.0)


class Significance:
    """A one-sided z-test on all that was counted so far, looked at each minute at 5 %."""

    def __init__(self) -> None:
        self._sums = [0, 0, 0, 0]

    def fires(self, minute: Minute) -> bool:
        self._sums = [before + now for before, now in zip(self._sums, minute.step, strict=True)]
        legacy, legacy_failed, extracted, failed = self._sums
        if not legacy or not extracted:
            return False
        pooled = (legacy_failed + failed) / (legacy + extracted)
        spread = sqrt(pooled * (1 - pooled) * (1 / legacy + 1 / extracted))
        return spread > 0 and (failed / extracted - legacy_failed / legacy) / spread > 1.645


class Ours:
    """The judge of strangler.core, with these rules."""

    def __init__(self, rules: Rollback) -> None:
        self._rules = rules
        self._windows = (Window(60.0), Window(60.0))
        self._evidence = Evidence()
        self._share: float | None = None
        self._minute = 0

    def fires(self, minute: Minute) -> bool:
        self._minute += 1
        now = 60.0 * self._minute
        step = minute.step
        legacy, extracted = self._windows
        legacy.add(now, requests=step.legacy_requests, failures=step.legacy_failures)
        extracted.add(now, requests=step.extracted_requests, failures=step.extracted_failures)
        if self._share != minute.share:
            # As control.guards does when a flag has moved.
            self._evidence = rebase(self._evidence)
            self._share = minute.share
        if self._rules.sequential is not None:
            self._evidence = advance(self._evidence, step, self._rules.sequential.ratio)

        def look(_: float) -> tuple[Counts, Counts]:
            return legacy.sums(now), extracted.sums(now)

        return decisive(judge(self._rules, look, connect_run=0, evidence=self._evidence)) is not None


def _sequential(alpha: float, ratio: float) -> Callable[[], Rule]:
    rules = Rollback(error_rate=None, connect_failures=None, sequential=Sequential(alpha=alpha, ratio=ratio))
    return lambda: Ours(rules)


RULES: tuple[tuple[str, Callable[[], Rule]], ...] = (
    ("1-min errors > 1 %, 1 failed check", lambda: FailedChecks(0.01, 1)),
    ("... 10 failed checks", lambda: FailedChecks(0.01, 10)),
    ("5-min errors > 2 %, min 50", lambda: Windowed(absolute=0.02)),
    ("5-min > 2x the monolith, min 50", lambda: Windowed(relative=2.0)),
    ("z-test each minute, 5 %", Significance),
    ("sequential, alpha 5 %, ratio 1", _sequential(0.05, 1.0)),
    ("sequential, alpha 1 %, ratio 1", _sequential(0.01, 1.0)),
    ("sequential, alpha 1 %, ratio 1.25", _sequential(0.01, 1.25)),
    ("strangler's defaults (with hard stop)", lambda: Ours(Rollback())),
)
