"""Guards as control has them, with a real store, moved time and what workers would tell."""

from pathlib import Path

from strangler.control.guards import Guards
from strangler.control.happening import Happening
from strangler.control.store import Store
from strangler.core.guard import Phase
from strangler.core.model import Config, Match, Route, Side
from strangler.core.outcome import Outcome
from strangler.core.rules import Rollback
from strangler.core.sequential import Evidence
from strangler.core.shares import Overrides
from strangler.core.tally import Tally

NOW = 1_000_000
"""A generation as late as can be: what began just now."""


def route(name: str, rollback: Rollback | None = None, *, cohort: str = "", extracted: str = "payments") -> Route:
    return Route(
        name=name,
        match=Match(path=f"/{name}"),
        legacy="monolith",
        extracted=extracted,
        flag="f",
        cohort=cohort,
        rollback=rollback or Rollback(),
    )


def config(*routes: Route) -> Config:
    return Config(upstreams=(), default_upstream="monolith", routes=routes, digest="d")


def tally(name: str, side: Side, *, fine: int = 0, failed: int = 0, generation: int = NOW) -> Tally:
    outcomes = ((Outcome.OK_2XX, fine), (Outcome.SERVER_ERROR_5XX, failed))
    return Tally(
        route=name, side=side, generation=generation, outcomes=outcomes, latency=(), seconds=0.0, failures=failed
    )


def refused(name: str, run: int) -> Tally:
    return Tally(
        route=name,
        side=Side.EXTRACTED,
        generation=NOW,
        outcomes=((Outcome.CONNECT, run),),
        latency=(),
        seconds=0.0,
        failures=run,
        connect_run=run,
        longest_connect_run=run,
    )


class Proxy:
    """A control process as far as guards know it."""

    def __init__(self, state_dir: Path, by: Config, *, now: float = 1_000.0) -> None:
        self.store = Store(state_dir)
        self._is_closed = False
        self.now = now
        self.wall: float | None = None
        """The wall clock, where it is set apart from the one that never goes back."""
        self.generation = 1
        self.served: list[Overrides] = []
        self.happenings: list[Happening] = []
        self.guards = Guards(
            self.store.guards,
            on_overrides=self._serve,
            on_happening=self.happenings.append,
            wall=lambda: self.wall if self.wall is not None else self.now,
            clock=lambda: self.now,
        )
        self.served.append(self.guards.start(by))

    def _serve(self, overrides: Overrides) -> int:
        self.generation += overrides != self.served[-1]
        self.served.append(overrides)
        return self.generation

    @property
    def caps(self) -> dict[str, int]:
        return dict(self.served[-1].caps)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self.store.close()

    def outage(self, name: str) -> None:
        self.guards.count([tally(name, Side.LEGACY, fine=50), tally(name, Side.EXTRACTED, failed=50)])

    def phase(self, name: str) -> Phase:
        found = self.guards.of(name)
        assert found is not None
        return found[0].guard.phase

    def evidence(self, name: str) -> Evidence:
        found = self.guards.of(name)
        assert found is not None
        return found[0].evidence

    def rows(self) -> list[tuple[str, str]]:
        return [(row.entry.what.value, row.entry.subject) for row in reversed(self.store.journal.page().rows)]


def restarted(proxy: Proxy, state_dir: Path, by: Config) -> Proxy:
    """Return the control process that comes after one, on the same state directory and at the same time."""
    proxy.close()
    return Proxy(state_dir, by, now=proxy.now)
