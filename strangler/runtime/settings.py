"""Settings: what the command line says goes before the file, and what only a restart can change.

Sockets, processes and the state directory are made once. A file that changes them is served for the rest, and the
difference is told instead of being half applied.
"""

from dataclasses import dataclass, replace

from strangler.config import addresses
from strangler.core.model import Address, Config

FIXED = ("listen", "admin", "admin_access", "admin_tls", "workers", "state_dir", "flags", "proxy_protocol")
"""The fields of Config that hold from start to end. Whether there is `tls` holds too; what it says does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the command line set; None leaves it to the file."""

    listen: Address | None = None
    admin: Address | None = None
    workers: int | None = None
    state_dir: str | None = None


def effective(config: Config, overrides: Overrides) -> Config:
    """Return the configuration with the command line's settings in place of the file's."""
    return replace(
        config,
        listen=overrides.listen or config.listen,
        admin=overrides.admin or config.admin,
        workers=config.workers if overrides.workers is None else overrides.workers,
        state_dir=overrides.state_dir or config.state_dir,
    )


def conflicts(config: Config) -> tuple[str, ...]:
    """Return why these addresses cannot be served together; the file alone was checked, the command line changes it."""
    found = []
    if addresses.clash(config.listen, config.admin):
        found.append(f"clients and operators would share {config.listen}. Give `admin` or --admin a port of its own.")
    found += [
        f"the upstream `{upstream.name}` is the proxy's own listener, {config.listen}, and requests would go round "
        "forever. Name the application's address, or choose another with --listen."
        for upstream in config.upstreams
        if any(addresses.leads_to(address, config.listen) for address in upstream.addresses)
    ]
    return tuple(found)


def hold(running: Config, wanted: Config) -> tuple[Config, tuple[str, ...]]:
    """Return `wanted` with the fixed settings of `running`, and the names of those that differed."""
    differing = tuple(name for name in FIXED if getattr(running, name) != getattr(wanted, name))
    keeps_tls = (running.tls is None) == (wanted.tls is None)
    if not keeps_tls:
        # Because plain bytes and TLS cannot be told apart for sure on one port.
        differing = (*differing, "tls")
    held = replace(
        wanted,
        listen=running.listen,
        admin=running.admin,
        admin_access=running.admin_access,
        admin_tls=running.admin_tls,
        workers=running.workers,
        state_dir=running.state_dir,
        flags=running.flags,
        proxy_protocol=running.proxy_protocol,
        tls=wanted.tls if keeps_tls else running.tls,
    )
    return held, differing
