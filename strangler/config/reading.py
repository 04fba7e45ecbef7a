"""Reading with a finger on the line: a value, its path in the document, and where its faults are gathered."""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from heapq import nlargest

from strangler.config.nodes import Entry, Mapping, Node, Place, Reading, Scalar, Sequence
from strangler.errors import Fault

MAX_FAULTS = 100
"""More than anybody reads; a bound, because one alias can repeat a fault thousands of times."""

_USER = re.compile(r"(?<=://)[^/\s]*@")
_PATH = re.compile(r"(https?://[^/\s]+/).+", re.IGNORECASE | re.DOTALL)

_SECRETIVE = re.compile(r"(?:^|[.\]])(?:webhooks|match)(?![A-Za-z0-9_-])")
"""Places within which a text may be a secret that stands where no single value is expected."""
_AFTER_NAME = re.compile(r"[:=/]")
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,60}")

MOST_COMPARED = 200
"""Names that a misspelt one is compared with: some 20 ms, of a loop that may have others to serve."""
MAX_SHOWN = 60
"""Characters of the author's text that a message repeats."""


class Report:
    """Gathers the faults of one file."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._faults: list[Fault] = []
        self.count = 0
        self.files: list[str] = []
        """The absolute paths of other files that were read, or could not be; their content is part of the meaning."""
        self.tried: list[str] = []
        """The absolute paths of others that were only tried: whoever uses them follows them by himself."""

    @property
    def looked_at(self) -> tuple[str, ...]:
        """Every other file that this one led to."""
        return tuple(dict.fromkeys((*self.files, *self.tried)))

    def add(self, place: Place, where: str, message: str, remedy: str | Callable[[], str]) -> None:
        """Note one fault; beyond MAX_FAULTS it is only counted, and a remedy that takes long to find not asked for."""
        self.count += 1
        if self.count <= MAX_FAULTS:
            self._faults.append(
                Fault(
                    file=self._file,
                    line=place.line,
                    column=place.column,
                    where=where,
                    message=message,
                    remedy=remedy if isinstance(remedy, str) else remedy(),
                )
            )

    def faults(self) -> tuple[Fault, ...]:
        """Return what was noted, in the file's order."""
        faults = sorted(self._faults)
        if self.count > MAX_FAULTS:
            faults.append(
                Fault(
                    file=self._file,
                    line=faults[-1].line,
                    column=faults[-1].column,
                    where="document",
                    message=f"{self.count - MAX_FAULTS} more faults are not shown",
                    remedy="Mend these first",
                )
            )
        return tuple(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """A value of the document, and where it stands."""

    node: Node
    where: str
    report: Report

    def fault(self, message: str, remedy: str | Callable[[], str]) -> None:
        """Note that this value is wrong."""
        self.report.add(self.node.place, self.where or "document", message, remedy)

    def entries(self) -> Iterator[tuple[Entry, "At"]]:
        """Yield each key with its value; nothing, and a fault, if this is not a mapping."""
        if not isinstance(self.node, Mapping):
            self.fault(f"{self.looks} where a mapping is expected", "Write `key: value` pairs")
            return
        for entry in self.node.entries:
            yield entry, At(node=entry.value, where=join(self.where, entry.key), report=self.report)

    def items(self, *, may_be_empty: bool = False) -> tuple["At", ...]:
        """Return the list's items; nothing, and a fault, if this is not a list, or has none and must have."""
        if not isinstance(self.node, Sequence):
            self.fault(f"{self.looks} where a list is expected", "Write [one, two], or one `- item` a line")
            return ()
        if not self.node.items and not may_be_empty:
            self.fault("the list is empty", "Name at least one, or remove the key")
        return tuple(
            At(node=item, where=f"{self.where}[{index}]", report=self.report)
            for index, item in enumerate(self.node.items)
        )

    def scalar(self) -> Scalar | None:
        """Return the single value; None, and a fault, if this is something else or nothing."""
        if not isinstance(self.node, Scalar):
            self.fault(f"{self.looks} where one value is expected", "Write a single value")
            return None
        if self.node.reading is Reading.NULL:
            self.fault("the key has no value", "Write one, or remove the key")
            return None
        return self.node

    @property
    def looks(self) -> str:
        """What the value is, for a message; a text that may be a secret a level too high is not repeated."""
        match self.node:
            case Mapping():
                return "a mapping stands"
            case Sequence():
                return "a list stands"
            case Scalar(reading=Reading.NULL):
                return "nothing stands"
            case Scalar() if _SECRETIVE.search(self.where):
                return "a text stands"
            case Scalar(text=text):
                return f"{show(text)} stands"


def join(where: str, key: str) -> str:
    """Return the document path of `key` inside `where`."""
    if not _PLAIN.fullmatch(key):
        return f'{where}["{_name(key)}"]'
    return f"{where}.{key}" if where else key


def show(text: str) -> str:
    """Return `text` safe for one line of a log, shortened and marked as the author's own."""
    return f"`{shorten(text)}`"


def show_key(text: str) -> str:
    """Return a key as `show` does, up to where it is no name any more: in `X-Api-Key:hush` a blank was forgotten."""
    return f"`{_name(text)}`"


def _name(text: str) -> str:
    name, sign, rest = text, "", ""
    if (found := _AFTER_NAME.search(text)) is not None:
        name, sign, rest = text[: found.start()], found[0], text[found.end() :]
    return shorten(name) + sign + "…" * bool(rest)


def shorten(text: str) -> str:
    """Return `text` on one line, at most MAX_SHOWN characters of it, and of a URL no more than its host."""
    # Because whoever knows a webhook's path may post to it, and faults go to logs and to viewers.
    text = _PATH.sub(r"\1…", _USER.sub("…@", text))
    cut = text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in cut)


def alike(word: str, known: Collection[str], *, most: int) -> tuple[str, ...]:
    """Return the names most like a word, the most first; of very many, only those that begin like it are compared."""
    if len(known) > MOST_COMPARED:
        known = nlargest(MOST_COMPARED, known, key=lambda name: _shared(name, word))
    return tuple(get_close_matches(word[:MAX_SHOWN], known, n=most))


def _shared(one: str, other: str) -> int:
    """Return how many characters both begin with."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))


def nearest(word: str, known: tuple[str, ...]) -> str:
    """Return the remedy for a name that is not `known`."""
    close = alike(word, known, most=1)
    if close:
        return f"Did you mean `{close[0]}`?"
    if not known:
        return "None is defined"
    return "Known: " + ", ".join(known[:40])
