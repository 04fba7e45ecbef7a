"""`python -m extracted.users --listen HOST:PORT --data DIR [--faults] [--log]`: the service as a process."""

import sys

from extracted.serving import run
from extracted.users.service import application

if __name__ == "__main__":
    sys.exit(run("extracted.users", application, None))
