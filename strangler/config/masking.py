"""Masking: a routes file as those may read it who may not change it; where a secret stands, a mark does.

Secret is what follows the host of a URL, because whoever knows a webhook's path may post to it, who stands before the
`@` in one, and what has the name or the form of a credential, in comments too. Equal secrets have equal marks.
"""

import re

import yaml

from strangler.core.secrets import is_secret_header, mask_text

MARK = re.compile(r"\[masked [0-9]+\]")

_URL = re.compile(r"(https?:(?:\\?/){2})(\S+)", re.IGNORECASE)
"""Up to the next blank, because a path may have quotes, commas and brackets in it."""
_AUTHORITY = re.compile(r"[^/?#\\]*")
_CLOSING = "\"'`,.;)]}>"
"""What ends the value, or the sentence, that a URL stands in."""
_KEYS = re.compile(r"(\bsecret_env\s*:\s*[\"']?[A-Z][A-Z0-9_]*|\bcredentials\s*:\s*[\"']?(?:keep|remove)\b)")
"""Keys whose names say secret and whose values are none."""
_HEADERS = "headers"
"""The key under which values stand that a request must have; other values have no name that is free."""
_NO_KEY = "[]"
"""Under which the values of a list stand."""
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
        for start, end, value, is_secret in _scalars(text):
            raw = text[start:end]
            if is_secret or any(found[0] not in raw for found in _URL.finditer(value)):
                mark = self._mark(value)
                pieces += [text[done:start], mark if is_secret else f'"{mark}"', "\n" * raw.endswith("\n")]
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


def _scalars(text: str) -> list[tuple[int, int, str, bool]]:
    """Return where each value begins and ends, what it is, and whether it is a secret header's; none of a text that is
    no YAML."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        events = list(yaml.parse(text, Loader=loader))
    except (yaml.YAMLError, ValueError, OverflowError):
        return []
    found = []
    under: list[str | None] = []
    """For each collection that is open, the key that the next value stands under; None where that key comes next."""
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            under.pop()
        elif isinstance(event, yaml.ScalarEvent) and event.start_mark is not None and event.end_mark is not None:
            is_secret = len(under) > 1 and under[-2] == _HEADERS and is_secret_header(under[-1] or "")
            found.append((event.start_mark.index, event.end_mark.index, event.value, is_secret))
        if isinstance(event, yaml.CollectionStartEvent):
            under.append(None if isinstance(event, yaml.MappingStartEvent) else _NO_KEY)
        elif under and under[-1] != _NO_KEY and isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            under[-1] = None if under[-1] is not None else getattr(event, "value", "")
    return found
