"""One tunnel: after a 101, bytes pass between a client and an upstream as they are, until both have ended.

Each side is read only as fast as the other takes it, so a tunnel holds one read and one write buffer a direction.
"""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strangler.core.decide import Decision
    from strangler.proxy.client import Client
    from strangler.proxy.upstream import UpstreamConnection

_IDLE_S = 3_600.0
"""A tunnel on which nothing moves. Precedent: HAProxy's `timeout tunnel` examples, 1 h."""


class Tunnel:
    """Joins the two transports; it is what the upstream connection sees of the client."""

    __slots__ = ("_client", "_has_client_ended", "_has_upstream_ended", "_upstream", "decision", "ends_at")

    ends_at: float
    """When it has been still for too long."""

    def __init__(
        self, client: "Client", upstream: "UpstreamConnection", early: bytes, decision: "Decision | None"
    ) -> None:
        self.decision = decision
        """By which it came about."""
        self._client = client
        self._upstream = upstream
        self._has_client_ended = False
        self._has_upstream_ended = False
        upstream.open_tunnel(self)
        if early:
            upstream.transport.write(early)
        self._touch()

    # --- from the client connection

    def on_client_data(self, data: bytes) -> None:
        """Pass on what the client sends."""
        self._touch()
        if not self._upstream.transport.is_closing():
            self._upstream.transport.write(data)

    def on_client_end(self) -> None:
        """Pass on that the client sends no more."""
        transport = self._upstream.transport
        if not transport.can_write_eof():
            # Because over TLS only both ways can be ended; the upstream would wait for ever otherwise.
            transport.close()
        elif not transport.is_closing():
            transport.write_eof()
        self._has_client_ended = True
        self._close_if_ended()

    def on_client_lost(self) -> None:
        """End the upstream's side; because the client's last bytes may still be on their way, it has a write's time."""
        transport = self._upstream.transport
        transport.close()
        asyncio.get_running_loop().call_later(self._client.plane.limits.write_timeout_s, transport.abort)

    def pause_upstream(self) -> None:
        """Take no more from the upstream."""
        self._upstream.transport.pause_reading()

    def resume_upstream(self) -> None:
        """Take more again."""
        self._upstream.transport.resume_reading()

    # --- proxy.upstream.TunnelEnd

    def on_tunnel_data(self, data: bytes) -> None:
        self._touch()
        if not self._client.transport.is_closing():
            self._client.transport.write(data)

    def on_tunnel_end(self) -> None:
        transport = self._client.transport
        if not transport.can_write_eof():
            # Because the loop's TLS has no half-close, only the end of both ways can be told.
            self._client.close()
        elif not transport.is_closing():
            transport.write_eof()
        self._has_upstream_ended = True
        self._close_if_ended()

    def on_tunnel_lost(self) -> None:
        self._client.close()

    def pause_reading(self) -> None:
        self._client.pause_reading()

    def resume_reading(self) -> None:
        self._client.resume_reading()

    # --- inside

    def _close_if_ended(self) -> None:
        if self._has_client_ended and self._has_upstream_ended:
            # Because a connection whose two halves have ended is held by nobody but us; what was written still leaves.
            self._client.close()

    def _touch(self) -> None:
        self._client.wake_at = self.ends_at = monotonic() + _IDLE_S
