"""Identity: who a request is from, as far as splitting needs to know.

The first source that has a value wins. A value is only ever used to pick a bucket; nothing here verifies it, so
nothing here may be used to let somebody in. Whatever bytes come, nothing here raises.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from urllib.parse import unquote_to_bytes

from strangler.core.model import Attribute, Source, SourceKind

Fields = Sequence[tuple[bytes, bytes]]

MAX_KEY = 256
"""A longer value is stood for by its SHA-256, so that no client can make the memo of flags large."""
_MAX_TOKEN = 8_192


def read_key(sources: Sequence[Source], headers: Fields, target: bytes, peer: str) -> tuple[str, Source | None]:
    """Return the key of a request and the source that had it; `("", None)` when none has."""
    for source in sources:
        value = read(source, headers, target, peer)
        if value:
            return value, source
    return "", None


def read_attributes(
    attributes: Sequence[Attribute], headers: Fields, target: bytes, peer: str
) -> tuple[tuple[str, str], ...]:
    """Return the attributes that the request has, in the order of the routes file."""
    found = ((attribute.name, read(attribute.source, headers, target, peer)) for attribute in attributes)
    return tuple((name, value) for name, value in found if value)


def read(source: Source, headers: Fields, target: bytes, peer: str) -> str:
    """Return what a source holds, bounded; an empty string when it has nothing."""
    value = _raw(source, headers, target, peer)
    if len(value) > MAX_KEY:
        return sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    return value


def _raw(source: Source, headers: Fields, target: bytes, peer: str) -> str:
    match source.kind:
        case SourceKind.HEADER:
            return _header(headers, source.name)
        case SourceKind.COOKIE | SourceKind.ASSIGNED:
            return _cookie(headers, source.name)
        case SourceKind.JWT:
            return _claim(headers, source.name)
        case SourceKind.QUERY:
            return _query(target, source.name)
        case SourceKind.IP:
            return peer


@lru_cache(maxsize=1_024)
def _field_name(name: str) -> bytes:
    return name.lower().encode("latin-1", "replace")


def _header(headers: Fields, name: str) -> str:
    """Return the first value; one that comes twice with different values names nobody."""
    wanted = _field_name(name)
    found: bytes | None = None
    for key, value in headers:
        if len(key) == len(wanted) and key.lower() == wanted:
            if found is not None and value != found:
                return ""
            found = value
    return "" if found is None else found.decode("latin-1").strip()


def _cookie(headers: Fields, name: str) -> str:
    """Return the first cookie of that name (RFC 6265 section 5.4 sends the most specific path first)."""
    wanted = name.encode("latin-1", "replace")
    for key, value in headers:
        if key.lower() != b"cookie":
            continue
        for pair in value.split(b";"):
            cookie, equals, content = pair.strip().partition(b"=")
            if equals and cookie == wanted:
                return content.strip(b'"').decode("latin-1")
    return ""


def _claim(headers: Fields, name: str) -> str:
    """Return a claim of the bearer token's payload (RFC 7519 section 3), if it is a string or a whole number."""
    authorization = _header(headers, "authorization")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or len(token) > _MAX_TOKEN:
        return ""
    parts = token.strip().split(".")
    if len(parts) != 3:
        return ""
    try:
        payload = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return ""
    claim = payload.get(name) if isinstance(payload, dict) else None
    if isinstance(claim, bool) or not isinstance(claim, str | int):
        return ""
    try:
        return str(claim)
    except ValueError:
        return ""


def _query(target: bytes, name: str) -> str:
    wanted = name.encode("latin-1", "replace")
    for pair in target.partition(b"?")[2].split(b"&"):
        key, equals, value = pair.partition(b"=")
        if equals and unquote_to_bytes(key) == wanted:
            return unquote_to_bytes(value.replace(b"+", b" ")).decode("utf-8", "replace")
    return ""
