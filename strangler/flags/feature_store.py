"""What the SDK has received: its feature store, kept as LaunchDarkly's own JSON so that it can be passed on."""

import json
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from ldclient.interfaces import FeatureStore
from ldclient.versioned_data_kind import FEATURES, SEGMENTS

from strangler.flags.bounds import MAX_DEPTH, is_too_deep

TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"


class ReceivedStore(FeatureStore):
    """Holds flags and segments, and calls `on_write` after each write, on the SDK's thread."""

    def __init__(self, on_write: Callable[[], None]) -> None:
        self._on_write = on_write
        self._lock = Lock()
        self._items: dict[Any, dict[str, dict[str, Any]]] = {FEATURES: {}, SEGMENTS: {}}
        self._initialized = False

    def document(self) -> bytes | None:
        """Return everything as the JSON of `FlagData.document`; None before the first whole data set.

        An item that is nested too deep for a worker to read is there as text, and so is invalid for those who ask.
        """
        with self._lock:
            if not self._initialized:
                return None
            document = {
                name: {
                    key: TOO_DEEP if is_too_deep(item) else item
                    for key, item in self._items[kind].items()
                    if not item.get("deleted")
                }
                for name, kind in (("flags", FEATURES), ("segments", SEGMENTS))
            }
        return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()

    def init(self, all_data: Mapping[Any, Mapping[str, dict[str, Any]]]) -> None:
        with self._lock:
            self._items = {kind: dict(all_data.get(kind, {})) for kind in (FEATURES, SEGMENTS)}
            self._initialized = True
        self._on_write()

    def upsert(self, kind: Any, item: dict[str, Any]) -> None:
        with self._lock:
            items = self._items[kind]
            before = items.get(item["key"])
            if before is None or before["version"] < item["version"]:
                items[item["key"]] = item
        self._on_write()

    def delete(self, kind: Any, key: str, version: int) -> None:
        self.upsert(kind, {"key": key, "version": version, "deleted": True})

    def get(self, kind: Any, key: str, callback: Callable[[Any], Any] = lambda item: item) -> Any:
        with self._lock:
            item = self._items[kind].get(key)
        return callback(None if item is None or item.get("deleted") else item)

    def all(self, kind: Any, callback: Callable[[Any], Any] = lambda items: items) -> Any:
        with self._lock:
            items = {key: item for key, item in self._items[kind].items() if not item.get("deleted")}
        return callback(items)

    @property
    def initialized(self) -> bool:
        return self._initialized
