"""Children: the processes of a run, each on its core, and none of them left when the run is over."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.errors import BenchError

START_S = 20.0
"""A start takes about a second; a busy machine may take much longer."""
STOP_S = 5.0
_LOOK_EVERY_S = 0.02
_LAST_WORDS = 5
_LEASH = Path(__file__).with_name("leash.py")


class Child:
    """One process; its output is in a file of the run's folder."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        core: int,
        folder: Path,
        place: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), str(core), *command],
                cwd=place,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Because Ctrl-C is for the benchmark, which then ends its children in order.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        """Return once `is_so`; raises BenchError with the child's last words if it ends or takes too long."""
        deadline = time.monotonic() + START_S
        while not is_so():
            if self._process.poll() is not None:
                raise BenchError(f"{self.name} ended before it was {what}:\n{self._last_words()}")
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name} was not {what} within {START_S:.0f} s:\n{self._last_words()}")
            time.sleep(_LOOK_EVERY_S)

    def send(self, number: signal.Signals) -> None:
        """Send a signal; a child that has ended takes none."""
        self._process.send_signal(number)

    def wait(self, deadline_s: float) -> int:
        """Return the exit code; raises BenchError if there is none before the deadline."""
        try:
            return self._process.wait(deadline_s)
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"{self.name} did not end within {deadline_s:.0f} s") from error

    def end(self) -> None:
        """Stop the child and all it started; on return none of them is left."""
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-_LAST_WORDS:]) or "  (it said nothing)"


@contextmanager
def started(
    name: str,
    command: Sequence[str],
    *,
    core: int,
    folder: Path,
    place: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Child]:
    """Run a child until the block ends, whichever way it ends; it inherits directory and environment if not given."""
    child = Child(name, command, core=core, folder=folder, place=place, environment=environment)
    try:
        yield child
    finally:
        child.end()


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def is_listening(port: int) -> bool:
    """Return whether somebody accepts connections on a port of the loopback."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
