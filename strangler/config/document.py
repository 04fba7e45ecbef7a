"""From bytes to nodes: YAML with every trap of YAML 1.1 made a fault instead of a surprise.

It reads the parser's events, not Python objects, so nothing is constructed, every value keeps its place, and
depth and size are bounded before they cost anything.
"""

import re
from collections.abc import Iterator
from typing import Any, Protocol

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from strangler.config.nodes import Entry, Mapping, Node, Place, Reading, Scalar, Sequence
from strangler.config.reading import Report, join, show, show_key

MAX_BYTES = 1_048_576
"""The size of a Kubernetes ConfigMap, the largest file that is deployed in practice."""
MAX_DEPTH = 24
"""The schema needs 6."""
MAX_NODES = 200_000
"""With every alias counted in full. A file of MAX_BYTES without aliases has fewer."""

_HALF = re.compile("[\ud800-\udfff]")
_TAG = "tag:yaml.org,2002:"
_READINGS = {
    "bool": Reading.BOOL,
    "int": Reading.INT,
    "float": Reading.FLOAT,
    "null": Reading.NULL,
    "merge": Reading.MERGE,
}


def read(data: bytes, report: Report) -> Node | None:
    """Return the file's one document; None, and a fault, if there is none to go on with."""
    text = _decode(data, report)
    if text is None:
        return None
    node = read_quickly(text)
    return read_plainly(text, report) if node is None else node


def undecodable(data: bytes) -> int | None:
    """Return the offset of the first byte that is not UTF-8, counted from 0; None if all are."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None


def read_quickly(text: str) -> Node | None:
    """Return a document without faults, ten times as fast as `read_plainly`; None if that one has to look."""
    # Because PyYAML can be built without libyaml, there may be no quick way.
    quick = getattr(yaml, "CSafeLoader", None)
    if quick is None:
        return None
    report = Report("")
    composer = _Composer(quick(text), report)
    try:
        node = composer.compose()
    except (yaml.YAMLError, _StopError):
        return None
    # Because libyaml places a value that is left out elsewhere, and it is a fault anyway.
    return None if report.count or composer.leaves_out else node


def read_plainly(text: str, report: Report) -> Node | None:
    """Return the document, and note every fault in it; its messages are the same on every machine."""
    try:
        return _Composer(yaml.SafeLoader(text), report).compose()
    except _StopError as stop:
        report.add(stop.place, "document", stop.message, stop.remedy)
    except yaml.reader.ReaderError as error:
        message = f"the character U+{_codepoint(error.character):04X} is not allowed in YAML"
        report.add(_place_of(text, error.position), "document", message, "Remove it")
    except yaml.MarkedYAMLError as error:
        report.add(_mark(error.problem_mark), "document", *_explain(error))
    return None


class _Mark(Protocol):
    """A position as the parser counts it, from 0."""

    line: int
    column: int


class _StopError(Exception):
    """The document cannot be read on from here."""

    def __init__(self, place: Place, message: str, remedy: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message
        self.remedy = remedy


class _Composer:
    """Builds nodes from events, within bounds."""

    def __init__(self, loader: yaml.SafeLoader | yaml.CSafeLoader, report: Report) -> None:
        self._report = report
        # Because the stubs of PyYAML leave out half of what both loaders have.
        self._loader: Any = loader
        self._events = self._parse()
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._nodes = 0
        self._plain: dict[str, Reading] = {}
        """What plain scalars are taken for, because a file of thousands of routes has a few words again and again."""
        self.leaves_out = False
        """Whether any value is empty."""

    def compose(self) -> Node:
        first = next((event for event in self._events if isinstance(event, DocumentStartEvent)), None)
        root = None if first is None else self._node(next(self._events), "", 0)
        if root is None or (isinstance(root, Scalar) and root.reading is Reading.NULL):
            raise _StopError(Place(line=1, column=1), "the file is empty", "Start with `version: 1`")
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                place = _mark(event.start_mark)
                raise _StopError(place, "a second document starts here", "Keep one, without `---` between")
        return root

    def _parse(self) -> Iterator[Event]:
        event: Event | None = None
        try:
            while self._loader.check_event():
                event = self._loader.get_event()
                yield event
        except (ValueError, OverflowError) as error:
            # Because PyYAML lets chr() and int() fail on an escape or a version number that is too large.
            place = Place(line=1, column=1) if event is None else _mark(event.end_mark)
            raise _StopError(place, "a number is too large for YAML", "Write the character itself") from error

    def _node(self, event: Event, where: str, depth: int) -> Node:
        place = _mark(event.start_mark)
        if depth > MAX_DEPTH:
            raise _StopError(place, f"values are nested more than {MAX_DEPTH} deep", "Flatten them")
        before = self._nodes
        self._count(1, place)
        node: Node
        match event:
            case AliasEvent():
                return self._alias(event.anchor, place)
            case ScalarEvent():
                node = Scalar(place=place, text=event.value, reading=self._reading(event, place, where))
            case SequenceStartEvent():
                self._refuse_tag(event, place, where)
                node = Sequence(place=place, items=self._items(where, depth))
            case MappingStartEvent():
                self._refuse_tag(event, place, where)
                entries, is_cut = self._entries(where, depth)
                node = Mapping(place=place, entries=entries, is_cut=is_cut)
            case _:
                raise AssertionError(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._nodes - before)
        return node

    def _items(self, where: str, depth: int) -> tuple[Node, ...]:
        items: list[Node] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._node(event, f"{where}[{len(items)}]", depth + 1))
        return tuple(items)

    def _entries(self, where: str, depth: int) -> tuple[tuple[Entry, ...], bool]:
        found: dict[str, Entry] = {}
        is_cut = False
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._node(event, where, depth + 1)
            text = self._key(key, where)
            inside = where if text is None else join(where, text)
            value = self._node(next(self._events), inside, depth + 1)
            if text is None:
                is_cut = True
                continue
            if text in found:
                message = f"the key {show_key(text)} stands twice; the first is in line {found[text].place.line}"
                self._report.add(key.place, inside, message, "Remove one of them")
                continue
            found[text] = Entry(key=text, place=key.place, value=value)
        return tuple(found.values()), is_cut

    def _key(self, key: Node, where: str) -> str | None:
        """Return the key's text; None, and a fault, if it is anything but text."""
        where = where or "document"
        if not isinstance(key, Scalar):
            self._report.add(key.place, where, "a mapping or a list stands as a key", "Write a plain name")
            return None
        if key.reading is Reading.MERGE:
            remedy = "Write the keys out, or use `defaults`"
            self._report.add(key.place, where, "the merge key `<<` is not supported", remedy)
            return None
        if key.reading is not Reading.TEXT:
            message = f"YAML reads the key {show(key.text)} as a {key.reading}"
            self._report.add(key.place, where, message, f'Quote it: "{key.text[:40]}"')
            return None
        return key.text

    def _alias(self, anchor: str | None, place: Place) -> Node:
        known = self._anchors.get(anchor or "")
        if known is None:
            # Because a secret may begin with `*` and have no quotes, it is not repeated; nor is a tag of our own below.
            message = "the alias names no anchor that is complete before it"
            raise _StopError(place, message, "Define the anchor above, outside of what uses it")
        node, size = known
        self._count(size, place)
        return node

    def _count(self, nodes: int, place: Place) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            message = f"with its aliases written out the file has more than {MAX_NODES:,} values"
            raise _StopError(place, message, "Use fewer aliases or fewer routes")

    def _reading(self, event: ScalarEvent, place: Place, where: str) -> Reading:
        if _HALF.search(event.value):
            message = "the text has half a character in it"
            self._report.add(place, where or "document", message, "Write the whole character")
        self._refuse_tag(event, place, where)
        if event.tag is not None or not event.implicit[0]:
            return Reading.TEXT
        reading = self._plain.get(event.value)
        if reading is None:
            tag: str = self._loader.resolve(yaml.ScalarNode, event.value, (True, False))
            reading = self._plain[event.value] = _READINGS.get(tag.removeprefix(_TAG), Reading.TEXT)
            self.leaves_out |= reading is Reading.NULL
        return reading

    def _refuse_tag(
        self, event: ScalarEvent | SequenceStartEvent | MappingStartEvent, place: Place, where: str
    ) -> None:
        tag = event.tag
        if tag is None or tag == "!" or (tag == _TAG + "str" and isinstance(event, ScalarEvent)):
            return
        name = f"the tag {show(tag.replace(_TAG, '!!'))}" if tag.startswith(_TAG) else "this tag"
        remedy = "Remove it, or quote the value if it begins with `!`"
        self._report.add(place, where or "document", f"{name} has no meaning here", remedy)


