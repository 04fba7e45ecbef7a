"""A state directory with one worker's log of writes, and the comparer's end that sends them on."""

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, monotonic_ns, time
from typing import Any

import msgspec

from strangler.core.divergence import Listed, Why, Write
from strangler.core.model import Config, Side
from strangler.core.shadowing import Shadow, ShadowMode
from strangler.core.writelog import Answered, Begun, Event, pack_answered
from strangler.proxy.writelog import LogFile, WriteLog
from strangler.shadow.sender import MOST_AT_ONCE
from strangler.shadow.writes import Writes
from strangler.vault.vault import Purpose, Vault
from tests.support.backend import Backend
from tests.support.plane import config, route
from tests.support.waiting import until

CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Bench:
    """A state directory with one worker's log and one comparer's writes."""

    folder: Path
    config: Config
    log: WriteLog
    writes: Writes
    told: list[Listed] = field(default_factory=list)
    keeps: bool = True
    count: int = 0

    def begin(self, **more: Any) -> tuple[LogFile, int]:
        """Note that a write begins."""
        self.count += 1
        begun = Begun(
            **{
                "route": "pay",
                "primary": Side.LEGACY,
                "method": b"POST",
                "target": b"/pay/7?x=1",
                "host": b"shop.example",
                "headers": b"X-User-Id: u\r\nContent-Type: text/plain",
                "credentials": b"",
                "key": b"",
                "request_id": b"r%d" % self.count,
                "trace": b"00-1-2-00",
                "connection": self.count,
                "at": time(),
                **more,
            }
        )
        found = self.log.begin(begun, monotonic())
        assert found is not None
        return found

    def write(
        self,
        body: bytes = b"body",
        *,
        held: Why | None = None,
        waited_s: float = 0.0,
        status: int = 201,
        is_instead: bool = False,
        **more: Any,
    ) -> None:
        """Note a whole write that the answering side carried out."""
        file, number = self.begin(**more)
        if body:
            file.note(Event.PIECE, number, body)
        at_ns = monotonic_ns() - int(waited_s * 1e9)
        answered = Answered(status=status, at_ns=at_ns, held=held, has_body=True, is_instead=is_instead)
        file.note(Event.ANSWERED, number, pack_answered(answered))
        file.leave()

    def tell(self, listed: tuple[Listed, ...]) -> bool:
        self.told += listed
        if self.keeps:
            self.writes.kept([one.id for one in listed])
        return True

    def content(self, listed: Listed) -> Write:
        """Return what is sealed in one."""
        sealed = Vault(self.folder).open(listed.sealed, purpose=Purpose.DIVERGENCE, name=listed.id)
        return msgspec.msgpack.decode(sealed, type=Write)

    async def until_idle(self) -> None:
        def is_idle() -> bool:
            self.writes.look()
            return self.writes.is_idle

        await until(is_idle, what="idle")


def pay(**more: Any) -> Any:
    return route("pay", "/pay/{rest...}", shadow=Shadow(**{"mode": ShadowMode.BOTH, "writes": True, **more}))


@asynccontextmanager
async def comparing(bench: Bench) -> AsyncIterator[None]:
    writes = bench.writes
    tasks = [asyncio.create_task(writes.work()) for _ in range(MOST_AT_ONCE)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await writes.end()


@asynccontextmanager
async def bench_of(folder: Path, extracted: Backend | int, *, legacy: int = 1, **more: Any) -> AsyncIterator[Bench]:
    port = extracted if isinstance(extracted, int) else extracted.port
    one = pay(**more)
    bench = Bench(folder, config(legacy, port, one, state_dir=str(folder)), WriteLog(folder, lambda *_: None), None)  # type: ignore[arg-type]
    bench.writes = Writes(bench.tell)
    bench.writes.apply(bench.config, is_killed=False)
    async with comparing(bench):
        yield bench


@contextmanager
def full_disk() -> Iterator[None]:
    """Let nothing be appended to any file meanwhile."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


async def again(bench: Bench) -> Writes:
    """Return the writes of a comparer that takes the former's place."""
    bench.writes = Writes(bench.tell)
    bench.writes.apply(bench.config, is_killed=False)
    return bench.writes
