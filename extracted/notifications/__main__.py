"""`python -m extracted.notifications --listen HOST:PORT --data DIR [--faults] [--log]`: the service as a process."""

import sys

from extracted.notifications.service import application
from extracted.serving import run

if __name__ == "__main__":
    sys.exit(run("extracted.notifications", application, None))