def _decode(data: bytes, report: Report) -> str | None:
    start = Place(line=1, column=1)
    if len(data) > MAX_BYTES:
        report.add(start, "document", f"the file is larger than {MAX_BYTES:,} bytes", "Split it over proxies")
        return None
    offset = undecodable(data)
    if offset is None:
        return data.decode("utf-8")
    before = data[:offset].decode("utf-8")
    message = f"the byte 0x{data[offset]:02X} at offset {offset} is not UTF-8"
    report.add(_place_of(before, len(before)), "document", message, "Save the file as UTF-8")
    return None


def _explain(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    """Return message and remedy for a syntax error, in our words where the parser's mislead."""
    problem = error.problem or "this is not YAML"
    if "'\\t'" in problem:
        return "a tab stands where YAML takes only spaces", "Indent with spaces"
    if "mapping values are not allowed" in problem:
        return "a second `: ` in one value, or a line indented too far", "Quote the value, or align the line"
    context = f" {error.context}" if error.context else ""
    return f"not valid YAML{context}: {problem}", "Mend the line, or the one above it"


def _codepoint(character: object) -> int:
    return ord(character) if isinstance(character, str) else int(str(character))


def _mark(mark: _Mark | None) -> Place:
    return Place(line=1, column=1) if mark is None else Place(line=mark.line + 1, column=mark.column + 1)


def _place_of(text: str, position: int) -> Place:
    before = text[:position]
    return Place(line=before.count("\n") + 1, column=position - (before.rfind("\n") + 1) + 1)
