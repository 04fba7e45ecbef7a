"""The run file: what runs on a state directory, for the next start and for the command line.

`run.json` names the processes by id and start time, so an id that was given to another process since is never
taken for one of ours.
"""

import logging
import os
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import msgspec

_NAME = "run.json"

LOG = logging.getLogger(__name__)


class ProcessId(msgspec.Struct, frozen=True, kw_only=True):
    """One process, told apart from a later one with the same id."""

    pid: Annotated[int, msgspec.Meta(gt=0)]
    started: str
    """Boot id and start time in clock ticks."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A control process, its addresses as they really are, and its workers."""

    control: ProcessId
    listen: str
    admin: str
    workers: tuple[ProcessId, ...] = ()


def of_this(workers: Collection[int], *, listen: str, admin: str) -> Run | None:
    """Return what runs with this process as control, and those of these workers that are processes of their own."""
    own = identify(os.getpid())
    if own is None:
        return None
    found = (identify(pid) for pid in sorted({*workers} - {0, os.getpid()}))
    return Run(control=own, listen=listen, admin=admin, workers=tuple(one for one in found if one is not None))


def identify(pid: int) -> ProcessId | None:
    """Return the process that has this id now, or None."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # Because the second field, the program's name, may hold spaces and brackets (proc(5)).
    state, *rest = stat.rpartition(")")[2].split()
    if state in "ZX":
        return None
    return ProcessId(pid=pid, started=f"{boot}/{rest[18]}")


def is_alive(process: ProcessId) -> bool:
    """Return whether this very process still runs."""
    return identify(process.pid) == process


def read(state_dir: Path) -> Run | None:
    """Return what the last control process wrote, or None; a damaged file counts as none."""
    try:
        return msgspec.json.decode((state_dir / _NAME).read_bytes(), type=Run)
    except (OSError, msgspec.DecodeError):
        return None


def keep(state_dir: Path, run: Run) -> None:
    """Write the run file; that it cannot be written is logged."""
    try:
        write(state_dir, run)
    except OSError as error:
        # Because a full disk must not reach the workers; only the next start would miss what it says.
        LOG.warning("run_file_failed", extra={"fields": {"why": str(error)}})


def write(state_dir: Path, run: Run) -> None:
    """Replace the run file in one step."""
    draft = state_dir / f"{_NAME}.new"
    draft.write_bytes(msgspec.json.encode(run))
    draft.replace(state_dir / _NAME)


def remove(state_dir: Path) -> None:
    """Say that nothing runs here."""
    (state_dir / _NAME).unlink(missing_ok=True)
