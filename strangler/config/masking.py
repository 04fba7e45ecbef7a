"""Masking: a routes file as those may read it who may not change it; where a secret stands, a mark does.

Secret is by its place what a request must have in a header, but for a few that open nothing, what is no web address
where one should stand, and what stands under no key that is known. Wherever it stands, secret is what follows the host
of a URL, because whoever knows a webhook's path may post to it, who stands before the `@` in one, and what has the name
or the form of a credential, in comments too. Equal secrets have equal marks.
"""

import re

from strangler.config.fragments import Reader, comment
from strangler.config.places import Value, values
from strangler.core.secrets import mask_text

MARK = re.compile(r"\[masked [0-9]+\]")

_URL = re.compile(r"(https?:(?:\\?/){2})(\S+)", re.IGNORECASE)
"""Up to the next blank, because a path may have quotes, commas and brackets in it."""
_AUTHORITY = re.compile(r"[^/?#\\]*")
_HOST = re.compile(r"[A-Za-z0-9._-]*(?::[0-9]{0,5})?|\[[0-9A-Fa-f:.]*\](?::[0-9]{0,5})?")
"""In a host that is none a secret may stand, behind a slash that was forgotten."""
_CLOSING = "\"'`,.;)]}>"
"""What ends the value, or the sentence, that a URL stands in."""
_KEYS = re.compile(
    r"(\bsecret_env\s*:\s*[\"']?[A-Z][A-Z0-9_]*|\bcredentials\s*:\s*(?:[\"']?(?:keep|remove)\b|\{\s*(?=(?:header|env)\s*:)))"
)
"""Keys whose names say secret and whose values are none."""
_WHAT = "masked"
_INNER = re.compile(rf"\[redacted {_WHAT} ([0-9a-f]{{16}})\]")
"""What stands for a secret until the line is done: the form that `mask_text` knows and takes for no secret itself."""
_NO_CREDENTIALS = frozenset(("email", "iban", "card"))
"""What `mask_text` finds beside credentials: people's, not the proxy's."""


class Masker:
    """Masks texts that are compared with each other: what is equal in them has equal marks."""

    def __init__(self, *, begin: int = 1) -> None:
        """Give the first secret this number."""
        self._numbers: dict[str, int] = {}
        self._begin = begin

    def mask(self, text: str) -> str:
        """Return a file's text with its secrets masked, and all else as it was; of one that is no YAML, only what no
        place would make secret is shown."""
        found = values(text)
        if found is None:
            return self.mask_lines(text)
        # Because a pattern holds the interpreter for as long as it searches, it is given no more than a line.
        return "\n".join(map(self._line, self._unfolded(text, found).split("\n")))

    def mask_lines(self, text: str) -> str:
        """Return a part of a file's text with its secrets masked, without knowing where in the file it stands."""
        reader = Reader(self._mark)
        return "\n".join(self._line(reader.shown(line)) for line in text.split("\n"))

    def mask_difference(self, text: str) -> str:
        """Return what differs between two such texts, as `diff -u` shows it, with its secrets masked."""
        reader = Reader(self._mark)
        shown = []
        for line in text.split("\n"):
            if line.startswith("@@"):
                reader = Reader(self._mark)
            is_content = line[:1] in ("+", "-", " ") and not line.startswith(("+++ ", "--- "))
            shown.append(line[:1] + self._line(reader.shown(line[1:])) if is_content else line)
        return "\n".join(shown)

    def _unfolded(self, text: str, found: list[Value]) -> str:
        """Return the text with a mark for each value that its place makes secret, or whose secret the lines as they
        stand do not show."""
        pieces, done = [], 0
        for one in found:
            raw = text[one.start : one.end]
            if one.is_hidden or any(url[0] not in raw for url in _URL.finditer(one.text)):
                mark = self._mark(one.text)
                pieces += [
                    self._between(text[done : one.start]),
                    mark if one.is_hidden else f'"{mark}"',
                    "\n" * raw.endswith("\n"),
                ]
            else:
                pieces += [self._between(text[done : one.start]), raw]
            done = one.end
        return "".join((*pieces, self._between(text[done:])))

    def _between(self, text: str) -> str:
        """Return what stands between two values, comments among it, with the secrets of those masked."""
        if "#" not in text:
            return text
        return "\n".join(comment(line, self._mark) if "#" in line else line for line in text.split("\n"))

    def _line(self, line: str) -> str:
        pieces = _KEYS.split(self._url(line))
        masked = (piece if index % 2 else mask_text(piece, self._found) for index, piece in enumerate(pieces))
        return _INNER.sub(lambda found: f"[masked {int(found[1], 16)}]", "".join(masked))

    def _url(self, text: str) -> str:
        return _URL.sub(lambda found: found[1] + self._rest(found[2]), text)

    def _rest(self, text: str) -> str:
        end = len(text.rstrip(_CLOSING))
        url, closing = text[:end], text[end:]
        match = _AUTHORITY.match(url)
        authority = "" if match is None else match[0]
        path = url[len(authority) :]
        user, at, host = authority.rpartition("@")
        if not _HOST.fullmatch(host):
            return f"{self._mark(url)}{closing}"
        shown = f"{self._mark(user)}@{host}" if at else authority
        # Because a text may be masked already, a mark is left as it is.
        if path.strip("/\\") and path != "/[masked":
            path = f"/{self._mark(path)}"
        return f"{shown}{path}{closing}"

    def _found(self, what: str, secret: str) -> str:
        return secret if what in _NO_CREDENTIALS else self._mark(secret)

    def _mark(self, secret: str) -> str:
        return f"[redacted {_WHAT} {self._numbers.setdefault(secret, len(self._numbers) + self._begin):016x}]"
