"""What a service manager hands over and wants to hear: systemd's socket activation and sd_notify.

Both are small protocols over the environment and one datagram socket (sd_listen_fds(3), sd_notify(3)). What was read
is taken out of the environment, so that no child believes it is meant.
"""

import logging
import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass

from strangler.core.model import Address
from strangler.errors import UsageError
from strangler.runtime import sockets

_FIRST = 3
"""SD_LISTEN_FDS_START."""
_MOST = 64
_VARIABLES = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One listening socket that was bound for this process."""

    name: str
    listener: socket.socket


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """The service manager that started this process; all is empty without one."""

    given: tuple[Given, ...] = ()
    notify_address: str = ""
    watchdog_s: float = 0.0
    """How long it waits for a sign of life before it kills; 0 for never."""


def take(environ: MutableMapping[str, str], pid: int) -> Manager:
    """Return what the service manager left for process `pid`, and remove it from the environment.

    Raises UsageError for a socket that cannot be listened on.
    """
    values = {name: environ.pop(name, "") for name in _VARIABLES}
    is_mine = values["WATCHDOG_PID"] in ("", str(pid))
    watchdog = values["WATCHDOG_USEC"]
    return Manager(
        given=_listeners(values["LISTEN_FDS"], values["LISTEN_FDNAMES"]) if values["LISTEN_PID"] == str(pid) else (),
        notify_address=values["NOTIFY_SOCKET"],
        watchdog_s=int(watchdog) / 1e6 if is_mine and watchdog.isascii() and watchdog.isdigit() else 0.0,
    )


def choose(given: tuple[Given, ...], listen: Address, admin: Address) -> dict[str, socket.socket]:
    """Return which of the sockets is for clients (`listen`) and which for operators (`admin`).

    Its name decides, else its address. Raises UsageError for one that is neither, and for two of a kind.
    """
    chosen: dict[str, socket.socket] = {}
    for one in given:
        bound = sockets.bound(one.listener)
        place = one.name if one.name in ("listen", "admin") else _place(bound, listen, admin)
        if not place:
            raise UsageError(
                f"the service manager passed the socket {one.name or 'without a name'} on {bound}, which is neither "
                f"`listen` ({listen}) nor `admin` ({admin}). Give it FileDescriptorName=listen or =admin."
            )
        if place in chosen:
            raise UsageError(
                f"the service manager passed two sockets for `{place}`: {sockets.bound(chosen[place])} and {bound}. "
                "Leave one of them out."
            )
        chosen[place] = one.listener
    return chosen


class Notifier:
    """Tells the service manager how this process stands; without one, nothing."""

    def __init__(self, address: str) -> None:
        # Because an address that starts with @ is in the abstract namespace (unix(7)).
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket: socket.socket | None = None
        self._is_warned = False
        if address[:1] in ("/", "@"):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
        elif address:
            LOG.warning("notify_unsupported", extra={"fields": {"address": address}})

    def tell(self, *lines: str) -> None:
        """Send one message; one that cannot be sent is lost, and the first is logged."""
        if self._socket is None:
            return
        try:
            self._socket.sendto("\n".join(line.replace("\n", " ") for line in lines).encode(), self._address)
        except OSError as error:
            if not self._is_warned:
                self._is_warned = True
                LOG.warning("notify_failed", extra={"fields": {"why": error.strerror}})

    def close(self) -> None:
        """Tell nothing any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _listeners(count: str, names: str) -> tuple[Given, ...]:
    if not count.isascii() or not count.isdigit() or int(count) > _MOST:
        raise UsageError(f"LISTEN_FDS is {count[:20]!r}, which is not a number of sockets from 0 to {_MOST}.")
    named = names.split(":") if names else []
    return tuple(
        Given(name=named[position] if position < len(named) else "", listener=_listener(_FIRST + position))
        for position in range(int(count))
    )


def _listener(descriptor: int) -> socket.socket:
    try:
        os.set_inheritable(descriptor, False)
        listener = socket.socket(fileno=descriptor)
    except OSError as error:
        raise UsageError(
            f"the service manager passed descriptor {descriptor}, which is no socket ({error.strerror})."
        ) from error
    is_internet = listener.family in (socket.AF_INET, socket.AF_INET6) and listener.type == socket.SOCK_STREAM
    if not is_internet or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        # Because the object would close a descriptor that others may use.
        listener.detach()
        raise UsageError(
            f"the service manager passed descriptor {descriptor}, which is no listening TCP socket. "
            "Use ListenStream= with an address and Accept=no."
        )
    listener.setblocking(False)
    return listener


def _place(bound: Address, listen: Address, admin: Address) -> str:
    for place, wanted in (("listen", listen), ("admin", admin)):
        _, (host, port) = sockets.resolve(wanted, place)
        if (host, port) == (bound.host, bound.port):
            return place
    return ""
