"""Identity: who a request is from, as far as splitting needs to know.

The first source that has a value wins. A value is only ever used to pick a bucket; nothing here verifies it, so
nothing here may be used to let somebody in. Whatever bytes come, nothing here raises.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Sequence
from hashlib import sha256
from urllib.parse import unquote_to_bytes

from strangler.core.model import Source, SourceKind

Fields = Sequence[tuple[bytes, bytes]]

MAX_KEY = 256
"""A longer value is stood for by its SHA-256, so that no client can make the memo of flags large."""
_MAX_TOKEN = 8_192
_HALF = re.compile("[\ud800-\udfff]")

Reader = Callable[[Fields, bytes, str], str]
"""Reads one source of a request, given its headers, its target and the client's address."""


def read_key(
    sources: Sequence[tuple[Source, Reader]], headers: Fields, target: bytes, peer: str
) -> tuple[str, Source | None]:
    """Return the key of a request and the source that had it; `("", None)` when none has."""
    for source, reader in sources:
        value = reader(headers, target, peer)
        if value:
            return (value if len(value) <= MAX_KEY else _bounded(value)), source
    return "", None


def read_attributes(
    attributes: Sequence[tuple[str, Reader]], headers: Fields, target: bytes, peer: str
) -> tuple[tuple[str, str], ...]:
    """Return the attributes that the request has, in the order of the routes file."""
    found = ((name, _bounded(reader(headers, target, peer))) for name, reader in attributes)
    return tuple((name, value) for name, value in found if value)


def reader_of(source: Source) -> Reader:
    """Return what reads a source; made once, so that a request pays for the reading alone."""
    name = source.name
    wanted = name.encode("latin-1", "replace")
    match source.kind:
        case SourceKind.HEADER:
            return _header_reader(wanted.lower())
        case SourceKind.COOKIE | SourceKind.ASSIGNED:
            return lambda headers, target, peer: _cookie(headers, wanted)
        case SourceKind.JWT:
            return lambda headers, target, peer: _claim(headers, name)
        case SourceKind.QUERY:
            return lambda headers, target, peer: _query(target, wanted)
        case SourceKind.IP:  # pragma: no branch - the type checker sees that there is no other
            return lambda headers, target, peer: peer


def _bounded(value: str) -> str:
    if len(value) <= MAX_KEY:
        return value
    return sha256(value.encode()).hexdigest()


def _header_reader(wanted: bytes) -> Reader:
    """Return what reads a field; one that comes twice with different values names nobody."""
    size = len(wanted)

    def read(headers: Fields, _target: bytes, _peer: str) -> str:
        found: bytes | None = None
        for key, value in headers:
            if len(key) == size and key.lower() == wanted:
                if found is not None and value != found:
                    return ""
                found = value
        return "" if found is None else found.strip(b" \t").decode("latin-1")

    return read


_authorization = _header_reader(b"authorization")


def _cookie(headers: Fields, wanted: bytes) -> str:
    """Return the first cookie of that name (RFC 6265 section 5.4 sends the most specific path first)."""
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
    authorization = _authorization(headers, b"", "")
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
    text = str(claim)
    # Because half a character (`"\\ud800"`) has no bytes, and so no bucket, it names nobody.
    return "" if _HALF.search(text) else text


def _query(target: bytes, wanted: bytes) -> str:
    for pair in target.partition(b"?")[2].split(b"&"):
        key, equals, value = pair.partition(b"=")
        if equals and unquote_to_bytes(key) == wanted:
            return unquote_to_bytes(value.replace(b"+", b" ")).decode("utf-8", "replace")
    return ""
