"""Fragments: what may be shown of a text that has no places, because it is no YAML, or a part of one.

Line by line, a value is shown only under a name that some key of the format has, and only on one line; never within
`headers`.
"""

import re
from collections.abc import Callable, Iterator

from strangler.config import kinds
from strangler.config.forms import Many, OrOff, Section
from strangler.config.keys import ROOT

Mark = Callable[[str], str]
"""Returns what stands for a text that is not shown."""

_OPENED = re.compile(r"\s*(?:-\s+)*[\"']?headers[\"']?\s*:\s*(?:#.*)?")
_WORD = re.compile(r"\s*(?:true|false|on|off)\s*")
_EMPTY = re.compile(r"[\s\[\]{},-]*")
_PAIR = re.compile(r"(\s*(?:-\s+)*(?:\?\s+)?[\"']?)([A-Za-z0-9_.-]{1,64})([\"']?\s*:)(\s+|$)(.*)", re.DOTALL)
_CLOSED = re.compile(r"([\"']?)[^\"'{}\[\]&*!|>]*\1,?\s*")
"""One value on one line: no list or mapping, and no quote that the next line goes on in."""
_WEB = re.compile(r"[\"']?https?://\S+(?:(?<=\[masked) [0-9]+\]\S*)?", re.IGNORECASE)
_DONE = re.compile(r"\s*[\"']?\[(?:masked [0-9]+|redacted masked [0-9a-f]{16})\][\"']?\s*")
_COMMENTED = re.compile(
    r"(\bx-[\w-]+[\"']?\s*:\s*|\bheaders\s*:\s*|\burls?\s*:\s*(?![\s\"'\[]*https?://))(\S.*)", re.IGNORECASE
)


class Reader:
    """Reads one fragment line by line."""

    def __init__(self, mark: Mark) -> None:
        self._mark = mark
        self._within: int | None = None
        """The indentation of the `headers` that lines are in; None outside of any."""

    def shown(self, line: str) -> str:
        """Return the next line with its value marked, unless it may be seen."""
        depth = len(line) - len(line.lstrip(" "))
        if self._within is not None and line.strip() and depth <= self._within:
            self._within = None
        if self._within is None and _OPENED.fullmatch(line):
            self._within = depth
            return line
        return _shown(line, self._mark, is_header=self._within is not None)


def _shown(line: str, mark: Mark, *, is_header: bool) -> str:
    if line.lstrip().startswith("#"):
        return comment(line, mark)
    if _EMPTY.fullmatch(line) or _DONE.fullmatch(line):
        return line
    pair = _PAIR.fullmatch(line)
    if pair is None:
        bare = line.lstrip(" \t-")
        return line[: len(line) - len(bare)] + mark(bare)
    before, name, colon, gap, value = pair.groups()
    return f"{before}{name}{colon}{gap}{_value('' if is_header else name, value, mark)}"


def comment(text: str, mark: Mark) -> str:
    """Return a comment with the value marked of a header, or of a URL without its scheme, that was put into it."""
    return _COMMENTED.sub(lambda found: found[0] if _DONE.fullmatch(found[2]) else found[1] + mark(found[2]), text)


def _value(name: str, value: str, mark: Mark) -> str:
    bare, sharp, rest = value.partition(" #")
    if not bare.strip() or bare.startswith("#"):
        return comment(value, mark)
    is_fine = _WORD.fullmatch(bare) is not None or (name in _SHOWN and _CLOSED.fullmatch(bare) is not None)
    is_fine |= name in _URLS and _WEB.fullmatch(bare.strip()) is not None
    is_fine |= _DONE.fullmatch(bare) is not None
    return (bare if is_fine else mark(bare)) + comment(sharp + rest, mark)


def _names(section: Section, done: set[int]) -> Iterator[tuple[str, object]]:
    if id(section) in done:
        return
    done.add(id(section))
    for key in section.keys:
        yield key.name, key.takes
        inner = key.takes if isinstance(key.takes, Section) else getattr(key.takes, "section", None)
        if isinstance(key.takes, Section | OrOff | Many) and isinstance(inner, Section):
            yield from _names(inner, done)


_FORMS = tuple(_names(ROOT, set()))
_URLS = frozenset(name for name, takes in _FORMS if takes in (kinds.URL, kinds.URLS, kinds.SERVICE))
_SHOWN = (
    frozenset(name for name, takes in _FORMS if not isinstance(takes, Section | OrOff | Many)) - _URLS - {"headers"}
)
