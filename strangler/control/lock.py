"""The state directory, and the lock that lets one control at a time use it."""

import fcntl
import os
from pathlib import Path

from strangler.errors import UsageError


class StateLock:
    """Holds a state directory; the kernel frees it when the process ends, however that happens."""

    def __init__(self, state_dir: Path) -> None:
        """Make the directory, readable by its owner alone, if it is not there, and take its lock.

        Raises UsageError if it cannot be made, or another process has it.
        """
        try:
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UsageError(
                f"state directory {state_dir} cannot be used: {error.strerror}. "
                "Name one that this user may write to with --state-dir or `state_dir`"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._file, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise UsageError(
                f"state directory {state_dir} is in use by process {holder}. "
                "Stop it, or name another directory with --state-dir or `state_dir`"
            ) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Let another process use the directory."""
        # Because a process that waits could hold the old file, the lock file stays where it is.
        os.close(self._file)
