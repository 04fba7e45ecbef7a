"""Generated secrets, and documents that they are planted in."""

import json
from urllib.parse import quote

from hypothesis import strategies as st

from strangler.core.comparison import Json
from strangler.core.jsonpath import parse_path
from strangler.core.redaction import Redaction, Redactor
from strangler.core.secrets import is_card, is_iban

SALT = b"salt of this store"
SECRET_NAMES = ["password", "clientSecret", "access_token", "pin", "SSN", "iban", "x-csrf-token", "cardNumber", "cvv"]
ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
OPAQUE = st.text(ALPHABET, min_size=12, max_size=24)
DIGITS = st.text("0123456789", min_size=14, max_size=14)


def redactor(*paths: str, names: tuple[str, ...] = (), salt: bytes = SALT) -> Redactor:
    return Redactor(Redaction(paths=tuple(map(parse_path, paths)), names=names), salt)


def card(body: str) -> str:
    return next(number for digit in "0123456789" if is_card(number := f"4{body}{digit}"))


def iban(body: str) -> str:
    return next(text for check in range(100) if is_iban(text := f"DE{check:02}{body}0000"))


CARDS = DIGITS.map(card)
IBANS = DIGITS.map(iban)
EMAILS = st.builds(lambda name, host: f"{name}@{host}.example.com", OPAQUE, OPAQUE)
JWTS = st.builds(lambda a, b, c: f"eyJ{a}.{b}.{c}", OPAQUE, OPAQUE, OPAQUE)
SPOTTED = CARDS | IBANS | EMAILS | JWTS | OPAQUE.map(lambda token: f"Bearer {token}")
"""Secrets that are told by their own form, wherever they stand."""


def gapped(text: str) -> str:
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def planted(secret: str, how: str) -> Json:
    """Return a document with a secret in it."""
    match how:
        case "value":
            return {"note": secret}
        case "prose":
            return {"items": [1, f"paid with {secret} today"]}
        case "key":
            return {secret: True, "x": {secret: 1}}
        case "string":
            return {"raw": json.dumps({"deep": [json.dumps({"inner": secret})]})}
        case "url":
            return {"next": f"https://api.example.com/a?q={quote(secret)}&page=2"}
        case _:
            return [[["a", {"b": secret}]]]
