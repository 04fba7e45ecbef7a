"""Known secrets: those of one record, found again wherever else they stand in it.

Each is looked for as it is, without escapes, and as JSON and HTML escape it. It takes one look at each character of a
text, however many secrets there are.
"""

import json
from collections.abc import Callable, Iterator
from html import escape
from urllib.parse import unquote, unquote_plus

from strangler.core.secrets import MARK

MIN_KNOWN = 6
"""Characters of a secret that is looked for elsewhere: `true` or `1234` stands in too much that is none."""
MAX_KNOWN = 1_024
"""Secrets that stand under a secret's name, and as many others (cookies, addresses) beside them."""
_MAX_LENGTHS = 64
"""Different lengths of secrets that begin alike; looking for each of them takes time."""
_OPAQUE = 16
"""Characters from which on a word is no word that people would write."""


class Known:
    """Remembers secrets and finds them."""

    __slots__ = ("_by_start", "_loose", "_named", "is_full")

    def __init__(self) -> None:
        self._named: dict[str, str] = {}
        self._loose: dict[str, str] = {}
        self._by_start: dict[str, dict[int, set[str]]] = {}
        self.is_full = False
        """Whether there were more than are remembered, so that some may stand anywhere."""

    def __contains__(self, text: str) -> bool:
        return text in self._named or text in self._loose

    def add(self, secret: str, *, is_named: bool = True) -> None:
        """Remember a secret in every way that it may be written; one that its name tells has room of its own."""
        kept = self._named if is_named else self._loose
        for written in _writings(secret):
            if len(written) < MIN_KNOWN or written in self:
                continue
            lengths = self._by_start.setdefault(written[:MIN_KNOWN], {})
            if len(kept) >= MAX_KNOWN or (len(written) not in lengths and len(lengths) >= _MAX_LENGTHS):
                self.is_full = True
                return
            kept[written] = secret
            lengths.setdefault(len(written), set()).add(written)

    def masked(self, text: str, mark: Callable[[str, str], str]) -> str:
        """Return a text with a mark for each stretch of it that is a secret, or several that overlap."""
        if not self._by_start:
            return text
        pieces, done = [], 0
        for start, end in self._spans(text):
            found = text[start:end]
            pieces += [text[done:start], mark("known", self._named.get(found) or self._loose.get(found) or found)]
            done = end
        return "".join((*pieces, text[done:]))

    def hides(self, name: str) -> bool:
        """Return whether a member's name may not be told: it is a secret, or has one in it that is no plain word."""
        return name in self or any(is_opaque(name[start:end]) for start, end in self._spans(name))

    def _spans(self, text: str) -> list[tuple[int, int]]:
        marks = [found.span() for found in MARK.finditer(text)] if "[redacted " in text else []
        spans: list[tuple[int, int]] = []
        for start, end in self._places(text):
            # Because `redacted` may be somebody's password, and a mark that is marked says nothing any more.
            if text[start:end].isalpha() and any(a <= start and end <= b for a, b in marks):
                continue
            if spans and start < spans[-1][1]:
                spans[-1] = spans[-1][0], max(end, spans[-1][1])
            else:
                spans.append((start, end))
        return spans

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        for at in range(len(text) - MIN_KNOWN + 1 if self._by_start else 0):
            lengths = self._by_start.get(text[at : at + MIN_KNOWN])
            ends = () if lengths is None else (at + n for n, those in lengths.items() if text[at : at + n] in those)
            if (end := max(ends, default=0)) > at:
                yield at, end


def is_opaque(text: str) -> bool:
    """Return whether a text is no plain word, so that it may tell who or what."""
    return len(text) >= _OPAQUE or not (text.isalpha() and (text.islower() or text.isupper() or text.istitle()))


def _writings(secret: str) -> tuple[str, ...]:
    plain = dict.fromkeys((secret, unquote(secret), unquote_plus(secret)))
    found: dict[str, None] = {}
    for text in plain:
        in_json = json.dumps(text)[1:-1]
        ways = (text, in_json, in_json.replace("/", "\\/"), json.dumps(text, ensure_ascii=False)[1:-1], escape(text))
        found.update(dict.fromkeys(ways))
    return tuple(found)
