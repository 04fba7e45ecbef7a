"""The account of one client that goes with its requests: who it is and what it asked for."""

from strangler.core import forward
from strangler.core.headers import RequestHead


class Account:
    """Makes the forwarding lines of one client's requests, once for each host."""

    __slots__ = ("_host", "_lines", "_peer")

    def __init__(self, peer: forward.Peer) -> None:
        self._peer = peer
        self._host: bytes | None = None
        self._lines = b""

    def lines(self, head: RequestHead) -> bytes:
        """Return the forwarding lines for one request."""
        host = head.host or b""
        if self._peer.is_trusted:
            return forward.trusted_forwarding_lines(self._peer, head, host)
        if host != self._host:
            self._host = host
            self._lines = forward.forwarding_lines(self._peer, host)
        return self._lines
