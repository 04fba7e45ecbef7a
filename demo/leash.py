"""Leash: become a command that is told to stop when the process that started it ends, however that ended.

Run as a file (`python -I -S leash.py PARENT COMMAND...`), so that it costs a few milliseconds.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""linux/prctl.h; the setting outlives execve (prctl(2))."""

if __name__ == "__main__":
    parent, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit("the demo has ended already")
    os.execv(command[0], command)  # noqa: S606
