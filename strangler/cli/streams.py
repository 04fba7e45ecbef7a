"""Streams: standard input, output and error are there, also for a process that was started without one."""

import os
import sys


def open_missing() -> None:
    """Open those that are closed on the null device: there is nothing to read, and what is written is gone.

    To be called before anything else is opened. Raises OSError if there is no null device.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            # Because the next file or socket would have the number, and what is said would be written into it.
            found = os.open(os.devnull, os.O_RDWR)
            os.dup2(found, number)
            if found != number:
                os.close(found)
            # Because a worker without a standard error would be in the same place.
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, errors="backslashreplace", closefd=False))  # noqa: SIM115
