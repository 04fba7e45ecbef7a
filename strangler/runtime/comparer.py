"""The comparer's process: fed by workers over a Unix socket, by control over a link; it ends with either's word.

Nothing that clients wait for depends on it. It ignores the terminal's Ctrl-C, because control ends it then.
"""

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from time import time

import uvloop

from strangler.core.divergence import Listed
from strangler.runtime import findinglink, logs
from strangler.runtime.child import leave_terminal_to_control
from strangler.runtime.findinglink import (
    Avoid,
    CarriedOut,
    Diverged,
    Forget,
    Found,
    Gauges,
    Listening,
    Recall,
    Recorded,
    Remember,
    Repair,
    Repaired,
    Salted,
    Stored,
    ToComparer,
    Watch,
)
from strangler.runtime.link import Link
from strangler.runtime.offers import SOCKET, Credentials, Dropped, Offered, OfferServer, Pace
from strangler.runtime.offers import ToComparer as FromWorker
from strangler.runtime.tasks import Tasks
from strangler.runtime.yielding import give_way
from strangler.shadow import sender
from strangler.shadow.budget import cap_memory, raise_files
from strangler.shadow.comparer import MOST_AT_ONCE, Comparer
from strangler.shadow.writes import MOST_FILES, Writes

TELL_EVERY_S = 0.5
PACE_EVERY_S = 0.1
"""How long workers may go on to copy what nobody will ask for; for so long the queue holds 5,000 reads a second."""
NICE = 10
"""Because nobody waits for a comparison, it takes what workers leave of the CPU. Precedent: nice(1), 10 unless told."""
_FLUSH_S = 1.0
LOOK_S = 0.02
"""Between two looks at what workers noted of writes, and so how much later than the client the other side has them."""
LAST_S = 2.0
"""For writes that were answered just before the end; control kills what has not ended a second later."""


class ComparerProcess:
    """One comparer from its first configuration to its end."""

    def __init__(self) -> None:
        self._comparer = Comparer()
        # Because files of writes must leave room for connections, at most half of what may be opened is theirs.
        self._writes = Writes(self._tell_diverged, most_files=min(MOST_FILES, raise_files() // 4))
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
                await self._finish_writes()
            await self._tasks.close()
            await self._writes.end()
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
            case Watch(config=config, is_killed=is_killed):
                self._comparer.apply(config)
                self._writes.apply(config, is_killed=is_killed)
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
            case Stored(ids=ids):
                self._writes.kept(ids)
            case Repair():
                self._tasks.spawn("repair", self._repair(message))

    async def _serve(self, server: OfferServer) -> None:
        await server.start()
        # Not before, because a start that takes long is told as a comparer that is not there.
        await give_way(NICE)
        cap_memory()
        for number in range(MOST_AT_ONCE):
            self._tasks.spawn(f"work_{number}", self._comparer.work())
        for number in range(sender.MOST_AT_ONCE):
            self._tasks.spawn(f"send_{number}", self._writes.work())
        self._tasks.spawn("look", self._look())
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

    async def _look(self) -> None:
        while True:
            self._writes.look()
            await self._writes.tidy()
            await asyncio.sleep(LOOK_S)

    async def _finish_writes(self) -> None:
        """Send what was answered until now, as far as there is time; what is left stays in its file."""
        try:
            async with asyncio.timeout(LAST_S):
                while True:
                    self._writes.look()
                    if self._writes.is_idle:
                        return
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            pass

    async def _repair(self, asked: Repair) -> None:
        verdict = await self._writes.repair(asked.write, asked.secrets)
        if self._link is not None:
            self._link.send(Repaired(id=asked.id, verdict=verdict))

    def _tell_diverged(self, listed: tuple[Listed, ...]) -> bool:
        if self._link is None or self._link.is_full:
            return False
        self._link.send(Diverged(listed=listed))
        return True

    def _take(self, message: FromWorker) -> None:
        match message:
            case Offered(offer=offer):
                self._comparer.offer(offer)
            case Dropped(route=route, why=why, count=count):
                self._comparer.drop(route, why, count)
            case Credentials(worker=worker, secret=secret):
                self._writes.take_secret(worker, secret)

    def _tell(self) -> None:
        """Send what is new, if control keeps up; what is not sent now is part of what is sent next."""
        if self._link is None or self._link.is_full:
            return
        for findings in self._comparer.news():
            self._link.send(Found(findings=findings))
        for picked in self._comparer.recorder.news():
            self._link.send(Recorded(picked=picked))
        if counts := self._writes.take_counts():
            self._link.send(CarriedOut(counts=counts))
        # Because these are its sign of life as well, they are sent each time.
        self._link.send(Gauges(gauges={**self._comparer.gauges(), **self._writes.gauges()}))

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
