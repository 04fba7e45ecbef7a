"""The guard's table, and what no sequence of events can do to it."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from strangler.core import guard as guards
from strangler.core.guard import TABLE, Event, Guard, Phase
from strangler.core.rules import Cooldown

COOLDOWN = Cooldown(base_s=30.0, max_s=300.0, share=100, requests=50)


def wake(guard: Guard, *, now: float, cooldown: Cooldown | None) -> Guard:
    """Do what a timer does at its time."""
    is_due = guard.wake_at is not None and now >= guard.wake_at
    return guards.step(guard, Event.COOLED, now=now, cooldown=cooldown) if is_due else guard


def test_without_a_cool_down_what_would_come_back_by_itself_is_a_latch() -> None:
    for phase in Phase:
        guard = guards.settle(Guard(phase=phase, since=1.0), now=9.0, cooldown=None)
        comes_back = phase in (Phase.COOLING, Phase.PROBING)
        assert guard == (Guard(phase=Phase.TRIPPED, since=9.0) if comes_back else Guard(phase=phase, since=1.0))
        assert guards.settle(Guard(phase=phase), now=9.0, cooldown=COOLDOWN) == Guard(phase=phase)


def test_the_table_is_total_over_phase_and_event() -> None:
    assert set(TABLE) == {(phase, event) for phase in Phase for event in Event}


@given(st.lists(st.sampled_from([event for event in Event if event is not Event.RESET]), max_size=30))
def test_a_latched_guard_leaves_only_by_a_reset(events: list[Event]) -> None:
    guard = guards.step(Guard(), Event.LATCH, now=1.0, cooldown=COOLDOWN)

    for event in events:
        guard = guards.step(guard, event, now=2.0, cooldown=COOLDOWN)

    assert guard.phase is Phase.TRIPPED
    assert guards.step(guard, Event.RESET, now=3.0, cooldown=COOLDOWN).phase is Phase.CLOSED


def test_without_a_cooldown_nothing_comes_back_by_itself() -> None:
    guard = guards.step(Guard(), Event.COOL, now=1.0, cooldown=None)

    assert guard == Guard(phase=Phase.TRIPPED, since=1.0)
    assert wake(guard, now=1e12, cooldown=None) == guard
    assert guards.most(guard, None) == 0


def test_each_cooldown_is_longer_than_the_last_up_to_the_most() -> None:
    guard, waits = Guard(), []
    now = 0.0
    for _ in range(12):
        guard = guards.step(guard, Event.COOL, now=now, cooldown=COOLDOWN)
        assert guard.wake_at is not None
        waits.append(guard.wake_at - now)
        now = guard.wake_at
        guard = wake(guard, now=now, cooldown=COOLDOWN)

    assert waits == [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]


def test_a_probe_that_holds_closes_the_guard() -> None:
    guard = guards.step(Guard(), Event.COOL, now=0.0, cooldown=COOLDOWN)
    guard = wake(guard, now=30.0, cooldown=COOLDOWN)

    half = guards.probe(guard, 49, now=31.0, cooldown=COOLDOWN)
    whole = guards.probe(half, 1, now=32.0, cooldown=COOLDOWN)

    assert (half.phase, guards.most(half, COOLDOWN)) == (Phase.PROBING, 100)
    assert (whole.phase, guards.most(whole, COOLDOWN)) == (Phase.CLOSED, None)
    assert whole.trips == 1


def test_a_probe_whose_cooldown_was_taken_out_of_the_file_lets_nothing_through_and_closes_when_it_holds() -> None:
    guard = Guard(phase=Phase.PROBING, trips=1, since=1.0)

    assert guards.most(guard, None) == 0
    assert guards.probe(guard, 1, now=2.0, cooldown=None).phase is Phase.CLOSED
    assert guards.probe(Guard(), 1, now=2.0, cooldown=None) == Guard()


class Life(RuleBasedStateMachine):
    """Any sequence of events, with time that moves on."""

    def __init__(self) -> None:
        super().__init__()
        self.guard = Guard()
        self.now = 0.0

    @rule(event=st.sampled_from(Event), cools=st.booleans())
    def happen(self, event: Event, cools: bool) -> None:
        before = self.guard
        self.guard = guards.step(before, event, now=self.now, cooldown=COOLDOWN if cools else None)
        effective = Event.LATCH if event is Event.COOL and not cools else event
        assert self.guard.phase is TABLE[before.phase, effective]

    @rule(seconds=st.floats(0, 400))
    def move_on(self, seconds: float) -> None:
        self.now += seconds
        before = self.guard
        self.guard = wake(before, now=self.now, cooldown=COOLDOWN)
        if before.phase is not Phase.COOLING:
            assert self.guard is before

    @precondition(lambda self: self.guard.phase is Phase.PROBING)
    @rule(requests=st.integers(0, 100))
    def answer(self, requests: int) -> None:
        self.guard = guards.probe(self.guard, requests, now=self.now, cooldown=COOLDOWN)

    @invariant()
    def a_timer_exists_exactly_while_cooling(self) -> None:
        assert (self.guard.wake_at is not None) == (self.guard.phase is Phase.COOLING)

    @invariant()
    def no_more_than_configured_is_extracted(self) -> None:
        most = guards.most(self.guard, COOLDOWN)
        assert most in {Phase.CLOSED: (None,), Phase.PROBING: (COOLDOWN.share,)}.get(self.guard.phase, (0,))

    @invariant()
    def no_cooldown_is_longer_than_the_most(self) -> None:
        if self.guard.wake_at is not None:
            assert self.guard.wake_at - self.guard.since <= COOLDOWN.max_s


TestLife = Life.TestCase
