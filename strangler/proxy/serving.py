"""Serving: one snapshot with what the data plane hangs on it; an exchange keeps the one it began with."""

import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from strangler.core.decide import Decision, decide
from strangler.core.fallback import SAFE
from strangler.core.forward import client_address
from strangler.core.model import HostRule
from strangler.core.outcome import Outcome
from strangler.core.snapshot import Snapshot
from strangler.proxy import keyed
from strangler.proxy.counters import Counters
from strangler.proxy.sampler import Sampler

if TYPE_CHECKING:
    from strangler.core.forward import Peer
    from strangler.proxy.exchange import Exchange
    from strangler.proxy.keybook import KeyBook
    from strangler.proxy.pool import Pool

Notify = Callable[[str, dict[str, Any]], None]
"""Called with an event's name and its fields; never with anything secret."""


class SpareKey:
    """The key that the next client without an identity is assigned; made before it is needed."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Replace a key that was given away."""
        self.value = secrets.token_urlsafe(16)


class Serving:
    """What an exchange needs to know of the world, fixed when it starts."""

    __slots__ = (
        "_decision_lines",
        "_notify",
        "_sampled",
        "_spare_key",
        "book",
        "counters",
        "explains",
        "logs_requests",
        "pools",
        "sampler",
        "snapshot",
    )

    def __init__(
        self,
        snapshot: Snapshot,
        pools: Mapping[str, "Pool"],
        notify: Notify,
        spare_key: SpareKey,
        book: "KeyBook | None" = None,
        sampler: "Sampler | None" = None,
    ) -> None:
        self.snapshot = snapshot
        self.sampler = sampler or Sampler()
        self.pools = pools
        self.counters = Counters(snapshot.slots, snapshot.generation)
        self._notify = notify
        self._spare_key = spare_key
        self._decision_lines: dict[tuple[int, str], bytes] = {}
        self._sampled = 0
        self.book = book
        self.logs_requests = snapshot.config.access_log > 0
        self.explains = snapshot.config.decision_header
        """Whether answers carry the decision's line."""

    def choose(self, exchange: "Exchange", peer: "Peer") -> tuple[Decision, str]:
        """Return the decision for a request, and the key to assign to its client or an empty string."""
        decision, assigned = decide(
            self.snapshot,
            exchange.method,
            exchange.target,
            exchange.head.host or b"",
            exchange.headers,
            client_address(peer, exchange.head) if peer.is_trusted else peer.address,
            self._spare_key.value,
        )
        if assigned:
            self._spare_key.renew()
        if decision.keyed is not None and exchange.method not in SAFE:
            address = client_address(peer, exchange.head) if peer.is_trusted else peer.address
            decision = keyed.settle(exchange, decision, self.book, address)
        return decision, assigned

    def host(self, decision: Decision, address: str) -> bytes:
        """Return the Host that the upstream is to see when it is not the client's, or the client has none."""
        route = decision.route
        if route is not None and route.host is HostRule.LITERAL:
            return route.host_value.encode("ascii")
        return address.encode("ascii")

    def decision_line(self, decision: Decision) -> bytes:
        """Return the header line that explains a decision."""
        key = (decision.slot, decision.reason.value)
        line = self._decision_lines.get(key)
        if line is None:
            route = "-" if decision.route is None else decision.route.name
            line = f"X-Strangler-Decision: {decision.side}; reason={decision.reason}; route={route}\r\n".encode("ascii")
            self._decision_lines[key] = line
        return line

    def on_end(
        self,
        exchange: "Exchange",
        decision: Decision,
        outcome: Outcome,
        detail: str,
        status: int,
        seconds: float,
        *,
        failed: bool,
        falls_back: bool = False,
    ) -> None:
        """Tell of a failure, and of a sample of all exchanges; `falls_back`: the monolith is asked instead."""
        self._sampled += self.snapshot.config.access_log
        if self._sampled >= 10_000:
            self._sampled -= 10_000
        elif not failed:
            return
        self._notify(
            "exchange_failed" if failed else "request",
            {
                "request_id": exchange.request_id.decode("ascii"),
                "method": exchange.method.decode("latin-1"),
                "path": exchange.target.partition(b"?")[0].decode("latin-1"),
                "route": "" if decision.route is None else decision.route.name,
                "side": decision.side.value,
                "reason": decision.reason.value,
                "upstream": decision.upstream,
                "outcome": outcome.value,
                "status": status,
                "ms": round(seconds * 1e3, 3),
                "detail": detail,
                "fallback": falls_back,
            },
        )
