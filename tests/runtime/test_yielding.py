"""A process that gives way: what the system is asked for."""

import json
import platform
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from strangler.runtime import yielding

NICE = 7
GIVES_WAY = """
import asyncio, ctypes, json, os, struct, sys
from pathlib import Path
from strangler.runtime import yielding
if len(sys.argv) > 3:
    yielding._GROUP = Path(sys.argv[3])
before = os.getpriority(os.PRIO_PROCESS, 0)
asyncio.run(yielding.give_way(int(sys.argv[1])))
had = ctypes.create_string_buffer(56)
ctypes.CDLL(None).syscall(int(sys.argv[2]), 0, had, 56, 0)
words = yielding._GROUP.read_text().split() if yielding._GROUP.exists() else []
print(json.dumps({
    "nicer": os.getpriority(os.PRIO_PROCESS, 0) - before,
    "leads": os.getsid(0) == os.getpid(),
    "slice_ns": struct.unpack_from("Q", had.raw, 24)[0],
    "group": int(words[-1]) if words else None,
}))
"""
GETTERS = {"x86_64": 315, "aarch64": 275, "riscv64": 275}
"""The number of sched_getattr(2)."""
IS_GROUPED = Path("/proc/sys/kernel/sched_autogroup_enabled")

by_session = pytest.mark.skipif(
    not IS_GROUPED.exists() or IS_GROUPED.read_text().strip() != "1", reason="here sessions are no groups"
)


def given_way(*group: str, **how: Any) -> dict[str, Any]:
    """Give way in a process of its own, where `group` stands for the system's file on its group."""
    number = str(GETTERS.get(platform.machine(), 0))
    done = subprocess.run(
        [sys.executable, "-c", GIVES_WAY, str(NICE), number, *group], check=True, capture_output=True, timeout=60, **how
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _release() -> tuple[int, ...]:
    return tuple(int(word) for word in platform.release().split("-")[0].split(".")[:2])


def test_it_is_nicer() -> None:
    assert given_way()["nicer"] == NICE


@pytest.mark.skipif(platform.machine() not in GETTERS or _release() < (6, 12), reason="no slices of one's own here")
def test_it_asks_for_a_longer_slice_than_the_system_gives_to_all() -> None:
    assert given_way()["slice_ns"] == round(yielding.SLICE_S * 1e9)


@by_session
def test_it_has_a_group_of_its_own_that_is_nicer() -> None:
    words = Path("/proc/self/autogroup").read_text().split()
    ours = int(words[-1]) if words else 0

    told = given_way()

    assert (told["leads"], told["group"]) == (True, min(19, ours + NICE))


@by_session
def test_a_process_of_the_group_of_the_first_one_has_a_group_of_its_own_too(tmp_path: Path) -> None:
    nameless = tmp_path / "autogroup"
    nameless.write_text("", encoding="ascii")

    told = given_way(str(nameless))

    assert (told["leads"], told["nicer"], told["group"]) == (True, NICE, NICE)


@by_session
def test_a_process_that_has_its_own_session_already_keeps_it() -> None:
    told = given_way(start_new_session=True)

    assert (told["leads"], told["group"]) == (True, NICE)


@by_session
@pytest.mark.parametrize(("before", "after"), [(5, 12), (15, 19)])
def test_it_is_nicer_than_the_group_that_it_comes_from(before: int, after: int) -> None:
    told = given_way(start_new_session=True, preexec_fn=partial(Path("/proc/self/autogroup").write_text, str(before)))

    assert told["group"] == after


def test_a_process_that_cannot_leave_its_session_is_nice_all_the_same() -> None:
    told = given_way(process_group=0)

    assert (told["leads"], told["nicer"]) == (False, NICE)
