"""Tokens: JSON Web Tokens signed with HMAC-SHA-256 (RFC 7515, RFC 7519), and nothing else of JOSE."""

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

_HEADER = {"alg": "HS256", "typ": "JWT"}


def sign(claims: dict[str, Any], secret: bytes) -> str:
    """Return a token that carries `claims`."""
    signed = f"{_encode(_json(_HEADER))}.{_encode(_json(claims))}"
    return f"{signed}.{_encode(_mac(signed, secret))}"


def verify(token: str, secret: bytes, now: float) -> dict[str, Any] | None:
    """Return the claims of a token that we signed and that has not expired at `now`; None for any other."""
    signed, _, signature = token.rpartition(".")
    header, _, payload = signed.partition(".")
    try:
        # Because the header names the algorithm, only ours is believed: "none" must not verify.
        if json.loads(_decode(header)) != _HEADER or not hmac.compare_digest(_decode(signature), _mac(signed, secret)):
            return None
        claims = json.loads(_decode(payload))
    except (ValueError, binascii.Error):
        return None
    if not isinstance(claims, dict) or not isinstance(claims.get("exp"), int) or claims["exp"] <= now:
        return None
    return claims


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _mac(signed: str, secret: bytes) -> bytes:
    return hmac.new(secret, signed.encode(), hashlib.sha256).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
