"""Pages: the text of HTML as a reader sees it, and what stands in its fields.

Tags, comments, scripts and styles end where the HTML standard has them end in a browser (its section 13.2.5). What
never ends there is text here: it would be hidden otherwise, and nothing says how much of it should be. Every search
goes on where the one before has ended, so a page takes time that grows with its length alone.
"""

import json
import re
from html import unescape

from strangler.core.comparison import Obstacle
from strangler.core.content import Undecided
from strangler.core.secrets import is_secret_name

MAX_PARTS = 100_000
"""Tags, comments and `&` of a page: a third of a second. 1 MiB of a dense table has about as many."""

_OPEN = re.compile(r"<(?=[a-zA-Z/!?])")
_ATTRIBUTE = r"([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?+)?+"
_TAG = re.compile(rf"<(/?)([a-zA-Z][^\s/>]*+)((?:[\s/]++|{_ATTRIBUTE})*+)>")
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_COMMENT_END = re.compile(r"--!?>")
_DATA_END = re.compile(r"]]>")
_NOTE = re.compile(r"<(?:[!?]|/(?![a-zA-Z]))")
_NOTE_END = re.compile(r">")
"""A document type, an instruction, an end of nothing."""
_WHITE = re.compile(r"\s+")

_SILENT = ("script", "style", "template", "noscript", "iframe", "noembed", "noframes")
"""No reader sees what is in them."""
_VERBATIM = ("textarea", "title", "xmp")
"""What is in them is text, and no markup."""
_FIELDS = ("input", "option", "meter", "progress")
"""What they show is in their attributes."""
_INLINE = frozenset(
    ("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins",
     "kbd", "label", "mark", "nobr", "output", "q", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub",
     "sup", "time", "tt", "u", "var", "wbr", *_SILENT)
)  # fmt: skip
"""They stand within a line; all others begin a new one."""
_ENDS = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in (*_SILENT, *_VERBATIM)}


def page_lines(text: str, most: int = MAX_PARTS) -> list[str]:
    """Return the lines that a page shows, white space as one blank; raise Undecided if it has too many parts."""
    return _Reading(text, most).lines()


class _Reading:
    """One page, and how far it was read."""

    __slots__ = ("_at", "_endless", "_left", "_line", "_lines", "_text")

    def __init__(self, text: str, most: int) -> None:
        self._text = text
        self._at = 0
        self._left = most - text.count("&")
        self._line: list[str] = []
        self._lines: list[str] = []
        self._endless: set[str] = set()
        """Elements that are ended nowhere in what is left."""

    def lines(self) -> list[str]:
        """Return all lines."""
        if self._left < 0:
            raise Undecided(Obstacle.TOO_LARGE)
        while found := _OPEN.search(self._text, self._at):
            self._show(found.start())
            self._left -= 1
            if self._left < 0:
                raise Undecided(Obstacle.TOO_LARGE)
            if not self._pass():
                break
        self._show(len(self._text))
        self._end_line()
        return self._lines

    def _pass(self) -> bool:
        """Go on to behind a tag, a comment or what is like one; return whether it has an end."""
        text, start = self._text, self._at
        if tag := _TAG.match(text, start):
            return self._pass_tag(tag)
        if text.startswith("<![CDATA[", start):
            # Because in XHTML it is text, and who knows what it is to a reader of HTML.
            self._at = start + len("<![CDATA[")
            ends = _DATA_END.search(text, self._at)
            if ends:
                self._show(ends.start())
        elif text.startswith("<!--", start):
            # Because `<!-->` is a comment as well.
            ends = _COMMENT_END.search(text, start + 2)
        else:
            ends = _NOTE_END.search(text, start) if _NOTE.match(text, start) else None
        if ends:
            self._at = ends.end()
        return ends is not None

    def _pass_tag(self, tag: re.Match[str]) -> bool:
        self._at = tag.end()
        is_end, name = bool(tag[1]), tag[2].lower()
        if name not in _INLINE:
            self._end_line()
        if is_end:
            return True
        if name == "plaintext":
            return False
        if name in _FIELDS:
            self._add_field(name, tag[3])
        elif name in _ENDS and name not in self._endless:
            ends = _ENDS[name].search(self._text, self._at)
            if ends is None:
                self._endless.add(name)
            elif name in _VERBATIM:
                self._show(ends.start())
            else:
                self._at = ends.start()
        return True

    def _show(self, end: int) -> None:
        """Take the text up to a place for part of the line."""
        if end > self._at:
            self._line.append(_plain(self._text[self._at : end]))
            self._at = end

    def _end_line(self) -> None:
        if self._line:
            words = _WHITE.sub(" ", "".join(self._line)).strip()
            if words:
                self._lines.append(words)
            self._line.clear()

    def _add_field(self, tag: str, attributes: str) -> None:
        told: dict[str, str] = {}
        for name, value in _ATTRIBUTES.findall(attributes):
            told.setdefault(name.lower(), _plain(value[1:-1] if value[:1] in ("'", '"') else value))
        name = told.get("name", "")
        kind = told.get("type", "").lower()
        words = [name] if name else []
        if "value" in told and not (kind == "hidden" and is_secret_name(name)):
            # Because a hidden secret is made anew for each page, to know the form by, and no reader sees it.
            label = "password" if kind == "password" else name or "value"
            words = [f"{label}={json.dumps(told['value'], ensure_ascii=False)}"]
        words += [state for state in ("checked", "selected") if state in told]
        if words or tag == "input":
            self._lines.append(f"<{' '.join((tag, *words))}>")


def _plain(text: str) -> str:
    try:
        return unescape(text) if "&" in text else text
    except ValueError:
        # Because Python reads no number of thousands of digits, such as `&#` may have.
        return text
