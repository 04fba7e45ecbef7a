"""A whole proxy as its users run it: `strangler serve` in processes of its own, on ports that the kernel picks."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from strangler.runtime import runfile
from tests.support.waiting import until

START_S = 30.0
"""A start takes about a second; a busy machine may take much longer."""


@dataclass(slots=True)
class Proxy:
    """A started proxy and its folder."""

    folder: Path
    process: asyncio.subprocess.Process
    session: aiohttp.ClientSession
    port: int = 0
    admin: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def routes(self) -> Path:
        return self.folder / "routes.yaml"

    @property
    def state_dir(self) -> Path:
        return self.folder / "state"

    @property
    def token(self) -> str:
        return (self.state_dir / "admin-token").read_text().strip()

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers, as the run file has them."""
        run = runfile.read(self.state_dir)
        return [] if run is None else [process.pid for process in run.workers]

    def log(self) -> list[dict[str, Any]]:
        """Return the log's lines so far; every one must be JSON."""
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.log() if line["event"] == name]

    async def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Return status and JSON of the admin API."""
        sent = {"Authorization": f"Bearer {self.token}", "If-Match": "*"} if headers is None else headers
        url = f"http://{self.admin}{path}"
        async with self.session.request(method, url, json=body, headers=sent) as answer:
            return answer.status, await answer.json(content_type=None)

    async def status(self) -> dict[str, Any]:
        _, answer = await self.ask("GET", "/api/v1/status")
        return dict(answer)

    async def metrics(self) -> str:
        async with self.session.get(f"http://{self.admin}/metrics") as answer:
            return await answer.text()

    async def get(self, path: str, user: str = "someone") -> tuple[int, str]:
        """Return status and body of a request through the proxy."""
        async with self.session.get(f"{self.url}{path}", headers={"X-User-Id": user}) as answer:
            return answer.status, await answer.text()

    async def wait_ready(self) -> None:
        """Return once all workers serve the newest generation."""

        async def is_ready() -> bool:
            if self.process.returncode is not None:
                raise AssertionError((self.folder / "log").read_text())
            run = runfile.read(self.state_dir)
            if run is None or run.control.pid != self.process.pid:
                return False
            self.port, self.admin = int(run.listen.rpartition(":")[2]), run.admin
            try:
                return (await self.ask("GET", "/readyz", headers={}))[0] == 200
            except (aiohttp.ClientConnectionError, OSError):
                return False

        await until(is_ready, deadline_s=START_S, what="ready")

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal and return the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(START_S):
            return await self.process.wait()


async def launch(
    folder: Path,
    *arguments: str,
    session: aiohttp.ClientSession,
    environ: Mapping[str, str] | None = None,
    terminal: int | None = None,
) -> Proxy:
    """Start `strangler serve` on the folder's routes.yaml, without waiting for it.

    Standard error is the file `log`, unless a terminal's descriptor is given.
    """
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "strangler",
            "serve",
            "--config",
            str(folder / "routes.yaml"),
            "--log-format",
            "json",
            *arguments,
            stdout=log,
            stderr=log if terminal is None else terminal,
            env={**os.environ, **(environ or {})},
        )
    return Proxy(folder=folder, process=process, session=session)


@asynccontextmanager
async def running(
    folder: Path, routes: str, *arguments: str, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Proxy]:
    """Serve `routes` until the block ends; leaves no process behind, whatever the test did."""
    (folder / "routes.yaml").write_text(routes)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        proxy = await launch(folder, *arguments, session=session, environ=environ)
        try:
            await proxy.wait_ready()
            yield proxy
        finally:
            await end(proxy)


async def end(proxy: Proxy) -> None:
    """End a proxy and its workers by their ids."""
    before = runfile.read(proxy.state_dir)
    try:
        await proxy.stop()
    finally:
        if proxy.process.returncode is None:
            # Because two signals at once are one, a proxy that had no time for the first may wait for its delay.
            proxy.process.kill()
            await proxy.process.wait()
        after = runfile.read(proxy.state_dir)
        for run in (before, after):
            for process in () if run is None else run.workers:
                if runfile.is_alive(process):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process.pid, signal.SIGKILL)


def routes_text(*, monolith: int, extracted: int = 1, routes: Sequence[str] = (), workers: int = 2) -> str:
    """Return a routes file with two upstreams; each of `routes` is a YAML mapping on one line."""
    lines = [
        "version: 1",
        "listen: 127.0.0.1:0",
        "admin: 127.0.0.1:0",
        f"workers: {workers}",
        "state_dir: state",
        "upstreams:",
        f'  monolith: {{url: "http://127.0.0.1:{monolith}", default: true}}',
        f'  extracted: {{url: "http://127.0.0.1:{extracted}"}}',
        "defaults:",
        "  identity: [header X-User-Id]",
    ]
    if routes:
        lines += ["routes:", *(f"  - {route}" for route in routes)]
    return "\n".join(lines) + "\n"
