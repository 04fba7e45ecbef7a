"""The comparer's process: fed by workers over a Unix socket, by control over a link; it ends with either's word.

Nothing that clients wait for depends on it. It ignores the terminal's Ctrl-C, because control ends it then.
"""

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from time import time

import uvloop

from strangler.runtime import findinglink, logs
from strangler.runtime.child import leave_terminal_to_control
from strangler.runtime.findinglink import (
    Avoid,
    Forget,
    Found,
    Gauges,
    Listening,
    Recall,
    Recorded,
    Remember,
    Salted,
    ToComparer,
    Watch,
)
from strangler.runtime.link import Link
from strangler.runtime.offers import SOCKET, Dropped, Offered, OfferServer, Pace
from strangler.runtime.offers import ToComparer as FromWorker
from strangler.runtime.tasks import Tasks
from strangler.shadow.budget import cap_memory
from strangler.shadow.comparer import MOST_AT_ONCE, Comparer

TELL_EVERY_S = 0.5
PACE_EVERY_S = 0.1
"""How long workers may go on to copy what nobody will ask for; for so long the queue holds 5,000 reads a second."""
NICE = 10
"""Because nobody waits for a comparison, it takes what workers leave of the CPU. Precedent: nice(1), 10 unless told."""
_FLUSH_S = 1.0


class ComparerProcess:
    """One comparer from its first configuration to its end."""

    def __init__(self) -> None:
        self._comparer = Comparer()
        self._tasks = Tasks("comparer", on_failure=self._fail)
        self._server: OfferServer | None = None
        self._link: Link[ToComparer] | None = None
        self._exit_code = 0
        self._done = asyncio.Event()

    async def run(self, end: socket.socket) -> int:
        """Compare until told to end, or until control is gone; return the exit code."""
        self._link = await findinglink.open_from_comparer(end, on_message=self._receive, on_lost=self._done.set)
        try:
            await self._done.wait()
        finally:
            if self._server is not None:
                await self._server.close()
            await self._tasks.close()
            await self._comparer.close()
            self._tell()
            await self._link.close(_FLUSH_S)
        return self._exit_code

    def end(self) -> None:
        """Let `run` return."""
        self._done.set()

    def _receive(self, message: ToComparer) -> None:
        match message:
            case Recall(findings=findings):
                self._comparer.recall(findings)
            case Watch(config=config):
                self._comparer.apply(config)
                if self._server is None:
                    self._server = OfferServer(Path(config.state_dir) / SOCKET, self._take)
                    self._tasks.spawn("serve", self._serve(self._server))
            case Avoid(unhealthy=unhealthy):
                self._comparer.avoid(unhealthy)
            case Forget(route=route):
                self._comparer.forget(route)
            case Salted(salt=salt):
                self._comparer.recorder.begin(salt)
            case Remember(route=route, epoch=epoch, kept=kept):
                self._comparer.recorder.recall(route, epoch, kept, time())

    async def _serve(self, server: OfferServer) -> None:
        await server.start()
        # Not before, because a start that takes long is told as a comparer that is not there.
        os.nice(NICE)
        cap_memory()
        for number in range(MOST_AT_ONCE):
            self._tasks.spawn(f"work_{number}", self._comparer.work())
        if self._link is not None:
            self._link.send(Listening())
        self._tasks.spawn("pace", self._keep_pace(server))
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            self._tell()

    async def _keep_pace(self, server: OfferServer) -> None:
        while True:
            server.tell(Pace(resting=self._comparer.resting(), is_behind=self._comparer.is_behind()))
            await asyncio.sleep(PACE_EVERY_S)

    def _take(self, message: FromWorker) -> None:
        match message:
            case Offered(offer=offer):
                self._comparer.offer(offer)
            case Dropped(route=route, why=why, count=count):
                self._comparer.drop(route, why, count)

    def _tell(self) -> None:
        """Send what is new, if control keeps up; what is not sent now is part of what is sent next."""
        if self._link is None or self._link.is_full:
            return
        for findings in self._comparer.news():
            self._link.send(Found(findings=findings))
        for picked in self._comparer.recorder.news():
            self._link.send(Recorded(picked=picked))
        # Because these are its sign of life as well, they are sent each time.
        self._link.send(Gauges(gauges=self._comparer.gauges()))

    def _fail(self, name: str) -> None:
        self._exit_code = 1
        self._done.set()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparer on an inherited descriptor."""
    leave_terminal_to_control()
    parser = argparse.ArgumentParser(prog="strangler.runtime.comparer", description="Started by control only.")
    parser.add_argument("--link", type=int, required=True)
    parser.add_argument("--log-format", type=logs.LogFormat, required=True)
    options = parser.parse_args(argv)
    logs.setup(options.log_format)
    end = socket.socket(fileno=options.link)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(end))


async def _run(end: socket.socket) -> int:
    process = ComparerProcess()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, process.end)
    return await process.run(end)


if __name__ == "__main__":
    sys.exit(main())
