"""Throughput: small reads that are all shadowed, as many as come, with one core for the comparer alone."""

import time
from dataclasses import dataclass
from pathlib import Path

from bench.cpu import used_s
from bench.errors import BenchError
from bench.load import apply_load, write_script
from bench.scenarios import Scenario
from bench.shadow.instance import ON, Backends, Pinned, Side, instance
from bench.shadow.paired import WARM_UP_S

TARGET = 1_500
"""Comparisons a second on one core."""
_TOLD_S = 1.0
"""The comparer tells twice a second what it has counted."""
_CONNECTIONS = 32
_PAUSE_MS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What the comparer did."""

    compared: int
    seconds: float
    cpu_s: float
    requests: int

    @property
    def a_second(self) -> float:
        """Comparisons a second of the clock."""
        return self.compared / self.seconds

    @property
    def a_cpu_second(self) -> float:
        """Comparisons a second of CPU, which asks not who else uses the core."""
        return self.compared / self.cpu_s


def measure(behind: Backends, *, seconds: float, pinned: Pinned, folder: Path) -> Throughput:
    """Count comparisons under load; the proxy has ended when this returns or raises."""
    place = folder / "throughput"
    place.mkdir()
    with instance("strangler", behind, Side.WELL, max_body="1MiB", pinned=pinned, folder=place) as proxy:
        scenario = Scenario(name=ON, method="GET", path=f"/{ON}/42")
        script = write_script(scenario, place, pause_ms=_PAUSE_MS)

        def load(lasting_s: float) -> int:
            return apply_load(
                script, port=proxy.port, seconds=lasting_s, core=pinned.load, folder=place, connections=_CONNECTIONS
            ).requests

        def count() -> int:
            proxy.settle()
            time.sleep(_TOLD_S)
            found = proxy.findings()["counts"]
            return int(found["equal"] + found["different"])

        load(WARM_UP_S)
        before, cpu_s, started = count(), used_s(proxy.comparer), time.monotonic()
        requests = load(seconds)
        # Because what waits when the load ends is compared as well.
        proxy.settle()
        took_s, cpu_s = time.monotonic() - started, used_s(proxy.comparer) - cpu_s
        compared = count() - before
        proxy.check()
        if not compared:
            raise BenchError("nothing was compared")
        return Throughput(compared=compared, seconds=took_s, cpu_s=cpu_s, requests=requests)
