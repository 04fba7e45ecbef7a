"""The LaunchDarkly SDK as we use it: quiet, and fed by us instead of the network.

Only this file and the cloud source know how the SDK is wired, so a new release of it is met here.
"""

import logging
from collections.abc import Mapping
from threading import Event
from typing import Any

from ldclient.client import LDClient
from ldclient.config import Config
from ldclient.impl import operators
from ldclient.interfaces import FeatureStore, UpdateProcessor
from ldclient.versioned_data_kind import FEATURES, SEGMENTS

from strangler.flags.stall import bounded

_UNUSED_KEY = "unused"
"""The SDK refuses to start without a key, even when it calls nobody."""

_OPERATORS: dict[str, Any] = operators.ops
# Because the SDK has no bound for a search and no way to give it one, its table of operators has ours.
_OPERATORS["matches"] = bounded(_OPERATORS["matches"])


def silence() -> None:
    """Keep the SDK from logging, unless an operator has set a level for it.

    Because it logs once per evaluation of an unknown flag and once per retry, we report both ourselves, once.
    """
    logger = logging.getLogger("ldclient")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL + 1)


def fixed_client(flags: Mapping[str, Any], segments: Mapping[str, Any]) -> LDClient:
    """Return a client that evaluates exactly these flags and starts no thread and no connection."""

    def feed(_config: Config, store: FeatureStore, ready: Event) -> UpdateProcessor:
        return _Feed({FEATURES: flags, SEGMENTS: segments}, store, ready)

    config = Config(_UNUSED_KEY, update_processor_class=feed, send_events=False, diagnostic_opt_out=True)
    return LDClient(config, start_wait=0)


def fault_of(kind: Any, item: Any) -> str | None:
    """Return why the SDK would refuse an item of `kind` (FEATURES or SEGMENTS), or None if it takes it."""
    try:
        _decode(kind, item)
    except _REFUSALS as error:
        return str(error).removeprefix("error in flag/segment data: ").rstrip('"')
    return None


class Decoder:
    """Turns items of one kind into the SDK's objects; what has not changed since the last time costs next to nothing.

    Because the SDK refuses a whole data set for one bad item, those are left out.
    """

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._known: dict[str, tuple[Any, Any]] = {}

    def decode(self, items: Mapping[str, Any]) -> dict[str, Any]:
        """Return the sound ones among the items, by key."""
        known: dict[str, tuple[Any, Any]] = {}
        for key, item in items.items():
            before = self._known.get(key)
            if before is not None and before[0] == item:
                known[key] = before
                continue
            try:
                decoded = _decode(self._kind, item)
            except _REFUSALS:
                continue
            # Because the SDK looks an item up by both, one that is kept under another key breaks the whole set.
            if decoded.key == key:
                known[key] = (item, decoded)
        self._known = known
        return {key: decoded for key, (_, decoded) in known.items()}


_REFUSALS = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)


def _decode(kind: Any, item: Any) -> Any:
    # Because the SDK takes `"prerequisites": null` for a flag and then cannot sort it, null means absent.
    return kind.decode({name: value for name, value in item.items() if value is not None})


class _Feed(UpdateProcessor):
    """Gives the SDK its data once, on the thread that makes the client."""

    def __init__(self, data: Mapping[Any, Mapping[str, Any]], store: FeatureStore, ready: Event) -> None:
        self._data = data
        self._store = store
        self._ready = ready

    def start(self) -> None:
        self._store.init(self._data)
        self._ready.set()

    def stop(self) -> None:
        """Nothing runs."""

    def is_alive(self) -> bool:
        return True

    def initialized(self) -> bool:
        return True
