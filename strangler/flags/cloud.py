"""The LaunchDarkly source: one streaming connection in control, to LaunchDarkly or its Relay Proxy.

Nothing here evaluates: what arrives is passed on whole. The last of it is kept in the state store, so that a restart
while the service is away serves the flags that were known.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock

from ldclient.client import LDClient
from ldclient.config import Config
from ldclient.interfaces import DataSourceState, DataSourceStatus

from strangler.errors import FlagError, StoreError
from strangler.flags.bounds import check_size
from strangler.flags.data import NOT_READY, FlagData
from strangler.flags.feature_store import ReceivedStore
from strangler.flags.sdk import silence
from strangler.flags.source import FlagCache, SourceState, SourceStatus, Standing

LOG = logging.getLogger(__name__)

RECONNECT_S = 1.0
"""Before the first new try; the SDK doubles it up to 30 s. Its own default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Where LaunchDarkly is, and what it is asked with."""

    sdk_key: str = field(repr=False)
    base_uri: str
    stream_uri: str

    def fingerprint(self) -> str:
        """Return a name for this service and environment from which the key cannot be read."""
        return sha256("\n".join((self.sdk_key, self.base_uri, self.stream_uri)).encode()).hexdigest()


class CloudSource:
    """Follows LaunchDarkly's stream on the SDK's threads and tells of it on the loop's."""

    def __init__(
        self,
        service: Service,
        *,
        cache: FlagCache,
        loop: asyncio.AbstractEventLoop,
        on_change: Callable[[FlagData], None],
        reconnect_s: float = RECONNECT_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._service = service
        self._cache = cache
        self._loop = loop
        self._on_change = on_change
        self._reconnect_s = reconnect_s
        self._now = now
        self._standing = Standing("LaunchDarkly", now=now)
        self._data = NOT_READY
        self._received = ReceivedStore(self._written)
        self._lock = Lock()
        self._is_planned = False
        """Whether a look at what was received is under way, so that a burst of changes costs one."""
        self._closed = False
        self._connecting: asyncio.Future[LDClient] | None = None

    def start(self) -> None:
        silence()
        document = self._cache.cached(self._service.fingerprint())
        if document is not None:
            self._data = FlagData(version=1, ready=True, document=document)
            self._standing.tell(SourceState.STALE, "the flags of the last run serve until it answers")
        # Because making the client may read certificates and settings from slow disks, a thread does it.
        self._connecting = self._loop.run_in_executor(None, self._connect)
        self._connecting.add_done_callback(self._connected)

    async def close(self) -> None:
        self._closed = True
        if self._connecting is not None:
            await asyncio.wait([self._connecting])
            if self._connecting.exception() is None:
                await self._loop.run_in_executor(None, self._connecting.result().close)

    def data(self) -> FlagData:
        return self._data

    def status(self) -> SourceStatus:
        return self._standing.status

    def _connected(self, connecting: asyncio.Future[LDClient]) -> None:
        if not connecting.cancelled() and (error := connecting.exception()) is not None:
            self._standing.tell(SourceState.INVALID, f"the SDK does not start: {type(error).__name__}")

    def _connect(self) -> LDClient:
        config = Config(
            self._service.sdk_key,
            base_uri=self._service.base_uri,
            stream_uri=self._service.stream_uri,
            feature_store=self._received,
            initial_reconnect_delay=self._reconnect_s,
            send_events=False,
            diagnostic_opt_out=True,
        )
        client = LDClient(config, start_wait=0)
        provider = client.data_source_status_provider
        provider.add_listener(self._status_changed)
        self._status_changed(provider.status)
        return client

    def _written(self) -> None:
        """Plan a look at what was received. Called on the SDK's thread."""
        with self._lock:
            if self._is_planned:
                return
            self._is_planned = True
        self._on_loop(self._take)

    def _status_changed(self, status: DataSourceStatus) -> None:
        """Pass the stream's status on. Called on the SDK's thread."""
        self._on_loop(self._follow, status)

    def _on_loop(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            # Because the SDK's thread may outlive the loop by a moment, there is nobody left to tell.
            return

    def _take(self) -> None:
        with self._lock:
            self._is_planned = False
        document = self._received.document()
        if self._closed or document is None:
            return
        try:
            check_size(document)
        except FlagError as error:
            self._standing.tell(SourceState.INVALID, str(error))
            return
        self._standing.tell(SourceState.READY)
        if self._data.ready and document == self._data.document:
            return
        self._data = FlagData(version=self._data.version + 1, ready=True, document=document)
        self._on_change(self._data)
        try:
            self._cache.cache(self._service.fingerprint(), document, at=self._now())
        except StoreError as error:
            # Because the change is served already, a full disk only costs the next start its cache.
            LOG.warning("flags_not_kept", extra={"fields": {"why": str(error)}})

    def _follow(self, status: DataSourceStatus) -> None:
        if self._closed or status.state == DataSourceState.OFF:
            return
        if status.state == DataSourceState.VALID:
            self._standing.tell(SourceState.READY)
        elif status.error is not None:
            code = status.error.status_code
            refused = code in (401, 403)
            why = f"HTTP {code}: it refuses the SDK key" if refused else f"HTTP {code}" if code else "no connection"
            serving = "the last known flags serve on" if self._data.ready else "routes with a flag stay on the monolith"
            state = SourceState.STALE if self._data.ready else SourceState.UNREACHABLE
            self._standing.tell(state, f"{self._service.stream_uri} ({why}); {serving} until it answers")
