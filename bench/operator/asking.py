"""Asking control: what answers weigh and take, what listeners cost, and how long its loop stands still meanwhile."""

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.cpu import used_s
from bench.errors import BenchError
from bench.operator.world import World

PULSE_S = 0.005
_ANSWER_S = 60.0
PATHS = ("status", "routes", "routes/area-0.read", "discovery", "progress", "history?span=hour", "metrics")
COMMANDS = ("status", "plan", "discover", "progress", "check")


@dataclass(slots=True, kw_only=True)
class Pulse:
    """An answer that takes nothing, again and again: the longest wait for one is how long the loop stood still."""

    waits: list[float] = field(default_factory=list)
    """CPU seconds of control while an answer was waited for; because others use the machine too, a clock says less."""

    @property
    def longest_ms(self) -> float:
        return max(self.waits, default=0.0) * 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What something took: bytes, CPU of control, and the most CPU time in which its loop answered nobody."""

    what: str
    size: float
    """Bytes; of a stream, bytes a second of each listener."""
    cpu_ms: float
    """Of control; of a stream, of each second."""
    stall_ms: float
    took_ms: float = 0.0
    messages: float = 0.0
    """A second."""


@contextmanager
def pulse(world: World) -> Iterator[Pulse]:
    """Ask whether control is alive, without a rest, until the block ends."""
    found, is_over = Pulse(), threading.Event()

    def beat() -> None:
        connection = http.client.HTTPConnection(*world.address, timeout=_ANSWER_S)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while not is_over.wait(PULSE_S):
            before = used_s(world.control)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            found.waits.append(used_s(world.control) - before)
        connection.close()

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield found
    finally:
        is_over.set()
        thread.join()


def idle(world: World, seconds: float) -> Cost:
    """Return what control takes while nobody looks."""
    return _during(world, "nobody looks", lambda: time.sleep(seconds), seconds=seconds)


def answers(world: World, paths: Sequence[str] = PATHS) -> Iterator[Cost]:
    """Return what each answer costs, asked one after the other."""
    for path in paths:
        sizes: list[int] = []

        def ask(path: str = path, sizes: list[int] = sizes) -> None:
            sizes.append(_get(world, path))

        yield _during(world, f"GET {path}", ask, sizes=sizes)


def commands(world: World, which: Sequence[str] = COMMANDS) -> Iterator[Cost]:
    """Return what each command costs control; `took_ms` is the command's own CPU."""
    for word in which:
        sizes: list[int] = []
        own: list[float] = []

        def run(word: str = word, sizes: list[int] = sizes, own: list[float] = own) -> None:
            place = ["--config", str(world.routes)]
            command = [
                sys.executable,
                "-m",
                "strangler",
                word,
                *([str(world.routes)] if word == "plan" else []),
                *place,
            ]
            before = _children_s()
            done = subprocess.run(command, capture_output=True, check=False, timeout=_ANSWER_S)
            if done.returncode:
                raise BenchError(f"strangler {word} failed:\n{done.stderr.decode()}")
            own.append(_children_s() - before)
            sizes.append(len(done.stdout) + len(done.stderr))

        cost = _during(world, f"strangler {word}", run, sizes=sizes)
        yield Cost(what=cost.what, size=cost.size, cpu_ms=cost.cpu_ms, stall_ms=cost.stall_ms, took_ms=own[0] * 1e3)


def listening(world: World, viewers: int, seconds: float) -> Cost:
    """Return what the event stream costs while so many listen."""
    listeners = [_Listener(world) for _ in range(viewers)]
    for one in listeners:
        one.start()
    time.sleep(1.5)
    before = [(one.bytes, one.messages) for one in listeners]
    cost = _during(world, f"{viewers} listen", lambda: time.sleep(seconds), seconds=seconds)
    grown = [(one.bytes - size, one.messages - count) for one, (size, count) in zip(listeners, before, strict=True)]
    for one in listeners:
        one.end()
    return Cost(
        what=cost.what,
        size=sum(size for size, _ in grown) / viewers / seconds,
        cpu_ms=cost.cpu_ms,
        stall_ms=cost.stall_ms,
        messages=sum(count for _, count in grown) / viewers / seconds,
    )


class _Listener(threading.Thread):
    def __init__(self, world: World) -> None:
        super().__init__(daemon=True)
        self._world = world
        self._is_over = False
        self.bytes = 0
        self.messages = 0

    def run(self) -> None:
        connection = http.client.HTTPConnection(*self._world.address, timeout=_ANSWER_S)
        connection.request("GET", "/api/v1/stream", headers={"Authorization": f"Bearer {self._world.token}"})
        answer = connection.getresponse()
        while not self._is_over and (piece := answer.read1(262_144)):
            self.bytes += len(piece)
            self.messages += piece.count(b"\n\n")
        connection.close()

    def end(self) -> None:
        self._is_over = True
        self.join(5.0)


def _during(
    world: World, what: str, do: Callable[[], object], *, seconds: float = 0.0, sizes: Sequence[int] = ()
) -> Cost:
    with pulse(world) as beats:
        time.sleep(0.05)
        began, before = time.perf_counter(), used_s(world.control)
        do()
        took, cpu = time.perf_counter() - began, used_s(world.control) - before
    return Cost(
        what=what,
        size=float(sizes[-1]) if sizes else 0.0,
        cpu_ms=cpu * 1e3 / (seconds or 1.0),
        stall_ms=beats.longest_ms,
        took_ms=took * 1e3,
    )


def _get(world: World, path: str) -> int:
    connection = http.client.HTTPConnection(*world.address, timeout=_ANSWER_S)
    whole = f"/{path}" if path == "metrics" else f"/api/v1/{path}"
    connection.request("GET", whole, headers={"Authorization": f"Bearer {world.token}"})
    size = len(connection.getresponse().read())
    connection.close()
    return size


def _children_s() -> float:
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
