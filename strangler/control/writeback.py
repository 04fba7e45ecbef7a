"""Writing back: a trip also switches the flag off where it lives. It never stands in the trip's way."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import aiohttp

from strangler.control.happening import Happening
from strangler.control.outbox import Outbox
from strangler.core.audit import Action
from strangler.core.model import FlagSettings
from strangler.errors import DeliveryError, FlagError, StoreError

TIMEOUT_S = 10.0
SEMANTIC_PATCH = "application/json; domain-model=launchdarkly.semanticpatch"
"""LaunchDarkly's REST API: changes by instruction, so that nothing else of the flag can be overwritten."""

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Off:
    """A flag to be switched off, and why."""

    flag: str
    why: str


class WriteBack:
    """Switches flags off, each once for a trip."""

    def __init__(self, switch_off: Callable[[Off], None] | None, outbox: Outbox[Off] | None) -> None:
        """`switch_off` does it at once, in the embedded store; else it goes through `outbox`, or not at all."""
        self._switch_off = switch_off
        self.outbox = outbox

    def tell(self, happening: Happening) -> None:
        """Switch off the flag of a route that tripped and asks for it."""
        if happening.action is not Action.TRIP or not happening.write_back or happening.flag is None:
            return
        off = Off(flag=happening.flag, why=f"route {happening.route} tripped: {happening.why}")
        if self.outbox is not None:
            self.outbox.put(off)
        elif self._switch_off is not None:
            try:
                self._switch_off(off)
            except (FlagError, StoreError):
                # Because the trip holds by itself, a flag that cannot be written is an alarm and no failure.
                LOG.exception("write_back_failed", extra={"fields": {"flag": off.flag}})


class LaunchDarkly:
    """LaunchDarkly's REST API, as far as switching a flag off."""

    def __init__(
        self,
        settings: FlagSettings,
        token: str,
        session: aiohttp.ClientSession,
        *,
        on_done: Callable[[Off], None] = lambda _: None,
    ) -> None:
        self._on_done = on_done
        self._settings = settings
        self._token = token
        self._session = session

    async def switch_off(self, off: Off) -> None:
        """Switch one flag off in the environment of the settings."""
        settings = self._settings
        url = f"{settings.api_uri}/api/v2/flags/{quote(settings.project, safe='')}/{quote(off.flag, safe='')}"
        body = {
            "environmentKey": settings.environment,
            "comment": f"strangler: {off.why}"[:500],
            "instructions": [{"kind": "turnFlagOff"}],
        }
        headers = {"Authorization": self._token, "Content-Type": SEMANTIC_PATCH}
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with self._session.patch(
            url, json=body, headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            if not 200 <= response.status < 300:
                raise DeliveryError(f"LaunchDarkly answered with {response.status}")
        LOG.warning("write_back_done", extra={"fields": {"flag": off.flag}})
        self._on_done(off)
