"""Subjects: the proxies, started on one core in front of the same origin."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Any

from bench import nginx, past
from bench.children import free_ports, is_listening, started
from bench.cpu import Cores, children
from bench.scenarios import FLAG, SHARE, routes_text
from strangler.control.auth import TOKEN_FILE
from strangler.runtime import runfile

_ANSWER_S = 5.0


class Proxy(StrEnum):
    """Who is measured."""

    STRANGLER = "strangler"
    PART_1 = "part 1"
    """strangler as it was then."""
    PLAIN = "plain aiohttp"
    NGINX = "nginx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A running proxy: where it listens, the process that proxies, and one beside it that does not."""

    proxy: Proxy
    port: int
    pid: int
    beside: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One nginx that answers on two ports, so that both sides of a split are there."""

    legacy: int
    extracted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How many requests of the scenarios' routes each side got."""

    legacy: int
    extracted: int


@contextmanager
def origin(*, core: int, folder: Path) -> Iterator[Origin]:
    """Run the origin."""
    legacy, extracted = free_ports(2)
    with started("origin", nginx.origin(folder, [legacy, extracted]), core=core, folder=folder) as child:
        child.wait_until(lambda: is_listening(legacy) and is_listening(extracted), "listening")
        yield Origin(legacy=legacy, extracted=extracted)


@contextmanager
def nginx_proxy(behind: Origin, *, cores: Cores, folder: Path) -> Iterator[Subject]:
    """Run nginx as a proxy with one worker."""
    (port,) = free_ports(1)
    command = nginx.proxy(folder, listen=port, upstream=behind.legacy)
    with started("nginx", command, core=cores.proxy, folder=folder) as child:
        child.wait_until(lambda: is_listening(port) and len(children(child.pid)) == 1, "listening")
        yield Subject(proxy=Proxy.NGINX, port=port, pid=children(child.pid)[0])


@contextmanager
def plain_proxy(behind: Origin, *, cores: Cores, folder: Path) -> Iterator[Subject]:
    """Run the plain aiohttp proxy."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "bench.plain_proxy", "--port", str(port)]
    command += ["--origin", f"http://127.0.0.1:{behind.legacy}"]
    with started("plain", command, core=cores.proxy, folder=folder) as child:
        child.wait_until(lambda: is_listening(port), "listening")
        yield Subject(proxy=Proxy.PLAIN, port=port, pid=child.pid)


@contextmanager
def strangler(
    behind: Origin, *, cores: Cores, folder: Path, proxy: Proxy = Proxy.STRANGLER, place: Path = past.ROOT
) -> Iterator[tuple[Subject, "Admin"]]:
    """Run `strangler serve` with one worker, twenty routes, and the flag of the scenarios' routes set.

    The package is the one at `place`.
    """
    home = folder / f"home of {proxy}"
    home.mkdir()
    routes = home / "routes.yaml"
    routes.write_text(routes_text(legacy=behind.legacy, extracted=behind.extracted), encoding="utf-8")
    command = [sys.executable, "-m", "strangler", "serve", "--config", str(routes), "--log-format", "json"]
    with started(
        proxy, command, core=cores.proxy, folder=folder, place=place, environment=past.environment(place)
    ) as child:
        admin = Admin(home / "state")
        child.wait_until(admin.is_ready, "ready")
        admin.set_share()
        child.wait_until(admin.is_ready, "ready")
        run = admin.run
        assert run is not None
        worker = run.workers[0].pid
        past.check_imports(worker, place)
        port = int(run.listen.rpartition(":")[2])
        yield Subject(proxy=proxy, port=port, pid=worker, beside=child.pid), admin


class Admin:
    """The admin API of the measured instance."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir

    @property
    def run(self) -> runfile.Run | None:
        """What runs, or None if it does not yet."""
        run = runfile.read(self._state_dir)
        return run if run is not None and len(run.workers) == 1 else None

    def is_ready(self) -> bool:
        """Return whether the worker serves the newest generation."""
        try:
            return self.run is not None and bool(self.ask("GET", "/readyz"))
        except (urllib.error.URLError, ConnectionError):
            return False

    def split(self) -> Split:
        """Return what each side of the flagged routes got so far."""
        flagged = [route["sides"] for route in self.ask("GET", "/api/v1/status")["routes"] if route["flag"] == FLAG]
        return Split(
            legacy=sum(sides["legacy"]["requests"] for sides in flagged),
            extracted=sum(sides["extracted"]["requests"] for sides in flagged),
        )

    def set_share(self) -> None:
        """Give the flag the share that is measured."""
        path, change = f"/api/v1/flags/{FLAG}", {"set": SHARE}
        try:
            self.ask("PUT", path, {**change, "reason": "bench"})
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.BAD_REQUEST:
                raise
            # Because the instance may be of a commit before changes had reasons.
            self.ask("PUT", path, change)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON that the admin API answers with."""
        assert self.run is not None
        token = (self._state_dir / TOKEN_FILE).read_text(encoding="ascii").strip()
        request = urllib.request.Request(
            f"http://{self.run.admin}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json", "If-Match": "*"},
        )
        with urllib.request.urlopen(request, timeout=_ANSWER_S) as answer:
            return json.load(answer)
