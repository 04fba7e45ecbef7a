"""`python -m extracted.payments --listen HOST:PORT --data DIR [--faults] [--log]`: the service as a process."""

import sys

from extracted.payments.service import application
from extracted.serving import run

if __name__ == "__main__":
    sys.exit(run("extracted.payments", application, None))
