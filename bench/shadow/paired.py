"""Paired rounds: the same requests to a route with shadow and to two without, in turns, through the same worker.

A block has two rounds of each route, the second three in the reverse order of the first, so that a machine that gets
slower or faster favours none. What the two routes without shadow differ by is what the machine alone does to a ratio.
"""

from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import median

from bench.cpu import used_s
from bench.errors import BenchError
from bench.figures import order
from bench.load import Load, apply_load, write_script
from bench.scenarios import Scenario
from bench.shadow.instance import AGAIN, OFF, ON, Backends, Instance, Pinned, Side, instance
from bench.shadow.ranks import Estimate, estimate

WARM_UP_S = 1.0
"""A worker looks for the comparer twice a second."""
TARGET = 1.1
"""What p50 and p99 may be with shadow on, as a multiple of those with it off."""
_MIB = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One behaviour of the shadowed side, and one size of answers."""

    name: str
    side: Side
    target: str = "42"
    max_body: str = "1MiB"
    connections: int = 32
    pause_ms: int = 25
    """Because a proxy at its limit answers in the time that its queue takes, each connection pauses that long on
    average: about 1,200 requests a second."""


CASES = (
    Case(name="refusing", side=Side.REFUSING),
    Case(name="hung", side=Side.HUNG),
    Case(name="slow, 1 s", side=Side.SLOW),
    Case(name="well", side=Side.WELL),
    Case(name="8 MiB, max_body 1 MiB", side=Side.WELL, target="large", connections=4, pause_ms=100),
    Case(name="8 MiB, max_body 8 MiB", side=Side.WELL, target="large", connections=4, pause_ms=100, max_body="8MiB"),
    Case(name="8 MiB, refusing", side=Side.REFUSING, target="large", connections=4, pause_ms=100, max_body="8MiB"),
    Case(name="1 MiB, max_body 1 MiB", side=Side.WELL, target="medium", connections=4, pause_ms=50),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One route for a while."""

    load: Load
    cpu_us: float
    """Of the worker, a request."""

    def figure(self, name: str) -> float:
        """Return `p50_ms`, `p99_ms` or `cpu_us`."""
        value: float = self.cpu_us if name == "cpu_us" else getattr(self.load, name)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rounds that were close together, by route."""

    rounds: dict[str, tuple[Round, ...]]

    def figure(self, route: str, name: str) -> float:
        """Return a route's figure: the geometric mean of its two rounds."""
        one, other = (each.figure(name) for each in self.rounds[route])
        return sqrt(one * other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """MiB of a process: when only the unshadowed route had been used, and the most ever."""

    before: float
    peak: float

    @property
    def grown(self) -> float:
        """What came with shadowing."""
        return self.peak - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """What came of a case."""

    case: Case
    blocks: tuple[Block, ...]
    worker: Memory
    comparer: Memory
    compared: int
    dropped: dict[str, int]

    def ratio(self, name: str) -> Estimate:
        """Return on over off, within each block, of `p50_ms`, `p99_ms` or `cpu_us`."""
        return estimate([each.figure(ON, name) / sqrt(_off(each, name)) for each in self.blocks])

    def floor(self, name: str) -> Estimate:
        """Return off over off: what comes out where nothing differs."""
        return estimate([each.figure(AGAIN, name) / each.figure(OFF, name) for each in self.blocks])

    def figures(self, name: str) -> tuple[float, float]:
        """Return the figure itself, off and on."""
        return (
            median(sqrt(_off(each, name)) for each in self.blocks),
            median(each.figure(ON, name) for each in self.blocks),
        )


def measure(case: Case, behind: Backends, *, rounds: int, seconds: float, pinned: Pinned, folder: Path) -> Paired:
    """Run a case; its proxy has ended when this returns or raises."""
    place = folder / case.name.replace(" ", "-").replace(",", "")
    place.mkdir()
    with instance("strangler", behind, case.side, max_body=case.max_body, pinned=pinned, folder=place) as proxy:

        def load(route: str, lasting_s: float) -> Round:
            scenario = Scenario(name=route, method="GET", path=f"/{route}/{case.target}")
            script = write_script(scenario, place, pause_ms=case.pause_ms)
            before = used_s(proxy.worker)
            done = apply_load(
                script,
                port=proxy.port,
                seconds=lasting_s,
                core=pinned.load,
                folder=place,
                connections=case.connections,
            )
            if not done.requests or not done.p50_ms:
                raise BenchError(f"{case.name}: nothing was answered in a whole round; take longer ones with --seconds")
            return Round(load=done, cpu_us=(used_s(proxy.worker) - before) * 1e6 / done.requests)

        load(OFF, WARM_UP_S)
        worker, comparer = _resident(proxy.worker, "VmRSS"), _resident(proxy.comparer, "VmRSS")
        load(ON, WARM_UP_S)
        blocks = []
        for number in range(rounds):
            seen: dict[str, tuple[Round, ...]] = {OFF: (), AGAIN: (), ON: ()}
            routes = order(tuple(seen), number)
            for route in (*routes, *routes[::-1]):
                proxy.settle()
                seen[route] += (load(route, seconds),)
            blocks.append(Block(rounds=seen))
        proxy.settle()
        proxy.check()
        compared, dropped = _counts(proxy)
        return Paired(
            case=case,
            blocks=tuple(blocks),
            worker=Memory(before=worker, peak=_resident(proxy.worker, "VmHWM")),
            comparer=Memory(before=comparer, peak=_resident(proxy.comparer, "VmHWM")),
            compared=compared,
            dropped=dropped,
        )


def _counts(proxy: Instance) -> tuple[int, dict[str, int]]:
    found = proxy.findings()
    counts = found["counts"]
    compared = sum(counts[name] for name in ("equal", "ignored", "different", "not_comparable"))
    several = (found["dropped"], *found["unanswered"].values())
    return compared, {why: count for one in several for why, count in one.items() if count}


def _off(block: Block, name: str) -> float:
    return block.figure(OFF, name) * block.figure(AGAIN, name)


def _resident(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / _MIB
    raise BenchError(f"process {pid} tells no {field}")
