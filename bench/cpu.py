"""CPU: what a process has used so far, and which cores there are (proc(5), sched(7))."""

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """Where the proxy under test runs, and where all the rest does."""

    proxy: int
    load: int

    @property
    def are_shared(self) -> bool:
        """Whether there is only one, so that the load takes time from the proxy."""
        return self.proxy == self.load


def choose_cores() -> Cores:
    """Return the first two cores that this process may use, or the same one twice."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(proxy=usable[0], load=usable[min(1, len(usable) - 1)])


def used_s(pid: int) -> float:
    """Return the seconds of user and system time of a process, all threads together.

    Because /proc/PID/stat has the same in whole ticks of 10 ms, which are 1 % of a short round, its clock is read.
    """
    clock = ctypes.c_int()
    error = ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock))
    if error:
        raise OSError(error, f"process {pid} has no CPU clock: {os.strerror(error)}")
    return time.clock_gettime(clock.value)


def core_used_s(core: int) -> float:
    """Return the seconds that a core has run processes, ours and others'; interrupts are not counted."""
    lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    fields = next(line.split()[1:] for line in lines if line.startswith(f"cpu{core} "))
    user, nice, system = (int(field) for field in fields[:3])
    return (user + nice + system) / _TICKS


def children(pid: int) -> list[int]:
    """Return the processes that a process started and that still run."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(word) for word in text.split()]
