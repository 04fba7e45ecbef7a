"""A proxy of a test's own, before an upstream that answers whatever it is asked."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from strangler.runtime import runfile
from tests.browser.demos import fetch
from tests.browser.looking import until

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = '<img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script>'


class Upstream(BaseHTTPRequestHandler):
    """Answers with markup, another one on each side."""

    def do_GET(self) -> None:
        side = "new" if self.headers.get("X-Strangler-Shadow") else "old"
        body = f'{{"{HOSTILE.replace(chr(34), chr(39))}": "{side} {HOSTILE.replace(chr(34), chr(39))}"}}'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def upstream() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Proxy:
    """A proxy of its own, that can be started anew on the same ports."""

    def __init__(self, folder: Path, port: int, routes: str) -> None:
        """`routes` is what stands in the file as the list of routes."""
        self._folder = folder
        self.admin = self.url = ""
        self._addresses = ("127.0.0.1:0", "127.0.0.1:0")
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "routes.yaml").write_text(
            "version: 1\nworkers: 1\nstate_dir: state\nupstreams:\n"
            f'  monolith: {{url: "http://127.0.0.1:{port}", default: true}}\n'
            f'  service: {{url: "http://127.0.0.1:{port}"}}\n'
            f"routes:\n{routes}"
        )

    def start(self) -> None:
        listen, admin = self._addresses
        words = [sys.executable, "-m", "strangler", "serve", "-c", "routes.yaml", "--listen", listen, "--admin", admin]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                words, cwd=self._folder, stdout=log, stderr=log, env={"PYTHONPATH": str(ROOT)}
            )
        until(self._is_up, what="the proxy is up")

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)

    @property
    def token(self) -> str:
        return (self._folder / "state" / "admin-token").read_text().strip()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return JSON of the admin API."""
        headers = {"Authorization": f"Bearer {self.token}", "If-Match": "*", "Content-Type": "application/json"}
        return fetch(f"{self.admin}/api/v1/{path}", method, body, headers)

    def _is_up(self) -> bool:
        run = runfile.read(self._folder / "state")
        if run is None or not run.workers:
            return False
        self._addresses = (run.listen, run.admin)
        self.url, self.admin = f"http://{run.listen}", f"http://{run.admin}"
        try:
            return bool(fetch(f"{self.admin}/readyz", "GET", None, {})["status"] == "ready")
        except OSError:
            return False


@contextmanager
def proxying(folder: Path, routes: str) -> Iterator[Proxy]:
    """Run a proxy with these routes until the block ends."""
    with upstream() as port:
        proxy = Proxy(folder, port, routes)
        proxy.start()
        try:
            yield proxy
        finally:
            proxy.stop()
