"""Idempotency keys: which header values are keys, and what stands for one where it is remembered.

The syntax is that of draft-ietf-httpapi-idempotency-key-header-07: a structured field String (RFC 8941 section 3.3.3).
A bare value, as Stripe's and Adyen's clients send it, is taken as well, and means the same as if it were quoted.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from hashlib import blake2b

MAX_KEY = 255
"""Characters. Precedent: Stripe's idempotency keys, 255."""
DIGEST_BYTES = 16

_QUOTED = re.compile(rb'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(rb"[!#-+\--:<-\[\]-~]+")
"""Printable ASCII without white space, quotes, commas, semicolons and backslashes, which would make it a list or carry
parameters."""


class KeyFault(StrEnum):
    """What is wrong with the idempotency key of a request. A closed set: the reason in the answer."""

    MISSING = "idempotency_key_missing"
    REPEATED = "idempotency_key_repeated"
    MALFORMED = "idempotency_key_malformed"
    TOO_LONG = "idempotency_key_too_long"


def read_key(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> bytes | KeyFault:
    """Return the key that a request carries in the header `name` (lower case), or what is wrong with it."""
    values = [value for field, value in headers if len(field) == len(name) and field.lower() == name]
    if not values:
        return KeyFault.MISSING
    if len(values) > 1:
        return KeyFault.REPEATED
    return parse_key(values[0])


def parse_key(value: bytes) -> bytes | KeyFault:
    """Return the key in a header's value, without quotes and escapes."""
    value = value.strip(b" \t")
    if len(value) > 2 * MAX_KEY + 2:
        return KeyFault.TOO_LONG
    quoted = _QUOTED.fullmatch(value)
    if quoted is not None:
        key = re.sub(rb"\\(.)", rb"\1", quoted[1])
    elif _BARE.fullmatch(value):
        key = value
    else:
        return KeyFault.MALFORMED
    if not key:
        return KeyFault.MALFORMED
    return KeyFault.TOO_LONG if len(key) > MAX_KEY else key


def key_for(side: str, given: bytes, unique: bytes) -> bytes:
    """Return the key that a side gets for a write that was sent to it as well, as a header's value.

    It is the same for the same key of a client, so that a repetition is told by that side too, and never the client's
    own, so that sides with one memory between them do not take the copy for a repetition. Without a key it is made of
    what is `unique` to the request. It is quoted where the client's is, and as the draft wants it where there is none.
    """
    parsed = parse_key(given) if given else unique
    text = given if isinstance(parsed, KeyFault) else parsed
    hashed = blake2b(text, digest_size=DIGEST_BYTES, person=b"strangler.side")
    key = f"strangler-{side}-{hashed.hexdigest()}".encode("ascii")
    return b'"%b"' % key if not given or given.startswith(b'"') else key


def digest(route: str, tenant: str, key: bytes) -> bytes:
    """Return what stands for a tenant's key on a route; nothing of either can be read from it.

    Each part is led by its length, so that no two triples run together.
    """
    hashed = blake2b(digest_size=DIGEST_BYTES, person=b"strangler.key")
    for part in (route.encode(), tenant.encode("utf-8", "surrogatepass"), key):
        hashed.update(len(part).to_bytes(4, "big"))
        hashed.update(part)
    return hashed.digest()
