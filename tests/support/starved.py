"""A plane in a process of its own that may have few descriptors; run with the upstream's port, and a folder for TLS."""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from tests.support.issuer import Issuer
from tests.support.plane import config, proxy

DESCRIPTORS = 48
"""The proxy's own are about a dozen."""


async def main(port: int, folder: str) -> None:
    """Serve until standard input ends, then tell what was noticed."""
    tls = Issuer(Path(folder)).tls() if folder else None
    async with proxy(config(port, tls=tls)) as running:
        loop = asyncio.get_running_loop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        wall, cpu = time.monotonic(), time.process_time()
        tell({"port": running.port})
        ended = asyncio.Event()
        loop.add_reader(sys.stdin.fileno(), ended.set)
        await ended.wait()
        tell(
            {
                "wall_s": time.monotonic() - wall,
                "cpu_s": time.process_time() - cpu,
                "events": [event for event, _ in running.notices],
            }
        )


def tell(what: dict[str, Any]) -> None:
    """Write one line for the test."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), sys.argv[2]))
