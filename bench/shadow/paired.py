"""Paired rounds: the same requests to a route with shadow and to one without, in turns, through the same worker."""

from dataclasses import dataclass
from pathlib import Path

from bench.cpu import used_s
from bench.errors import BenchError
from bench.figures import Spread, spread
from bench.load import Load, apply_load, write_script
from bench.scenarios import Scenario
from bench.shadow.instance import OFF, ON, Backends, Instance, Pinned, Side, instance

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
    Case(name="8 MiB, max_body 1 MiB", side=Side.WELL, target="large", connections=4, pause_ms=200),
    Case(name="8 MiB, max_body 8 MiB", side=Side.WELL, target="large", connections=4, pause_ms=200, max_body="8MiB"),
    Case(name="8 MiB, refusing", side=Side.REFUSING, target="large", connections=4, pause_ms=200, max_body="8MiB"),
    Case(name="1 MiB, max_body 1 MiB", side=Side.WELL, target="medium", connections=4, pause_ms=400),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One round with shadow on, or off."""

    load: Load
    cpu_us: float
    """Of the worker, a request."""


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
    pairs: tuple[tuple[Half, Half], ...]
    """Off and on."""
    worker: Memory
    comparer: Memory
    compared: int
    dropped: dict[str, int]

    def ratio(self, name: str) -> Spread:
        """Return on over off, within each pair, of `p50_ms`, `p99_ms` or `cpu_us`."""
        return spread([_figure(on, name) / _figure(off, name) for off, on in self.pairs])

    def figure(self, name: str, *, is_on: bool) -> Spread:
        """Return the figure itself."""
        return spread([_figure(pair[is_on], name) for pair in self.pairs])


def measure(case: Case, behind: Backends, *, rounds: int, seconds: float, pinned: Pinned, folder: Path) -> Paired:
    """Run a case; its proxy has ended when this returns or raises."""
    place = folder / case.name.replace(" ", "-").replace(",", "")
    place.mkdir()
    with instance("strangler", behind, case.side, max_body=case.max_body, pinned=pinned, folder=place) as proxy:

        def load(route: str, lasting_s: float) -> Half:
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
            return Half(load=done, cpu_us=(used_s(proxy.worker) - before) * 1e6 / done.requests)

        load(OFF, WARM_UP_S)
        worker, comparer = _resident(proxy.worker, "VmRSS"), _resident(proxy.comparer, "VmRSS")
        load(ON, WARM_UP_S)
        pairs = []
        for number in range(rounds):
            halves = {}
            for route in (OFF, ON) if number % 2 else (ON, OFF):
                proxy.settle()
                halves[route] = load(route, seconds)
            pairs.append((halves[OFF], halves[ON]))
        proxy.settle()
        proxy.check()
        compared, dropped = _counts(proxy)
        return Paired(
            case=case,
            pairs=tuple(pairs),
            worker=Memory(before=worker, peak=_resident(proxy.worker, "VmHWM")),
            comparer=Memory(before=comparer, peak=_resident(proxy.comparer, "VmHWM")),
            compared=compared,
            dropped=dropped,
        )


def _counts(proxy: Instance) -> tuple[int, dict[str, int]]:
    found = proxy.findings()
    counts = found["counts"]
    compared = sum(counts[name] for name in ("equal", "ignored", "different", "not_comparable"))
    dropped = {why: count for why, count in found["dropped"].items() if count}
    return compared, dropped


def _figure(half: Half, name: str) -> float:
    value: float = half.cpu_us if name == "cpu_us" else getattr(half.load, name)
    return value


def _resident(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / _MIB
    raise BenchError(f"process {pid} tells no {field}")
