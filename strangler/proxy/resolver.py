"""Resolver: which addresses the names of an upstream stand for, looked up again and again off the request path."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from strangler.core.model import Address

MAX_ADDRESSES = 256
"""Of one name; more is a mistake in a zone file."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the IP addresses of a host's name; raises OSError if it has none or cannot be looked up."""


async def resolve(host: str, port: int) -> tuple[str, ...]:
    """Ask the system's resolver; IPv6 only if there is no IPv4 (Envoy's `V4_PREFERRED`), always in the same order."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    of_family = {
        family: sorted({str(sockaddr[0]) for kind, _, _, _, sockaddr in found if kind == family})
        for family in (socket.AF_INET, socket.AF_INET6)
    }
    addresses = of_family[socket.AF_INET] or of_family[socket.AF_INET6]
    if not addresses:
        raise OSError("the name has no address")
    return tuple(addresses[:MAX_ADDRESSES])


def is_literal(host: str) -> bool:
    """Return whether a host is an IP address already."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class Names:
    """Follows the names of one upstream; the last good answer for each of them holds."""

    def __init__(
        self,
        addresses: Sequence[Address],
        *,
        resolve: Resolve,
        every_s: float,
        on_change: Callable[[], None],
        on_notice: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._addresses = addresses
        self._resolve = resolve
        self._every_s = every_s
        self._on_change = on_change
        self._on_notice = on_notice
        self._known: dict[Address, tuple[str, ...]] = {
            address: (address.host,) for address in addresses if is_literal(address.host)
        }
        self._failed: dict[Address, str] = {}

    @property
    def known(self) -> Mapping[Address, tuple[str, ...]]:
        """The IP addresses behind each address of the file, as far as they are known."""
        return self._known

    @property
    def names(self) -> tuple[Address, ...]:
        """The addresses that have to be looked up."""
        return tuple(address for address in self._addresses if not is_literal(address.host))

    @property
    def failures(self) -> tuple[str, ...]:
        """What the last look-up of each name that failed said."""
        return tuple(f"{address}: {why}" for address, why in self._failed.items())

    async def follow(self) -> None:
        """Look all names up now and then again and again; never returns."""
        while True:
            for address in self.names:
                await self._look(address)
            await asyncio.sleep(self._every_s)

    async def _look(self, address: Address) -> None:
        try:
            found = tuple(await self._resolve(address.host, address.port))
        except OSError as error:
            why = error.strerror or str(error)
            if address not in self._failed:
                kept = list(self._known.get(address, ()))
                self._on_notice("resolve_failed", {"name": address.host, "why": why, "kept": kept})
            self._failed[address] = why
            self._on_change()
            return
        if self._failed.pop(address, None) is not None:
            self._on_notice("resolve_recovered", {"name": address.host, "addresses": list(found)})
        elif address in self._known and self._known[address] != found:
            self._on_notice("addresses_changed", {"name": address.host, "addresses": list(found)})
        if self._known.get(address) != found:
            self._known[address] = found
            self._on_change()
