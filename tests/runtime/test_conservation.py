"""Conservation: whatever fails, a declared write reaches each side at most once, and is on both sides or listed."""

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Any

from tests.runtime.test_shadow import comparer_of, until_comparing
from tests.runtime.test_writes import declared, divergences
from tests.support.backend import Conversation, Received, backend
from tests.support.plane import Wire
from tests.support.proxy import Proxy, routes_text, running
from tests.support.waiting import until

CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"
WRITES = 120
METHODS = ("POST", "PUT", "PATCH", "DELETE")
FAULTS = ("well", "well", "well", "refuses", "fails", "hangs up", "resets", "hangs", "answers half", "answers nonsense")


class Side:
    """One application: it carries out what it says it does, and some of what it does not."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self.asked: Counter[bytes] = Counter()
        self.carried_out: set[bytes] = set()
        """By what it answered."""

    async def script(self, received: Received, conversation: Conversation) -> bytes | None:
        fault = self._dice.choice(FAULTS)
        write = received.values(b"X-Write")[0]
        self.asked[write] += 1
        match fault:
            case "well":
                self.carried_out.add(write)
                return CREATED
            case "refuses":
                return b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n"
            case "fails":
                return b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
            case "resets":
                Wire(reader=conversation.reader, writer=conversation.writer).reset()
            case "hangs":
                await conversation.reader.read(1)
            case "answers half":
                # Because it says that it was carried out, it was, whoever takes it for a failure.
                self.carried_out.add(write)
                await conversation.send(CREATED[:-2])
            case "answers nonsense":
                await conversation.send(b"nonsense\r\n\r\n")
        return None


async def send(proxy: Proxy, number: int, dice: random.Random, answered: dict[bytes, int]) -> None:
    """Send one write on a connection of its own, and note what its client is told; some clients leave early."""
    name = b"w%d" % number
    method = dice.choice(METHODS).encode()
    key = b"Idempotency-Key: %b\r\n" % name if dice.random() < 0.5 else b""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    except OSError:
        return
    writer.write(
        b"%b /pay/%d HTTP/1.1\r\nHost: a\r\nX-User-Id: user-%d\r\nX-Write: %b\r\n%bContent-Length: 2\r\n\r\nhi"
        % (method, dice.randrange(20), number, name, key)
    )
    wire = Wire(reader=reader, writer=writer)
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
        if dice.random() < 0.1:
            await reader.read(1)
            wire.reset()
            return
        head, _ = await wire.answer()
        answered[name] = int(head.split(b" ")[1])
    writer.close()


async def test_every_write_that_was_carried_out_is_on_both_sides_or_listed_and_no_side_had_one_twice(
    tmp_path: Path,
) -> None:
    # Because most of it is waiting, two proxies wait side by side.
    async with asyncio.TaskGroup() as group:
        for seed in (1, 2):
            (folder := tmp_path / str(seed)).mkdir()
            group.create_task(conserve(folder, seed))


async def conserve(folder: Path, seed: int) -> None:
    dice = random.Random(seed)
    old, new = Side(seed), Side(seed + 100)
    async with backend(old.script) as monolith, backend(new.script) as extracted:
        route = declared(
            ", rollback: off, timeouts: {response: 300ms, connect: 300ms}", shadow=", timeout: 300ms", share="50%"
        )
        text = routes_text(monolith=monolith.port, extracted=extracted.port, routes=[route])
        answered: dict[bytes, int] = {}
        async with running(folder, text) as proxy:
            await until_comparing(proxy)
            deaths = {WRITES // 3: "comparer", WRITES // 2: "worker", WRITES * 3 // 4: "both"}
            for start in range(0, WRITES, 10):
                async with asyncio.TaskGroup() as group:
                    for number in range(start, start + 10):
                        group.create_task(send(proxy, number, dice, answered))
                        if (who := deaths.get(number)) is not None:
                            await kill(proxy, who)
            listed = await settled(proxy)
            metrics = await proxy.metrics()
    asked = old.asked + new.asked
    assert len(asked) > WRITES * 0.7
    assert {count for side in (old, new) for count in side.asked.values()} == {1}
    succeeded = {name for name, status in answered.items() if status < 400}
    assert len(succeeded) > WRITES * 0.1
    on_both = old.carried_out & new.carried_out
    assert on_both
    carried_out = old.carried_out | new.carried_out
    assert carried_out - on_both <= listed
    assert succeeded <= carried_out
    assert "strangler_writes_unlisted_total 0.0" in metrics


async def kill(proxy: Proxy, who: str) -> None:
    pids = ([comparer_of(proxy)] if who != "worker" else []) + (proxy.workers[:1] if who != "comparer" else [])
    for pid in filter(None, pids):
        os.kill(pid, signal.SIGKILL)


async def settled(proxy: Proxy) -> set[bytes]:
    """Return the writes that are listed, once nothing is noted any more that is neither on both sides nor listed."""
    files = proxy.state_dir / "writes"
    await until(lambda: not any(files.glob("*.log")), deadline_s=100, what="all writes to be settled")
    found: set[bytes] = set()
    for one in await divergences(proxy):
        status, shown = await proxy.ask("GET", f"/api/v1/divergences/{one['id']}")
        assert status == 200, shown
        found |= {value.encode() for name, value in shown["request"]["headers"] if name == "X-Write"}
    return found


def test_faults_are_spread_so_that_each_kind_comes_up() -> None:
    dice: Any = random.Random(1)
    assert set(FAULTS) == {dice.choice(FAULTS) for _ in range(WRITES)}
