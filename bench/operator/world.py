"""The world of one size: a proxy with so many routes, both sides behind it, and callers of a part of the routes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.children import free_ports, is_listening, started
from bench.cpu import Cores
from bench.scenarios import beginning
from bench.subjects import Admin

FLAGS = 20
"""Flags that the routes share."""
SHARE = "10%"
ASKED_PART = 5
"""One route in so many has traffic."""
RATE = 150
"""Requests a second over all routes that have any; half a core of the one that plays all parts would be 1,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A running proxy of one size."""

    size: int
    folder: Path
    """Of the routes file."""
    admin: Admin
    control: int
    """Process id."""

    @property
    def address(self) -> tuple[str, int]:
        """Where the admin API listens."""
        run = self.admin.run
        assert run is not None
        host, _, port = run.admin.rpartition(":")
        return host, int(port)

    @property
    def token(self) -> str:
        return (self.folder / "state" / "admin-token").read_text(encoding="ascii").strip()

    @property
    def routes(self) -> Path:
        return self.folder / "routes.yaml"


@contextmanager
def world(size: int, *, cores: Cores, folder: Path) -> Iterator[World]:
    """Run a proxy with `size` routes until the block ends, with traffic on one in ASKED_PART of them."""
    home = folder / f"{size} routes"
    home.mkdir()
    legacy, extracted = free_ports(2)
    routes = home / "routes.yaml"
    routes.write_text(routes_text(size, legacy=legacy, extracted=extracted), encoding="utf-8")
    backends = [sys.executable, "-m", "bench.operator.sides", "--legacy", str(legacy), "--extracted", str(extracted)]
    serve = [sys.executable, "-m", "strangler", "serve", "--config", str(routes), "--log-format", "json"]
    with started(f"proxy {size}", serve, core=cores.proxy, folder=folder) as proxy:
        admin = Admin(home / "state")
        proxy.wait_until(admin.is_ready, "ready")
        for number in sorted({number % FLAGS for number in range(1, size, 2)}):
            admin.ask("PUT", f"/api/v1/flags/flag-{number}", {"set": SHARE, "reason": "bench"})
        run = admin.run
        assert run is not None
        listen = run.listen.rpartition(":")[2]
        callers = [*backends, "--proxy", listen, "--routes", str(size), "--rate", str(RATE)]
        with started(f"sides {size}", callers, core=cores.load, folder=folder) as sides:
            sides.wait_until(lambda: is_listening(legacy) and is_listening(extracted), "listening")
            yield World(size=size, folder=home, admin=admin, control=proxy.pid)


def routes_text(size: int, *, legacy: int, extracted: int) -> str:
    """Return a routes file with `size` routes; every second one has a flag, the others a share."""
    each = '  - {name: area-%d.read, match: {methods: [GET], path: "/api/area-%d/{id}"}, extracted: extracted, %s}'
    return "\n".join(
        (
            *beginning(legacy=legacy, extracted=extracted),
            "defaults:",
            "  identity: [header X-User-Id, assigned cookie]",
            "routes:",
            *(each % (number, number, _share(number)) for number in range(size)),
            "",
        )
    )


def _share(number: int) -> str:
    return f"flag: flag-{number % FLAGS}" if number % 2 else "share: 5%"
