"""Redaction: requests and answers as they may be stored, logged or shown.

Secrets are told by the name that they stand under, by paths of the route, and by their own form anywhere in text; what
was secret by its name is then looked for in everything else that is redacted together with it. A mark stands for each,
with a digest keyed by a salt that is never stored beside it: equal secrets have equal marks, so a comparison can still
be read, and nobody can try out a PIN's ten thousand values against it.

What no rule can know, a secret in prose or one that was packed (base64, encrypted), is not found.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from urllib.parse import quote, unquote_plus

from strangler.core.comparison import MAX_DEPTH, Difference, Json, Kind
from strangler.core.document import HugeNumber, Repeated, dump_json, exact, parse_json
from strangler.core.jsonpath import JsonPath, State, advance, hits, start
from strangler.core.secrets import MARK, is_card, is_secret_header, is_secret_name, mask_text

MAX_KNOWN = 256
"""Secrets that are looked for elsewhere in the same record."""
MIN_KNOWN = 6
"""Characters of a secret that is looked for elsewhere: `true` or `1234` stands in too much that is none."""
MAX_SHOWN = 200
"""Characters of a value that is shown as an example; cut after it was redacted, so that no half of a secret is left."""
_MAX_VALUES = MAX_SHOWN
"""Of a document that is shown; each takes a character at least."""
_MAX_STRING = 4_096
"""Characters of a string that is shown in part; a longer one has a mark, because redacting it takes time."""
_MAX_LEVELS = 20
_MAX_NAMES = 1_000
"""Names whose secrecy is remembered while one record is looked through; looking takes longer than all else of it."""
_MAX_PLACES = 64
"""Of a number that is written out without its exponent, before or behind the point."""
_CONTAINERS = (dict, list)
_MAX_NESTED = 4
"""JSON in a string in JSON in a string; what is packed deeper is not shown at all."""
_FULL_MARK = 8
"""Bytes of a digest: that two secrets share a mark has a chance of one in 2**64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """What a route holds to be secret, beyond what is so everywhere."""

    paths: tuple[JsonPath, ...] = ()
    names: tuple[str, ...] = ()
    """Of members, parameters and headers; case does not matter."""


