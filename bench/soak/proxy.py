"""The proxy under soak: its processes, what they weigh, and what can be done to them."""

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bench.errors import BenchError
from strangler.control.auth import TOKEN_FILE
from strangler.runtime import runfile

_START_S = 30.0
_LOOK_S = 0.05
_PAGE_KIB = os.sysconf("SC_PAGESIZE") // 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """Resident memory and open descriptors."""

    control_kib: int
    control_descriptors: int
    worker_kib: int
    """The heaviest worker's."""
    worker_descriptors: int

    def __str__(self) -> str:
        return (
            f"control {self.control_kib / 1024:.1f} MiB, {self.control_descriptors} descriptors; "
            f"workers up to {self.worker_kib / 1024:.1f} MiB, {self.worker_descriptors} descriptors"
        )


class Proxy:
    """`strangler serve` in processes of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def run(self) -> runfile.Run:
        """The processes and addresses as the run file has them."""
        run = runfile.read(self.folder / "state")
        assert run is not None
        return run

    @property
    def port(self) -> int:
        return int(self.run.listen.rpartition(":")[2])

    def write(self, routes: str) -> None:
        """Replace the routes file in one step."""
        draft = self.folder / "routes.new"
        draft.write_text(routes, encoding="utf-8")
        draft.replace(self.folder / "routes.yaml")

    async def start(self, routes: str) -> None:
        """Start, and return once ready."""
        self.write(routes)
        self._session = aiohttp.ClientSession()
        with (self.folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "strangler", "serve", "-c", str(self.folder / "routes.yaml")),
                *("--log-format", "json"),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for _ in range(round(_START_S / _LOOK_S)):
            if runfile.read(self.folder / "state") is not None and await self.is_ready():
                return
            await asyncio.sleep(_LOOK_S)
        raise BenchError(f"the proxy was not ready within {_START_S:.0f} s, see {self.folder / 'log'}")

    async def stop(self) -> int:
        """Stop and return the exit code; nothing is left whatever happens."""
        assert self._process is not None and self._session is not None
        await self._session.close()
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(60):
                return await self._process.wait()
        except TimeoutError:
            os.killpg(self._process.pid, signal.SIGKILL)
            return await self._process.wait()

    async def is_ready(self) -> bool:
        try:
            return bool((await self.ask("GET", "/readyz"))["status"] == "ready")
        except aiohttp.ClientError:
            return False

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON that the admin API answers with."""
        assert self._session is not None
        token = (self.folder / "state" / TOKEN_FILE).read_text(encoding="ascii").strip()
        headers = {"Authorization": f"Bearer {token}", "If-Match": "*"}
        url = f"http://{self.run.admin}{path}"
        async with self._session.request(method, url, json=body, headers=headers) as answer:
            return json.loads(await answer.read())

    def reload(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    async def settle(self) -> None:
        """Return once all workers serve the newest generation and no restart runs; raises BenchError if never."""
        ready: Any = None
        for _ in range(round(_START_S * 2 / _LOOK_S)):
            ready = await self.ask("GET", "/readyz")
            if not ready["lacks"] and ready["restart"] not in ("replacing", "draining"):
                return
            await asyncio.sleep(_LOOK_S)
        raise BenchError(f"the proxy did not settle: {ready}")

    def kill(self, number: int) -> set[int]:
        """Kill one worker as the kernel would, and return the client ports of the connections that it held."""
        pid = self.run.workers[number % len(self.run.workers)].pid
        try:
            # Because a stopped worker accepts nothing more, the list is exact.
            os.kill(pid, signal.SIGSTOP)
            held = _client_ports(pid, self.port)
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, FileNotFoundError):
            return set()
        return held

    def weigh(self) -> Weight:
        """Return what the processes weigh now."""
        workers = [_weigh(worker.pid) for worker in self.run.workers]
        control = _weigh(self.run.control.pid)
        return Weight(
            control_kib=control[0],
            control_descriptors=control[1],
            worker_kib=max(kib for kib, _ in workers),
            worker_descriptors=max(count for _, count in workers),
        )


def _weigh(pid: int) -> tuple[int, int]:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * _PAGE_KIB, len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _client_ports(pid: int, port: int) -> set[int]:
    """Return the remote ports of a process's connections on one of its own ports (proc_net_tcp(5))."""
    inodes = {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    ports: set[int] = set()
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if int(fields[1].partition(":")[2], 16) == port and f"socket:[{fields[9]}]" in inodes:
            ports.add(int(fields[2].partition(":")[2], 16))
    return ports - {0}
