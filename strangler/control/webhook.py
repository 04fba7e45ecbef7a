"""Webhooks: what happens to a route's traffic is told to other systems, as signed JSON.

The signature is Stripe's scheme: `X-Strangler-Signature: t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256 of
`SECONDS.BODY` with the shared secret. A receiver recomputes it and refuses what is older than a few minutes.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from uuid import uuid4

import aiohttp
import msgspec

from strangler.control.happening import Happening
from strangler.control.outbox import Outbox
from strangler.core.model import Webhook
from strangler.errors import DeliveryError

TIMEOUT_S = 10.0
"""For a whole delivery. Precedent: GitHub's webhooks, 10 s."""
SIGNATURE = "X-Strangler-Signature"


def sign(secret: str, at: int, body: bytes) -> str:
    """Return the signature of a body sent at `at` (seconds since the epoch)."""
    digest = hmac.new(secret.encode(), b"%d.%b" % (at, body), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def message(happening: Happening, identity: str) -> bytes:
    """Return the JSON of a happening. Samples of requests stay in the store: their paths may name people."""
    cause = None if happening.cause is None else {k: v for k, v in happening.cause.items() if k != "samples"}
    fields: dict[str, Any] = asdict(happening)
    del fields["write_back"]
    return msgspec.json.encode({"id": identity, **fields, "action": happening.action.value, "cause": cause})


class WebhookSender:
    """Sends happenings to one receiver."""

    def __init__(
        self,
        hook: Webhook,
        secret: str,
        session: aiohttp.ClientSession,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._hook = hook
        self._secret = secret
        self._session = session
        self._wall = wall
        self.outbox: Outbox[bytes] = Outbox(f"webhook {hook.name}", self._deliver)

    def tell(self, happening: Happening) -> None:
        """Have a happening sent, if the receiver wants its kind."""
        if happening.action.value in self._hook.events:
            self.outbox.put(message(happening, uuid4().hex))

    async def _deliver(self, body: bytes) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": "strangler"}
        if self._secret:
            headers[SIGNATURE] = sign(self._secret, int(self._wall()), body)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with self._session.post(
                self._hook.url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                if not 200 <= response.status < 300:
                    raise DeliveryError(f"the receiver answered with {response.status}")
        except aiohttp.ClientResponseError as error:
            # Because its text names the whole URL, whose path may be a secret.
            raise DeliveryError("the receiver's answer is no HTTP") from error
