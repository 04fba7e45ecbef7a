"""The proxy with its comparer: one worker, a route that is shadowed beside one that is not, and where they run."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from bench.children import Child, free_ports, is_listening, started
from bench.cpu import children, used_s
from bench.errors import BenchError
from bench.scenarios import beginning
from bench.subjects import Admin

OFF, AGAIN, ON = "plain", "plain_again", "shadowed"
"""Routes, and the first part of their paths. The second is the first by another name, as a ratio of the same."""
_IDLE = 0.02
_LOOK_EVERY_S = 0.1
_SETTLE_S = 60.0
"""Bodies of 64 MiB take a comparer some five seconds, and much longer where others use the core."""


class Side(StrEnum):
    """How the shadowed side behaves."""

    WELL = "well"
    SLOW = "slow"
    HUNG = "hung"
    REFUSING = "refusing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """The core of each part."""

    worker: int
    comparer: int
    load: int
    """Of the backends too."""

    def __str__(self) -> str:
        return f"worker and control on core {self.worker}, comparer on {self.comparer}, wrk and backends on {self.load}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """The ports of all sides."""

    legacy: int
    shadows: dict[Side, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A running proxy."""

    port: int
    worker: int
    """Process ids."""
    comparer: int
    control: int
    admin: Admin

    def settle(self) -> None:
        """Return once the comparer has nothing to do, or what it has takes no CPU."""
        deadline = time.monotonic() + _SETTLE_S
        while time.monotonic() < deadline:
            before = used_s(self.comparer)
            time.sleep(_LOOK_EVERY_S)
            if used_s(self.comparer) - before < _IDLE * _LOOK_EVERY_S:
                return
        raise BenchError(f"the comparer was still busy {_SETTLE_S:.0f} s after the load")

    def findings(self) -> dict[str, Any]:
        """Return what the proxy tells of the shadowed route."""
        found: dict[str, Any] = self.admin.ask("GET", f"/api/v1/shadow/{ON}")
        return found

    def check(self) -> None:
        """Raise BenchError if another comparer has taken the place of the one that is measured."""
        if _comparer(self.control) != self.comparer:
            raise BenchError("the comparer has been replaced, so nothing was measured")


@contextmanager
def backends(*, core: int, folder: Path) -> Iterator[Backends]:
    """Run all sides, the answering one in a process of its own; nobody listens on the port of the one that refuses."""
    legacy, well, slow, hung, refusing = free_ports(5)
    command = [sys.executable, "-m", "bench.shadow.sides"]
    others = [*command, "--well", str(well), "--slow", str(slow), "--hung", str(hung)]
    with (
        started("answering", [*command, "--legacy", str(legacy)], core=core, folder=folder) as answering,
        started("shadowed", others, core=core, folder=folder) as shadowed,
    ):
        answering.wait_until(lambda: is_listening(legacy), "listening")
        shadowed.wait_until(lambda: all(map(is_listening, (well, slow, hung))), "listening")
        shadows = {Side.WELL: well, Side.SLOW: slow, Side.HUNG: hung, Side.REFUSING: refusing}
        yield Backends(legacy=legacy, shadows=shadows)


@contextmanager
def instance(
    name: str, behind: Backends, side: Side, *, max_body: str, pinned: Pinned, folder: Path
) -> Iterator[Instance]:
    """Run the proxy in front of the sides."""
    home = folder / f"home of {name}"
    home.mkdir()
    routes = home / "routes.yaml"
    routes.write_text(_routes(behind.legacy, behind.shadows[side], max_body), encoding="utf-8")
    command = [sys.executable, "-m", "strangler", "serve", "--config", str(routes), "--log-format", "json"]
    with started(name, command, core=pinned.worker, folder=folder) as child:
        admin = Admin(home / "state")
        child.wait_until(admin.is_ready, "ready")
        child.wait_until(lambda: b'"comparer_ready"' in child.log.read_bytes(), "comparing")
        run = admin.run
        assert run is not None
        comparer = _comparer(child.pid)
        _pin(comparer, pinned.comparer, child)
        yield Instance(
            port=int(run.listen.rpartition(":")[2]),
            worker=run.workers[0].pid,
            comparer=comparer,
            control=child.pid,
            admin=admin,
        )


def _pin(pid: int, core: int, child: Child) -> None:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})
    child.wait_until(lambda: os.sched_getaffinity(pid) == {core}, "pinned")


def _comparer(control: int) -> int:
    """Return the comparer's process id; 0 if there is none."""
    for pid in children(control):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"strangler.runtime.comparer" in words:
            return pid
    return 0


def _routes(legacy: int, shadow: int, max_body: str) -> str:
    each = 'match: {methods: [GET], path: "/%s/{id}"}, extracted: extracted, share: 0%%, fallback: off'
    return "\n".join(
        (
            *beginning(legacy=legacy, extracted=shadow),
            "routes:",
            f"  - {{name: {OFF}, {each % OFF}}}",
            f"  - {{name: {AGAIN}, {each % AGAIN}}}",
            f"  - {{name: {ON}, {each % ON}, shadow: {{max_body: {max_body}}}}}",
            "",
        )
    )
