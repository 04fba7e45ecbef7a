"""Yielding: a process gives way to everybody else on the machine, as far as the system lets it.

Being nice is not enough. Where the kernel shares the CPU between groups first (control groups, or one for each session,
sched(7)), a nice process is nice to its own group alone. And whoever is on a core, nice or not, may stay there for a
slice before one of another group that wakes up gets it.
"""

import asyncio
import ctypes
import os
import platform
from pathlib import Path

SLICE_S = 0.004
"""Who asks for a longer slice than others may be interrupted by them at once (Linux 6.12 and later). Linux's own is
0.7 ms to 2.8 ms, by the number of cores; and the longer it is, the further apart are turns where all cores are busy."""
_CALLS = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
"""The number of sched_setattr(2), because C libraries have had no function for it for long."""
_IS_GROUPED = Path("/proc/sys/kernel/sched_autogroup_enabled")
_GROUP = Path("/proc/self/autogroup")
_NICEST = 19
_TRIES = 20
_AGAIN_S = 0.1
"""Because the whole machine may make one group nice in that time, if it is no superuser who does it (sched(7))."""


class _Attributes(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime_ns", ctypes.c_uint64),
        ("deadline_ns", ctypes.c_uint64),
        ("period_ns", ctypes.c_uint64),
    )


async def give_way(nice: int) -> None:
    """Be nicer by `nice`, in the group and as one, and ask for a longer slice; what the system refuses is left out.

    Where each session is a group the process has a session of its own from then on.
    """
    _ask_for_slice(os.nice(nice))
    if not _is_grouped_by_session() or not os.access(_GROUP, os.W_OK):
        return
    wanted = min(_NICEST, _group_nice() + nice)
    if not _has_own_session():
        return
    for _ in range(_TRIES):
        if _make_group_nice(wanted):
            return
        await asyncio.sleep(_AGAIN_S)


def _group_nice() -> int:
    """Return how nice the group is that the process is in: the last word of `/autogroup-4711 nice 0`.

    The file is empty for what never left the group of the first process, as under an init that opens no session.
    """
    try:
        words = _GROUP.read_text(encoding="ascii").split()
    except OSError:
        return 0
    return int(words[-1]) if words else 0


def _has_own_session() -> bool:
    if os.getsid(0) == os.getpid():
        return True
    try:
        os.setsid()
    except PermissionError:
        # Because others are in its process group, which it leads, it cannot leave them.
        return False
    return True


def _make_group_nice(nice: int) -> bool:
    """Return False if it is to be tried again."""
    try:
        _GROUP.write_text(str(nice), encoding="ascii")
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _ask_for_slice(nice: int) -> None:
    """Older kernels take the wish, and do nothing."""
    number = _CALLS.get(platform.machine())
    if number is not None and os.sched_getscheduler(0) == os.SCHED_OTHER:
        wanted = _Attributes(size=ctypes.sizeof(_Attributes), nice=nice, runtime_ns=round(SLICE_S * 1e9))
        ctypes.CDLL(None).syscall(number, 0, ctypes.byref(wanted), 0)


def _is_grouped_by_session() -> bool:
    try:
        return _IS_GROUPED.read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False
