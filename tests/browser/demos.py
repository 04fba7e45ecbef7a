"""The demo as a process beside the tests, and its admin API for what a test looks at or prepares."""

import json
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.browser.looking import until
from tests.demo.demos import ROOT, port_of, write_routes

START_S = 90.0
"""A start takes about three seconds; a busy machine may take much longer."""
READY = "Try, in another shell:"


@dataclass(slots=True)
class Demo:
    """A demo that runs."""

    routes: Path
    process: subprocess.Popen[str]
    output: list[str] = field(default_factory=list)

    @property
    def admin(self) -> str:
        return f"http://127.0.0.1:{port_of(self.routes, 'admin')}"

    @property
    def token(self) -> str:
        return (self.routes.parent / "state" / "admin-token").read_text().strip()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return JSON of the admin API."""
        headers = {"Authorization": f"Bearer {self.token}", "If-Match": "*", "Content-Type": "application/json"}
        return fetch(f"{self.admin}/api/v1/{path}", method, body, headers)

    def fail(self, service: str, error_rate: float) -> None:
        """Let a service fail this part of its requests, as the demo's own advice has it."""
        url = f"http://127.0.0.1:{port_of(self.routes, service)}/_faults"
        fetch(url, "PUT", {"error_rate": error_rate}, {"Content-Type": "application/json"})

    def route(self, name: str) -> Any:
        """Return a route as the status has it."""
        return next(route for route in self.ask("GET", "status")["routes"] if route["name"] == name)

    def answered(self, name: str, side: str) -> int:
        """Return how many requests one side of a route has answered."""
        return int(self.route(name)["sides"][side]["requests"])

    def new_token(self, name: str, role: str) -> str:
        made = self.ask("POST", "tokens", {"name": name, "role": role, "reason": "a test"})
        return str(made["secret"])


@contextmanager
def running(folder: Path, change: Callable[[str], str] = lambda text: text) -> Iterator[Demo]:
    """Run a demo on ports and in folders of its own until the block ends."""
    routes = write_routes(folder)
    text = routes.read_text()
    if "\nstate_dir:" not in text:
        text = re.sub(r"^workers: .*$", r"\g<0>\nstate_dir: state", text, count=1, flags=re.MULTILINE)
    routes.write_text(change(text))
    words = [sys.executable, "-m", "demo", "--routes", str(routes), "--data", str(folder / "data")]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        demo = Demo(routes, process)
        reading = threading.Thread(target=_read, args=(process, demo.output))
        reading.start()
        try:
            until(lambda: _has_begun(demo), deadline_s=START_S, what="the demo runs")
            yield demo
        finally:
            process.terminate()
            try:
                process.wait(START_S)
            finally:
                process.kill()
                reading.join()


def _has_begun(demo: Demo) -> bool:
    text = "".join(demo.output)
    assert demo.process.poll() is None, text
    return READY in text


def _read(process: subprocess.Popen[str], output: list[str]) -> None:
    assert process.stdout is not None
    # Because what was read until now is looked at while more comes, it is added line by line.
    output.extend(iter(process.stdout.readline, ""))


def fetch(url: str, method: str, body: Any, headers: dict[str, str]) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers, method=method)) as answer:
        return json.loads(answer.read() or b"null")
