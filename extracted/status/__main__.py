"""`python -m extracted.status --listen HOST:PORT --data DIR [--faults] [--log]`: the service as a process."""

import sys

from extracted.serving import run
from extracted.status.service import application

if __name__ == "__main__":
    sys.exit(run("extracted.status", application, None))
