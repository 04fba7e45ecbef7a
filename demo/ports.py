"""Ports: where everything is reached, as the routes file says it, and whether those ports are free.

The routes file is the one place that names addresses: the demo starts each service where the proxy will look for it.
"""

import errno
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from demo.errors import UsageError

SERVICES = ("status", "notifications", "users", "payments")
_LISTEN, _ADMIN, _STATE_DIR = "127.0.0.1:8080", "127.0.0.1:9900", ".strangler"
"""The proxy's own defaults, docs/routes-yaml.md."""
_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, never bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address, who listens there, and the setting that says so."""

    name: str
    host: str
    port: int
    setting: str

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Where a client on this machine reaches it."""
        host = _ANY_HOST.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What the routes file says about who is where."""

    routes: Path
    state_dir: Path
    listen: Place
    admin: Place
    monolith: Place
    services: tuple[Place, ...]
    """The extracted services that the file has an upstream for."""

    @property
    def places(self) -> tuple[Place, ...]:
        """All of them."""
        return (self.listen, self.admin, self.monolith, *self.services)

    def service(self, name: str) -> Place | None:
        """Return an extracted service by its name."""
        return next((place for place in self.services if place.name == name), None)


def read_layout(routes: Path) -> Layout:
    """Return what the file says; raises UsageError if it does not say it in a way that the proxy would take."""
    try:
        file: Any = yaml.safe_load(routes.read_bytes())
        upstreams = file["upstreams"]
        return Layout(
            routes=routes.absolute(),
            state_dir=(routes.absolute().parent / str(file.get("state_dir", _STATE_DIR))).resolve(),
            listen=_place("the proxy", str(file.get("listen", _LISTEN)), "listen"),
            admin=_place("the proxy's admin port", str(file.get("admin", _ADMIN)), "admin"),
            monolith=_upstream("monolith", upstreams),
            services=tuple(_upstream(name, upstreams) for name in SERVICES if name in upstreams),
        )
    except OSError as error:
        raise UsageError(f"{routes}: cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise UsageError(
            f"{routes}: the demo finds no addresses in it. It needs `upstreams` with `monolith` and a `url` each; "
            f"`strangler check -c {routes}` says what else is wrong."
        ) from error


def check_free(layout: Layout) -> None:
    """Raise UsageError if a port is taken, one line for each."""
    taken = [
        f"port {place.port} on {place.host} is in use, and {place.name} needs it: stop what uses it, "
        f"or change {place.setting} in {layout.routes.name}."
        for place in _taken(layout.places)
    ]
    if taken:
        raise UsageError("\n".join(taken))


def _taken(places: Iterable[Place]) -> Iterable[Place]:
    for place in places:
        with socket.socket(socket.AF_INET6 if ":" in place.host else socket.AF_INET) as probe:
            # As the servers do it, so that a port of a run that ended just now counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((place.host, place.port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise UsageError(
                        f"cannot listen on {place.address} ({error.strerror}): change {place.setting}."
                    ) from error
                yield place


def _upstream(name: str, upstreams: Any) -> Place:
    upstream = upstreams[name]
    url, key = (upstream["url"], "url") if "url" in upstream else (upstream["urls"][0], "urls")
    return _place(name, urlsplit(url).netloc, f"upstreams.{name}.{key}")


def _place(name: str, address: str, setting: str) -> Place:
    parts = urlsplit(f"//{address}")
    if not parts.hostname or not parts.port:
        raise ValueError(address)
    return Place(name=name, host=parts.hostname, port=parts.port, setting=setting)