class Redactor:
    """Redacts one record: everything of one request and both its answers, that is stored together."""

    __slots__ = ("_known", "_names", "_paths", "_salt", "_secret_names")

    def __init__(self, redaction: Redaction, salt: bytes) -> None:
        self._paths = redaction.paths
        self._names = frozenset(name.lower() for name in redaction.names)
        self._salt = salt[: blake2b.MAX_KEY_SIZE]
        self._known: dict[str, None] = {}
        self._secret_names: dict[str, bool] = {}

    def learn(self, headers: Iterable[tuple[str, str]] = (), value: Json = None) -> None:
        """Look at a part of the record for secrets that may stand elsewhere in it; before anything is redacted."""
        for name, text in headers:
            if self._is_secret_header(name):
                for word in (text, *text.replace(";", " ").replace(",", " ").replace("=", " ").split()):
                    self._remember(word)
        self._learn(value, start(self._paths), 0)

    def headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Return headers that may be stored."""
        return tuple((name, self.header(name, value)) for name, value in headers)

    def header(self, name: str, value: str) -> str:
        """Return a header's value that may be stored."""
        return self.mark("header", value) if self._is_secret_header(name) else self.text(value)

    def target(self, target: str) -> str:
        """Return a request's target that may be stored; only what is secret in it is written anew."""
        path, mark, query = target.partition("?")
        parts = [self._piece(part, quote_safe="[]:") for part in path.split("/")]
        return "/".join(parts) + mark + "&".join(self._parameter(part) for part in query.split("&"))

    def text(self, text: str) -> str:
        """Return text that may be stored; where something secret is escaped in it, without its escapes."""
        redacted = self._masked(text)
        if "%" not in redacted:
            return redacted
        plain = unquote_plus(redacted)
        shown = self._masked(plain)
        return redacted if shown == plain else shown

    def _masked(self, text: str) -> str:
        for known in self._known:
            if known in text:
                text = text.replace(known, self.mark("known", known))
        return mask_text(text, self.mark)

    def json(self, value: Json) -> Json:
        """Return a document that may be stored; where something was secret stands a string."""
        return self._json(value, start(self._paths), 0, 0)

    def difference(self, difference: Difference) -> tuple[str, str]:
        """Return the values of a difference as text that may be stored, cut to MAX_SHOWN characters."""
        place = difference.place
        state = start(self._paths)
        is_secret = difference.kind is Kind.HEADER and any(map(self._is_secret_header, map(str, place)))
        for key in place if difference.kind is not Kind.HEADER else ():
            state = advance(self._paths, state, key)
            is_secret = is_secret or self._is_secret(str(key), state)
        is_secret = is_secret and difference.kind not in (Kind.LENGTH, Kind.DUPLICATE)
        return self._shown(difference.primary, state, is_secret), self._shown(difference.shadow, state, is_secret)

    def mark(self, what: str, secret: str) -> str:
        """Return what stands for a secret: the same for the same secret and salt."""
        if MARK.fullmatch(secret):
            return secret
        digest = blake2b(secret.encode("utf-8", "surrogatepass"), key=self._salt, digest_size=_FULL_MARK)
        return f"[redacted {what} {digest.hexdigest()}]"

    def _json(self, value: Json, state: State, depth: int, nested: int) -> Json:
        if depth > MAX_DEPTH:
            return self.mark("deep", "")
        if isinstance(value, dict):
            pairs = value.pairs if isinstance(value, Repeated) else value.items()
            told = [(self.text(name), self._member(name, inner, state, depth, nested)) for name, inner in pairs]
            return Repeated(told) if isinstance(value, Repeated) else dict(told)
        if isinstance(value, list):
            return [self._element(index, inner, state, depth, nested) for index, inner in enumerate(value)]
        if isinstance(value, str):
            return self._string(value, nested)
        value = exact(value)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            is_secret = any(is_card(text) or text in self._known for text in _writings(value))
            return self.mark("card", str(value)) if is_secret else value
        return value

    def _member(self, name: str, value: Json, state: State, depth: int, nested: int) -> Json:
        below = advance(self._paths, state, name)
        return self._mark_all(value) if self._is_secret(name, below) else self._json(value, below, depth + 1, nested)

    def _element(self, index: int, value: Json, state: State, depth: int, nested: int) -> Json:
        below = advance(self._paths, state, index)
        return self._mark_all(value) if hits(self._paths, below) else self._json(value, below, depth + 1, nested)

    def _string(self, text: str, nested: int) -> Json:
        if text.lstrip()[:1] in ("{", "[") and (inner := _parsed(text)) is not None:
            if nested >= _MAX_NESTED:
                return self.mark("nested", text)
            redacted = self._json(inner[0], frozenset(), 0, nested + 1)
            return text if redacted == inner[0] and self.text(text) == text else dump_json(redacted)
        return HugeNumber(text) if isinstance(text, HugeNumber) else self.text(text)

    def _mark_all(self, value: Json) -> Json:
        if value is None or isinstance(value, bool) or value in ("", [], {}):
            return value
        return self.mark("value", _flat(value))

    def _learn(self, value: Json, state: State, depth: int, *, is_secret: bool = False) -> None:
        if depth > MAX_DEPTH:
            return
        if isinstance(value, dict):
            for name, inner in value.pairs if isinstance(value, Repeated) else value.items():
                below = advance(self._paths, state, name) if state else state
                is_member_secret = is_secret or self._is_secret(name, below)
                # Because most of a large document is no secret, it is looked at no further.
                if is_member_secret or isinstance(inner, _CONTAINERS):
                    self._learn(inner, below, depth + 1, is_secret=is_member_secret)
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                below = advance(self._paths, state, index) if state else state
                is_element_secret = is_secret or bool(hits(self._paths, below))
                if is_element_secret or isinstance(inner, _CONTAINERS):
                    self._learn(inner, below, depth + 1, is_secret=is_element_secret)
        elif is_secret and value is not None and not isinstance(value, bool):
            told = exact(value)
            self._remember(str(told))
            if isinstance(value, bytes):
                self._remember(value.decode("ascii"))
                self._remember(_writings(told)[0])

    def _remember(self, secret: str) -> None:
        if len(secret) >= MIN_KNOWN and len(self._known) < MAX_KNOWN:
            self._known[secret] = None

    def _is_secret(self, name: str, state: State) -> bool:
        known = self._secret_names.get(name)
        if known is None:
            known = is_secret_name(name) or name.lower() in self._names
            if len(self._secret_names) < _MAX_NAMES:
                self._secret_names[name] = known
        return known or bool(state and hits(self._paths, state))

    def _is_secret_header(self, name: str) -> bool:
        return is_secret_header(name) or name.lower() in self._names

    def _parameter(self, part: str) -> str:
        name, equals, value = part.partition("=")
        plain = unquote_plus(name)
        if equals and value and self._is_secret(plain, frozenset()):
            return f"{self._piece(name)}={quote(self.mark('parameter', unquote_plus(value)), safe='[]')}"
        return self._piece(name) + equals + self._piece(value)

    def _piece(self, part: str, quote_safe: str = "[]") -> str:
        plain = unquote_plus(part)
        redacted = self.text(plain)
        return part if redacted == plain else quote(redacted, safe=quote_safe)

    def _pruned(self, value: Json, left: list[int], depth: int) -> Json:
        """Return the part of a value that is shown at most: whole members and strings, or none of them."""
        left[0] -= 1
        if isinstance(value, str):
            return value if len(value) <= _MAX_STRING else self.mark("long", value)
        if not isinstance(value, dict | list):
            return exact(value)
        if depth >= _MAX_LEVELS:
            return "..."
        if isinstance(value, list):
            return [self._pruned(inner, left, depth + 1) for inner in value if left[0] > 0]
        return {name: self._pruned(inner, left, depth + 1) for name, inner in value.items() if left[0] > 0}

    def _shown(self, value: Json, state: State, is_secret: bool) -> str:
        safe = self._mark_all(value) if is_secret else self._json(self._pruned(value, [_MAX_VALUES], 0), state, 0, 0)
        text = dump_json(safe)
        return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "..."


def _parsed(text: str) -> tuple[Json] | None:
    try:
        return (parse_json(text),)
    except (ValueError, RecursionError):
        return None


def _writings(number: Json) -> tuple[str, ...]:
    """Return how digits of a number may be written elsewhere: as it is, without a fraction, without the point."""
    if not isinstance(number, Decimal):
        return (str(number).lstrip("-"),)
    if not number.is_finite() or abs(number.adjusted()) > _MAX_PLACES:
        return (str(number),)
    plain = format(abs(number), "f")
    whole, _, fraction = plain.partition(".")
    return plain, whole, (whole + fraction).lstrip("0")


def _flat(value: Json) -> str:
    """Return a text of a secret value for its digest: a string as it is, so that it equals the same in a header."""
    try:
        return value if isinstance(value, str) else dump_json(value)
    except RecursionError:
        return "too deep"
