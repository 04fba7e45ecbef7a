"""Failures: how often each peer has come with a wrong token, so that one that keeps trying is told to wait.

The right token is never refused for it: whoever looks after the proxy shares an address with whoever attacks it, on a
loopback port always. What waiting saves is the log and the time, not the token: nobody tries out 256 bits.
"""

import math
from collections import OrderedDict

MOST_PEERS = 1_024
BURST = 10.0
"""Wrong tokens at once: a person who pastes the wrong one, or a few scripts with another proxy's."""
PER_S = 0.1
"""Wrong tokens that are forgotten a second: one every ten seconds for ever, as OWASP's cheat sheet on authentication
would have it grow slow, not locked."""


class Failures:
    """A bucket of tokens for each peer, those that failed longest ago forgotten first."""

    def __init__(self) -> None:
        self._peers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def fail(self, peer: str, now: float) -> int:
        """Note a wrong token and return for how many seconds the peer should wait; 0 if it need not."""
        level, at = self._peers.pop(peer, (0.0, now))
        level = min(max(0.0, level - (now - at) * PER_S) + 1.0, BURST + 1.0)
        self._peers[peer] = (level, now)
        while len(self._peers) > MOST_PEERS:
            self._peers.popitem(last=False)
        return math.ceil((level - BURST) / PER_S) if level > BURST else 0
