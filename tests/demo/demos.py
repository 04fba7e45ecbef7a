"""A whole demo in a process of its own, on ports and in folders of its own."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.support.terminal import Terminal
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
_ADDRESS = re.compile(r"127\.0\.0\.1:(\d+)")
START_S = 60.0
"""A start takes about three seconds; a busy machine may take much longer."""


@dataclass(slots=True)
class Demo:
    """A demo that runs, and what it has written."""

    process: asyncio.subprocess.Process
    output: list[str] = field(default_factory=list)
    pids: set[int] = field(default_factory=set)
    """Every process that was seen below it."""

    @property
    def text(self) -> str:
        return "".join(self.output)

    async def wait_for(self, text: str) -> None:
        """Return once it has written this; notes the processes that run then."""

        def is_there() -> bool:
            assert self.process.returncode is None or text in self.text, self.text
            return text in self.text

        await until(is_there, deadline_s=START_S, what=text)
        self.pids |= descendants(self.process.pid)

    async def wait_end(self) -> int:
        async with asyncio.timeout(START_S):
            return await self.process.wait()


def write_routes(folder: Path, source: str = "routes.yaml") -> Path:
    """Write one of the repository's routes files with ports that are free now and a state of its own, and return it."""
    text = re.sub(r"^state_dir: .*$", "state_dir: state", (ROOT / source).read_text(), flags=re.MULTILINE)
    with contextlib.ExitStack() as stack:
        for port in sorted(set(_ADDRESS.findall(text))):
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{probe.getsockname()[1]}")
    routes = folder / "routes.yaml"
    routes.write_text(text)
    return routes


def port_of(routes: Path, name: str) -> int:
    """Return the port that the file gives to an upstream, to `listen` or to `admin`."""
    found = re.search(rf"^ *{name}:.*?127\.0\.0\.1:(\d+)", routes.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


async def put_faults(routes: Path, service: str, faults: Mapping[str, float]) -> None:
    """Let a service fail, as the demo's own advice has it; without faults it is well again."""
    url = f"http://127.0.0.1:{port_of(routes, service)}/_faults"
    async with aiohttp.ClientSession() as session, session.put(url, json=faults) as answer:
        assert answer.status == 200, await answer.text()


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    output: str


async def strangler(routes: Path, *arguments: str) -> Said:
    """Run a command of strangler on a demo, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "strangler", *arguments, "-c", str(routes)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, output.decode())


@asynccontextmanager
async def started(routes: Path, *arguments: str, screen: Terminal | None = None) -> AsyncIterator[Demo]:
    """Run a demo until the block ends; whatever the test saw, none of its processes is left.

    What it writes is its output, unless there is a terminal for it.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "demo", "--routes", str(routes), "--data", str(routes.parent / "data"), *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE if screen is None else screen.far,
        stderr=asyncio.subprocess.STDOUT,
        # Because these say more than the terminal itself does of its size.
        env={name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")},
    )
    demo = Demo(process)
    reading = asyncio.create_task(_read(process, demo.output))
    try:
        yield demo
        await reading
    finally:
        left = demo.pids | descendants(process.pid)
        for pid in (process.pid, *left):
            with contextlib.suppress(ProcessLookupError):
                if pid != process.pid or process.returncode is None:
                    os.kill(pid, signal.SIGKILL)
        await process.wait()
        await reading


def descendants(pid: int) -> set[int]:
    """Return the ids of all processes below one."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # Because the second field, the program's name, may hold spaces and brackets (proc(5)).
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found: set[int] = set()
    level = {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        found |= level
    return found


def command_of(pid: int) -> str:
    """Return the command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def is_running(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def _read(process: asyncio.subprocess.Process, output: list[str]) -> None:
    if process.stdout is None:
        return
    async for line in process.stdout:
        # Because what was read until now is looked at while more comes, it is added line by line.
        output += [line.decode()]
