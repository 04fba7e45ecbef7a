"""A page that is left open, and values that would rather be markup."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from strangler.runtime import runfile
from tests.browser.demos import Demo, fetch
from tests.browser.looking import until
from tests.browser.person import open_page

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

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.admin = self.url = ""
        self._addresses = ("127.0.0.1:0", "127.0.0.1:0")
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "routes.yaml").write_text(
            "version: 1\nworkers: 1\nstate_dir: state\nupstreams:\n"
            f'  monolith: {{url: "http://127.0.0.1:{port}", default: true}}\n'
            f'  service: {{url: "http://127.0.0.1:{port}"}}\n'
            "routes:\n  - {name: hostile, match: {methods: [GET], path: '/x/{id}'}, extracted: service, share: 0%,\n"
            "     shadow: {mode: shadow, noise: 0%}}\n"
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


@pytest.fixture
def proxy(browser: Browser, tmp_path: Path) -> Iterator[Proxy]:
    with upstream() as port:
        proxy = Proxy(tmp_path, port)
        proxy.start()
        try:
            yield proxy
        finally:
            proxy.stop()


def test_a_page_that_was_left_open_over_a_restart_says_so_and_goes_on(browser: Browser, proxy: Proxy) -> None:
    with open_page(browser, proxy.admin) as person:
        person.expected.append(re.compile("Failed to load resource|ERR_|EventSource"))
        person.sign_in(proxy.token)
        expect(person.page.get_by_text("Live", exact=True)).to_be_visible()

        proxy.stop()
        expect(person.page.get_by_label("What everybody should know")).to_contain_text("Not connected since")
        expect(person.button("Kill switch…")).to_be_disabled()
        proxy.start()

        expect(person.page.get_by_label("Notices")).to_contain_text("The proxy's control process was restarted.")
        expect(person.page.get_by_text("Live", exact=True)).to_be_visible()
        expect(person.page.get_by_label("What everybody should know")).not_to_contain_text("Not connected")
        expect(person.button("Kill switch…")).to_be_enabled()


def test_what_comes_with_traffic_is_shown_as_text_and_never_becomes_markup(browser: Browser, proxy: Proxy) -> None:
    headers = {"Authorization": f"Bearer {proxy.token}", "If-Match": "*", "Content-Type": "application/json"}

    def groups() -> int:
        fetch(f"{proxy.url}/x/%3Cimg%20src=x%3E", "GET", None, {})
        return len(fetch(f"{proxy.admin}/api/v1/shadow/hostile", "GET", None, headers)["groups"])

    until(lambda: groups() > 0, what="a difference is found")
    fetch(f"{proxy.admin}/api/v1/guards/hostile/trip", "POST", {"reason": HOSTILE}, headers)
    with open_page(browser, proxy.admin) as person:
        person.sign_in(proxy.token)
        expect(person.page.get_by_label("What everybody should know")).to_contain_text("<img src=x")
        person.go("#/route/hostile")
        panel = person.section("Differences between both sides")
        panel.locator("summary").first.click()
        expect(panel.locator("pre").first).to_contain_text("<img src=x")
        person.go(f"#/route/{HOSTILE}")
        expect(person.heading("No such endpoint")).to_be_visible()
        person.go("#/audit")
        expect(person.section("Audit log").locator("li").first).to_contain_text("<script>")

        assert person.page.locator("main img, #banners img, #notices img, main script").count() == 0
        assert "taken" not in person.page.title()


def test_the_demo_has_a_page(demo: Demo) -> None:
    assert "dashboard  http://127.0.0.1:" in "".join(demo.output)
