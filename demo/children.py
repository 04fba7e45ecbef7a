"""Children: the processes of the demo, each in a session of its own, and none of them left when it is over."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from demo.errors import DemoError
from demo.ports import Layout, Place

ROOT = Path(__file__).resolve().parent.parent
"""Where the packages of the demo are."""
START_S = 60.0
"""A start takes a second or two, the first one makes the databases; a busy machine may take much longer."""
STOP_PROXY_S = 12.0
"""The proxy gives what runs 10 s to end in, docs/routes-yaml.md."""
HEAD_START_S = 2.0
"""The proxy stops before the services, so that what runs gets its answer; that takes milliseconds each."""
STOP_S = 5.0
"""The services give theirs 3 s."""
_LOOK_EVERY_S = 0.05
_LAST_LINES = 8
_LEASH = Path(__file__).with_name("leash.py")


class Child:
    """One process; what it writes is in its log file."""

    def __init__(self, name: str, arguments: Sequence[str], *, ready_url: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._arguments = arguments
        self._ready_url = ready_url
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, session: aiohttp.ClientSession) -> None:
        """Return once it answers; raises DemoError with its last lines if it ends or takes too long."""
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), sys.executable, "-m", *self._arguments),
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                # Because Ctrl-C at a terminal is for the demo, which then stops its children in order.
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(START_S):
                while not await self._is_ready(session):
                    if self._process.returncode is not None:
                        raise DemoError(f"{self.name} did not start ({self.ending}). {self.last_words()}")
                    # Because nothing tells of another process's readiness, it is asked again and again.
                    await asyncio.sleep(_LOOK_EVERY_S)
        except TimeoutError as error:
            raise DemoError(f"{self.name} was not ready within {START_S:.0f} s. {self.last_words()}") from error

    async def wait_end(self) -> None:
        """Return when it has ended, for whatever reason."""
        if self._process is not None:
            await self._process.wait()

    async def stop(self, deadline_s: float) -> None:
        """End it and all that it started, kindly until the deadline."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(deadline_s):
                await process.wait()
        except TimeoutError:
            pass
        finally:
            self.kill()
        await process.wait()

    def kill(self) -> None:
        """End it and all that it started, at once."""
        if self._process is not None:
            try:
                # Because its session is its own, this reaches the proxy's workers and nobody else.
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    @property
    def is_running(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.returncode is None

    @property
    def ending(self) -> str:
        """How it ended."""
        code = None if self._process is None else self._process.returncode
        if code is None:
            return "running"
        return f"exit code {code}" if code >= 0 else f"ended by {signal.Signals(-code).name}"

    def last_words(self) -> str:
        """Return where its log is, and the end of it."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        said = "\n".join(f"    {line}" for line in lines) or "    (nothing)"
        return f"The end of its log, {self.log}:\n{said}"

    async def _is_ready(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(self._ready_url, timeout=aiohttp.ClientTimeout(total=2)) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


class Fleet:
    """All children: the services start side by side and then the proxy; the proxy stops first."""

    def __init__(self, layout: Layout, data: Path) -> None:
        logs = data / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self.services = tuple(_service(place, data, logs) for place in (layout.monolith, *layout.services))
        self.proxy = Child(
            "proxy",
            ("strangler", "serve", "-c", str(layout.routes)),
            ready_url=f"{layout.admin.url}/readyz",
            log=logs / "proxy.log",
        )

    async def start(self, session: aiohttp.ClientSession) -> None:
        """Return once all answer."""
        try:
            async with asyncio.TaskGroup() as starts:
                for service in self.services:
                    starts.create_task(service.start(session))
        except ExceptionGroup as group:
            # Because one of them is enough to begin with.
            raise group.exceptions[0] from None
        await self.proxy.start(session)

    async def stop(self) -> None:
        """Return when none of them is left."""
        async with asyncio.TaskGroup() as stops:
            stops.create_task(self.proxy.stop(STOP_PROXY_S))
            for service in self.services:
                stops.create_task(self._stop_after_proxy(service))

    async def _stop_after_proxy(self, service: Child) -> None:
        try:
            async with asyncio.timeout(HEAD_START_S):
                await self.proxy.wait_end()
        except TimeoutError:
            # Because an event stream only ends when its service does, and the proxy waits for it.
            pass
        await service.stop(STOP_S)

    def kill(self) -> None:
        """End all of them at once."""
        for child in (self.proxy, *self.services):
            child.kill()


def _service(place: Place, data: Path, logs: Path) -> Child:
    folder = data / place.name
    folder.mkdir(exist_ok=True)
    module = ("legacy_monolith",) if place.name == "monolith" else (f"extracted.{place.name}", "--faults")
    return Child(
        place.name,
        (*module, "--listen", place.address, "--data", str(folder.absolute())),
        ready_url=f"{place.url}/healthz",
        log=logs / f"{place.name}.log",
    )
