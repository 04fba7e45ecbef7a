"""Accepting: from a listening socket to clients, past the limits, a PROXY header and a TLS handshake.

Plain HTTP is accepted by the loop itself. Everything else is accepted here, in small batches, and counts as a
connection from the first moment: a client that dawdles before its first request takes a place and no more, and not for
longer than the handshake may take.
"""

import asyncio
import errno
import socket
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, Any

from strangler.core import proxyline
from strangler.core.forward import Peer
from strangler.core.proxyline import ProxyLineError
from strangler.proxy.client import Client

if TYPE_CHECKING:
    from strangler.proxy.plane import Plane

_BATCH = 16
"""Connections taken in one turn of the loop, so that a storm of them delays a request by about a millisecond."""
_PAUSE_S = 1.0
"""For which nothing is accepted when descriptors or memory have run out. Precedent: asyncio's own servers, 1 s."""
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_BUFFER_BYTES = 65_536
"""What may wait to be sent before the upstream is held: as without TLS, where uvloop's default is an eighth."""
_TELL_EVERY_S = 10.0
"""Because anybody can fail as often as he likes, failures are told in sums."""


class Acceptor:
    """Accepts on one listening socket, which it owns."""

    def __init__(self, plane: "Plane", listener: socket.socket, *, proxy_protocol: bool, tls: bool) -> None:
        self._plane = plane
        self._listener = listener
        self._proxy_protocol = proxy_protocol
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._prefaces: set[_Preface] = set()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._paused_until = 0.0
        self._failures: Counter[str] = Counter()
        self._tell_at = 0.0
        self._is_closed = False
        listener.setblocking(False)
        self._loop.add_reader(listener.fileno(), self._accept)

    @property
    def pending(self) -> int:
        """Connections that are no clients yet."""
        return len(self._prefaces) + len(self._handshakes)

    def sweep(self, now: float) -> None:
        """End what takes too long, go on after a pause, and tell what failed."""
        for preface in [preface for preface in self._prefaces if preface.wake_at <= now]:
            preface.fail("the PROXY header is late")
        if self._paused_until and self._paused_until <= now and not self._is_closed:
            self._paused_until = 0.0
            self._loop.add_reader(self._listener.fileno(), self._accept)
        if self._failures and self._tell_at <= now:
            self._tell_at = now + _TELL_EVERY_S
            failures, self._failures = self._failures, Counter()
            self._plane.on_handshakes_failed(dict(failures))

    def take_waiting(self, most: int) -> None:
        """Take what waits in the queue; where this is the last process that listens, the kernel would reset it."""
        for _ in range(0, 0 if self._is_closed else most, _BATCH):
            if not self._accept():
                return

    def close(self) -> None:
        """Accept no more; what was accepted goes on."""
        if not self._is_closed:
            self._is_closed = True
            if not self._paused_until:
                self._loop.remove_reader(self._listener.fileno())
            self._listener.close()

    def abort(self) -> None:
        """End what is no client yet."""
        self.close()
        for preface in tuple(self._prefaces):
            preface.fail("the proxy ends")
        for handshake in self._handshakes:
            handshake.cancel()

    # --- from a preface

    def peer(self, address: str) -> Peer:
        """Return who is at an address."""
        return self._plane.peer((address,))

    def on_preface(self, preface: "_Preface", peer: Peer) -> None:
        """Go on with a connection whose PROXY header is whole; the bytes behind it are still in the socket."""
        self._prefaces.discard(preface)
        self._plane.leave(preface.peer)
        if self._plane.admits(peer):
            self._open(preface.sock, peer)
        else:
            preface.sock.close()

    def on_preface_failed(self, preface: "_Preface", why: str) -> None:
        """Forget a connection that had no PROXY header."""
        self._prefaces.discard(preface)
        self._failures[why] += 1
        self._plane.leave(preface.peer)

    # --- inside

    def _accept(self) -> bool:
        """Take a batch; return whether there may be more."""
        for _ in range(_BATCH):
            try:
                sock, address = self._listener.accept()
            except BlockingIOError:
                return False
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._pause(error)
                    return False
                # Because a client that left while it waited is no reason to keep the others waiting (accept(2)).
                continue
            self._take(sock, address)
        return True

    def _pause(self, error: OSError) -> None:
        self._loop.remove_reader(self._listener.fileno())
        self._paused_until = monotonic() + _PAUSE_S
        self._plane.on_accept_paused(error.strerror or "")

    def _take(self, sock: socket.socket, address: Any) -> None:
        peer = self._plane.peer(address)
        if not self._plane.admits(peer):
            sock.close()
            return
        sock.setblocking(False)
        if not self._proxy_protocol:
            self._open(sock, peer)
        elif peer.is_trusted:
            self._plane.enter(peer)
            deadline = monotonic() + self._plane.limits.handshake_timeout_s
            self._prefaces.add(_Preface(self, sock, peer, deadline))
        else:
            self._failures["a PROXY header would not be believed"] += 1
            sock.close()

    def _open(self, sock: socket.socket, peer: Peer) -> None:
        self._plane.enter(peer)
        # Because the loop has no other way to take an accepted socket over; the set is the task's owner.
        task = self._loop.create_task(self._hand_over(sock, peer), name="handshake")
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def _hand_over(self, sock: socket.socket, peer: Peer) -> None:
        plane = self._plane
        try:
            if self._tls:
                transport, _ = await self._loop.connect_accepted_socket(
                    lambda: Client(plane, peer),
                    sock,
                    ssl=plane.tls,
                    ssl_handshake_timeout=plane.limits.handshake_timeout_s,
                    ssl_shutdown_timeout=plane.limits.write_timeout_s,
                )
                transport.set_write_buffer_limits(high=_BUFFER_BYTES)
            else:
                await self._loop.connect_accepted_socket(lambda: Client(plane, peer), sock)
        except OSError as error:
            self._failures[_reason(error)] += 1
        finally:
            plane.leave(peer)


