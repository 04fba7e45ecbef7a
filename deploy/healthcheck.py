"""Health check: exit 0 if the instance on a state directory answers on its admin port, else 1 with the reason.

Run as a file (`python -I -S healthcheck.py STATE_DIR`) with the standard library alone, because it runs every few
seconds. The admin address is read from the run file, so a routes file may choose another.
"""

import http.client
import json
import sys
from pathlib import Path

_ANSWER_S = 2.0


def check(state_dir: Path) -> str:
    """Return what is wrong; an empty string if nothing is."""
    try:
        host, _, port = json.loads((state_dir / "run.json").read_bytes())["admin"].rpartition(":")
        connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=_ANSWER_S)
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    return "" if status == 200 else f"/healthz answered {status}"


if __name__ == "__main__":
    sys.exit(check(Path(sys.argv[1])) or 0)
