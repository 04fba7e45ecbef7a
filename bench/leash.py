"""Leash: run a command on one core, and end it when the process that started it ends, however that ended.

Started as a file (`python -I -S leash.py PARENT CORE COMMAND...`), which costs a few milliseconds; then it is the
command.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""linux/prctl.h"""

if __name__ == "__main__":
    parent, core, *command = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit("the parent has ended already")
    os.execvp(command[0], command)
