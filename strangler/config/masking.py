"""Masking: a routes file as those may read it who may not change it; where a secret stands, a mark does.

Secret is what follows the host of a URL, because whoever knows a webhook's path may post to it, who stands before the
`@` in one, and what has the name or the form of a credential, in comments too. Equal secrets have equal marks.
"""

import re

import yaml

from strangler.core.secrets import mask_text

MARK = re.compile(r"\[masked [0-9]+\]")

_URL = re.compile(r"(https?:(?:\\?/){2})(\S+)", re.IGNORECASE)
"""Up to the next blank, because a path may have quotes, commas and brackets in it."""
_AUTHORITY = re.compile(r"[^/?#\\]*")
_CLOSING = "\"'`,.;)]}>"
"""What ends the value, or the sentence, that a URL stands in."""
_KEYS = re.compile(r"(\bsecret_env\s*:\s*[\"']?[A-Z][A-Z0-9_]*|\bcredentials\s*:\s*[\"']?(?:keep|remove)\b)")
"""Keys whose names say secret and whose values are none."""
_WHAT = "masked"
_INNER = re.compile(rf"\[redacted {_WHAT} ([0-9a-f]{{16}})\]")
"""What stands for a secret until the line is done: the form that `mask_text` knows and takes for no secret itself."""
_NO_CREDENTIALS = frozenset(("email", "iban", "card"))
"""What `mask_text` finds beside credentials: people's, not the proxy's."""


class Masker:
    """Masks texts that are compared with each other: what is equal in them has equal marks."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mask(self, text: str) -> str:
        """Return the text with its secrets masked, line by line, and all else as it was."""
        # Because a pattern holds the interpreter for as long as it searches, it is given no more than a line.
        return "\n".join(map(self._line, self._unfolded(text).split("\n")))

    def _unfolded(self, text: str) -> str:
        """Return the text with a mark for each value whose secret the lines as they stand do not show."""
        pieces, done = [], 0
        for start, end, value in _scalars(text):
            raw = text[start:end]
            if any(found[0] not in raw for found in _URL.finditer(value)):
                pieces += [text[done:start], f'"{self._mark(value)}"']
                done = end
        return "".join((*pieces, text[done:]))

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
        shown = f"{self._mark(user)}@{host}" if at else authority
        if path.strip("/\\"):
            path = f"/{self._mark(path)}"
        return f"{shown}{path}{closing}"

    def _found(self, what: str, secret: str) -> str:
        return secret if what in _NO_CREDENTIALS else self._mark(secret)

    def _mark(self, secret: str) -> str:
        return f"[redacted {_WHAT} {self._numbers.setdefault(secret, len(self._numbers) + 1):016x}]"


def _scalars(text: str) -> list[tuple[int, int, str]]:
    """Return where each value begins and ends, and what it is; none of a text that is no YAML."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        events = [event for event in yaml.parse(text, Loader=loader) if isinstance(event, yaml.ScalarEvent)]
    except (yaml.YAMLError, ValueError, OverflowError):
        return []
    return [
        (event.start_mark.index, event.end_mark.index, event.value)
        for event in events
        if event.start_mark is not None and event.end_mark is not None
    ]
