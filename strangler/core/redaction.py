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

from strangler.core.comparison import MAX_DEPTH, Difference, Json, Kind, Place
from strangler.core.document import HugeNumber, Repeated, dump_json, exact, parse_json
from strangler.core.jsonpath import JsonPath, State, advance, hits, start
from strangler.core.known import Known, is_opaque
from strangler.core.secrets import (
    MARK,
    is_card,
    is_secret_header,
    is_secret_name,
    is_secret_parameter,
    mask_text,
    named_in,
)

MAX_SHOWN = 200
"""Characters of a value that is shown as an example; cut after it was redacted, so that no half of a secret is left."""
_MAX_VALUES = MAX_SHOWN
"""Of a document that is shown; each takes a character at least."""
_MAX_CHARACTERS = 4 * 4_096
"""Of the strings of a document that is shown, before it is cut."""
_MAX_LEARNT = 2 * 1_048_576
"""Characters of texts that are looked through for names of secrets; less than half a second."""
_LABELS = frozenset(("name", "key", "field", "label", "id", "header", "parameter"))
_LABELLED = frozenset(("value", "val", "content", "text"))
"""`{"name": "password", "value": "..."}`: whose value it is stands beside it."""
_MAX_STRING = 4_096
"""Characters of a string that is shown in part; a longer one has a mark, because redacting it takes time."""
_MAX_LEVELS = 20
_MAX_ESCAPES = 3
"""Of `%2525` and its like, one within the other."""
_SIGNS = ("=", ":", "<")
"""One of them stands in every text in which something has a name."""
_MAX_NAMES = 1_000
"""Names whose secrecy is remembered while one record is looked through; looking takes longer than all else of it."""
_MAX_PLACES = 64
"""Of a number that is written out without its exponent, before or behind the point."""
_TELLING = (dict, list, str)
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

    __slots__ = ("_known", "_labelled", "_left", "_names", "_paths", "_salt", "_secret_names")

    def __init__(self, redaction: Redaction, salt: bytes) -> None:
        self._paths = redaction.paths
        self._names = frozenset(name.lower() for name in redaction.names)
        self._salt = salt[: blake2b.MAX_KEY_SIZE]
        self._known = Known()
        self._left = _MAX_LEARNT
        self._labelled: set[Place] = set()
        """Where values stand whose names stand beside them."""
        self._secret_names: dict[str, bool] = {}

    @property
    def is_full(self) -> bool:
        """Return whether there are more secrets, or more text, than is looked through: no value of it may be kept."""
        return self._known.is_full or self._left < 0

    def remember(self, secret: str, *, is_named: bool = True) -> None:
        """Look for a secret wherever else it stands in the record; one that a name tells has precedence."""
        self._known.add(secret, is_named=is_named)

    def learn(self, value: Json) -> None:
        """Look at a document of the record for secrets that may stand elsewhere; before anything is redacted."""
        self._learn(value, start(self._paths), ())

    def learn_target(self, target: str) -> None:
        """Look at a request's target for the same."""
        for part in target.partition("?")[2].replace(";", "&").split("&"):
            name, _, value = part.partition("=")
            if self._is_secret_parameter(unquote_plus(name)):
                self.remember(value)

    def learn_text(self, text: str) -> None:
        """Look at a text for the same, up to a bound."""
        if not any(sign in text for sign in _SIGNS):
            return
        self._left -= len(text)
        if self._left >= 0:
            for secret in named_in(text):
                self.remember(secret)

    def is_secret_header(self, name: str) -> bool:
        """Return whether a header's value is secret."""
        return is_secret_header(name) or name.lower() in self._names

    def hides(self, name: str) -> bool:
        """Return whether a member's name may not be told, because it is a secret of this record or has one in it."""
        return self._known.hides(name) or (self.is_full and is_opaque(name))

    def headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Return headers that may be stored."""
        return tuple((name, self.header(name, value)) for name, value in headers)

    def header(self, name: str, value: str) -> str:
        """Return a header's value that may be stored."""
        return self.mark("header", value) if self.is_secret_header(name) else self.text(value)

    def target(self, target: str) -> str:
        """Return a request's target that may be stored; only what is secret in it is written anew."""
        path, mark, query = target.partition("?")
        parts = [self._piece(part, quote_safe="[]:") for part in path.split("/")]
        return "/".join(parts) + mark + "&".join(self._parameter(part) for part in query.split("&"))

    def text(self, text: str) -> str:
        """Return text that may be stored; where something secret is escaped in it, without its escapes."""
        redacted = self._masked(text)
        for _ in range(_MAX_ESCAPES if "%" in redacted else 0):
            plain = unquote_plus(text)
            if plain == text:
                break
            text, shown = plain, self._masked(plain)
            if shown != plain:
                redacted = shown
        return redacted

    def _masked(self, text: str) -> str:
        return mask_text(self._known.masked(text, self.mark), self.mark)

    def json(self, value: Json) -> Json:
        """Return a document that may be stored; where something was secret stands a string."""
        return self._json(value, start(self._paths), 0, 0)

    def difference(self, difference: Difference) -> tuple[str, str]:
        """Return the values of a difference as text that may be stored, cut to MAX_SHOWN characters."""
        place = difference.place
        state = start(self._paths)
        is_secret = any(place[: len(labelled)] == labelled for labelled in self._labelled)
        is_secret = is_secret or (difference.kind is Kind.HEADER and any(map(self.is_secret_header, map(str, place))))
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
            is_labelled = self._has_label(value)
            told = [
                (self.text(name), self._member(name, inner, state, depth, nested, is_labelled=is_labelled))
                for name, inner in pairs
            ]
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

    def _member(self, name: str, value: Json, state: State, depth: int, nested: int, *, is_labelled: bool) -> Json:
        below = advance(self._paths, state, name)
        is_secret = self._is_secret(name, below) or (is_labelled and name.lower() in _LABELLED)
        return self._mark_all(value) if is_secret else self._json(value, below, depth + 1, nested)

    def _has_label(self, value: dict[str, Json]) -> bool:
        """Return whether an object names a secret whose value it has."""
        told = (inner for name, inner in value.items() if name.lower() in _LABELS)
        return any(isinstance(inner, str) and self._is_secret(inner, frozenset()) for inner in told)

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

    def _learn(self, value: Json, state: State, place: Place, nested: int = 0, *, is_secret: bool = False) -> None:
        if len(place) > MAX_DEPTH:
            return
        if isinstance(value, dict):
            is_labelled = self._has_label(value)
            for name, inner in value.pairs if isinstance(value, Repeated) else value.items():
                below = advance(self._paths, state, name) if state else state
                is_told = is_labelled and name.lower() in _LABELLED
                if is_told and nested == 0:
                    self._labelled.add((*place, name))
                is_member_secret = is_secret or is_told or self._is_secret(name, below)
                # Because most of a large document is no secret, it is looked at no further.
                if is_member_secret or isinstance(inner, _TELLING):
                    self._learn(inner, below, (*place, name), nested, is_secret=is_member_secret)
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                below = advance(self._paths, state, index) if state else state
                is_element_secret = is_secret or bool(hits(self._paths, below))
                if is_element_secret or isinstance(inner, _TELLING):
                    self._learn(inner, below, (*place, index), nested, is_secret=is_element_secret)
        else:
            self._learn_scalar(value, nested, is_secret=is_secret)

    def _learn_scalar(self, value: Json, nested: int, *, is_secret: bool) -> None:
        if isinstance(value, str):
            if value.lstrip()[:1] in ("{", "[") and nested < _MAX_NESTED and (inner := _parsed(value)) is not None:
                self._learn(inner[0], frozenset(), (), nested + 1, is_secret=is_secret)
            else:
                self.learn_text(value)
        if is_secret and value is not None and not isinstance(value, bool):
            told = exact(value)
            self.remember(str(told))
            if isinstance(value, bytes):
                self.remember(value.decode("ascii"))
                self.remember(_writings(told)[0])

    def _is_secret(self, name: str, state: State) -> bool:
        known = self._secret_names.get(name)
        if known is None:
            known = is_secret_name(name) or name.lower() in self._names
            if len(self._secret_names) < _MAX_NAMES:
                self._secret_names[name] = known
        return known or bool(state and hits(self._paths, state))

    def _is_secret_parameter(self, name: str) -> bool:
        return is_secret_parameter(name) or name.lower() in self._names

    def _parameter(self, part: str) -> str:
        name, equals, value = part.partition("=")
        plain = unquote_plus(name)
        if equals and value and self._is_secret_parameter(plain):
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
            left[1] -= len(value)
            return value if len(value) <= _MAX_STRING else self.mark("long", value)
        if not isinstance(value, dict | list):
            return exact(value)
        if depth >= _MAX_LEVELS:
            return "..."
        if isinstance(value, list):
            return [self._pruned(inner, left, depth + 1) for inner in value if min(left) > 0]
        return {name: self._pruned(inner, left, depth + 1) for name, inner in value.items() if min(left) > 0}

    def _shown(self, value: Json, state: State, is_secret: bool) -> str:
        if is_secret:
            safe = self._mark_all(value)
        else:
            safe = self._json(self._pruned(value, [_MAX_VALUES, _MAX_CHARACTERS], 0), state, 0, 0)
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
