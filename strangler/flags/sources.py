"""Choosing a source: the settings and the environment, made into the one source that runs."""

import asyncio
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from strangler.core.model import FlagSettings, FlagSourceKind
from strangler.errors import UsageError
from strangler.flags.cloud import CloudSource, Service
from strangler.flags.data import FlagData
from strangler.flags.embedded import EmbeddedSource
from strangler.flags.file import FileSource
from strangler.flags.source import FlagSource, FlagStore

KEY_VARIABLE = "LAUNCHDARKLY_SDK_KEY"
BASE_VARIABLE = "LAUNCHDARKLY_BASE_URI"
STREAM_VARIABLE = "LAUNCHDARKLY_STREAM_URI"
RELAY_VARIABLE = "LAUNCHDARKLY_RELAY_URL"

_DEFAULT_BASE = "https://app.launchdarkly.com"
_DEFAULT_STREAM = "https://stream.launchdarkly.com"


def make_source(
    settings: FlagSettings,
    *,
    store: FlagStore,
    environ: Mapping[str, str],
    loop: asyncio.AbstractEventLoop,
    on_change: Callable[[FlagData], None],
) -> FlagSource:
    """Return the source that the settings name, not started.

    `on_change` is called on the loop's thread for each data set after the one that is there on start. Raises
    UsageError, naming the variable, if the environment lacks what the source needs.
    """
    match settings.source:
        case FlagSourceKind.EMBEDDED:
            return EmbeddedSource(store, on_change)
        case FlagSourceKind.FILE:
            return FileSource(Path(settings.file), loop=loop, on_change=on_change)
        case FlagSourceKind.LAUNCHDARKLY:
            return CloudSource(service_of(settings, environ), cache=store, loop=loop, on_change=on_change)


def service_of(settings: FlagSettings, environ: Mapping[str, str]) -> Service:
    """Return where LaunchDarkly is: the environment wins over the file, a single address over the relay's."""
    key = environ.get(KEY_VARIABLE, "").strip()
    if not key:
        raise UsageError(
            f"flags come from LaunchDarkly, but {KEY_VARIABLE} is not set: put the environment's SDK key into it, "
            "or choose `flags: {source: embedded}`"
        )
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,8192}", key):
        raise UsageError(f"{KEY_VARIABLE} has characters that no SDK key has: copy the key again")
    relay = _address(environ, RELAY_VARIABLE)
    base = _address(environ, BASE_VARIABLE) or relay or settings.base_uri or _DEFAULT_BASE
    stream = _address(environ, STREAM_VARIABLE) or relay or settings.stream_uri or _DEFAULT_STREAM
    return Service(sdk_key=key, base_uri=base, stream_uri=stream)


def _address(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip().rstrip("/")
    if value and not _is_address(value):
        # Because an address with a password in it would end up in logs, it is neither taken nor repeated.
        raise UsageError(f"{name} is no address: write it like https://relay.example.com")
    return value


def _is_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain and port != 0