class _Preface:
    """One connection until its PROXY header is whole; takes no byte that is behind it."""

    __slots__ = ("_acceptor", "_data", "peer", "sock", "wake_at")

    def __init__(self, acceptor: Acceptor, sock: socket.socket, peer: Peer, wake_at: float) -> None:
        self._acceptor = acceptor
        self._data = b""
        self.sock = sock
        self.peer = peer
        self.wake_at = wake_at
        asyncio.get_running_loop().add_reader(sock.fileno(), self._read)

    def fail(self, why: str) -> None:
        """Close without an answer: whoever sends no header does not speak the protocol that an answer would be in."""
        asyncio.get_running_loop().remove_reader(self.sock.fileno())
        self.sock.close()
        self._acceptor.on_preface_failed(self, why)

    def _read(self) -> None:
        try:
            peeked = self.sock.recv(proxyline.MAX_BYTES - len(self._data), socket.MSG_PEEK)
            found = proxyline.read(self._data + peeked)
            # Because all of an incomplete header is header, it is taken; else the loop would be told again and again.
            taken = len(peeked) if found is None else found.size - len(self._data)
            self._data += self.sock.recv(taken)
        except BlockingIOError:
            return
        except ProxyLineError as error:
            self.fail(str(error))
            return
        except OSError as error:
            self.fail(_reason(error))
            return
        if not peeked:
            self.fail("the connection ended before its PROXY header")
        elif found is not None:
            asyncio.get_running_loop().remove_reader(self.sock.fileno())
            peer = self._acceptor.peer(found.address) if found.address else self.peer
            self._acceptor.on_preface(self, peer)


def _reason(error: OSError) -> str:
    """Return why a connection failed in few words, of which there is a closed set."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, str):
        return reason.replace("_", " ").lower()
    if isinstance(error, ConnectionAbortedError):
        return "the handshake is late"
    return type(error).__name__
