"""Lines: where in a flag file's text a field stands, for a message."""

import json
import re
from bisect import bisect_left

import yaml

from strangler.flags.validate import FieldPath

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()

Place = tuple[int, int]
"""Where a member's key, or an item, begins, and where its value does."""


class JsonLines:
    """Finds lines in sound JSON without parsing again what the path does not lead through."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newlines = [found.start() for found in re.finditer("\n", text)]
        self._seen: dict[int, dict[str | int, Place]] = {}

    def of(self, path: FieldPath) -> int:
        """Return the line of the deepest part of the path that the text has; 0 if it has none of it."""
        value, line = self._skip(0), 0
        for part in path:
            found = self._inside(value).get(part)
            if found is None:
                break
            start, value = found
            line = bisect_left(self._newlines, start) + 1
        return line

    def _inside(self, start: int) -> dict[str | int, Place]:
        """Return the places in the object or list that begins at `start`; nothing for another value."""
        found = self._seen.get(start)
        if found is None:
            found = self._seen[start] = self._read(start) if self._text[start] in "{[" else {}
        return found

    def _read(self, start: int) -> dict[str | int, Place]:
        found: dict[str | int, Place] = {}
        is_object = self._text[start] == "{"
        position = self._skip(start + 1)
        while self._text[position] not in "}]":
            begin, name = position, len(found)
            if is_object:
                key, end = _DECODER.raw_decode(self._text, position)
                position = self._skip(self._skip(end) + 1)
                found[key] = (begin, position)
            else:
                found[name] = (begin, position)
            _, end = _DECODER.raw_decode(self._text, position)
            position = self._skip(end)
            if self._text[position] == ",":
                position = self._skip(position + 1)
        return found

    def _skip(self, position: int) -> int:
        space = _SPACE.match(self._text, position)
        return position if space is None else space.end()


class YamlLines:
    """Finds lines in the nodes of a YAML document."""

    def __init__(self, root: yaml.Node | None) -> None:
        self._root = root

    def of(self, path: FieldPath) -> int:
        """Return the line of the deepest part of the path that the text has; 0 if it has none of it."""
        node, line = self._root, 0
        for part in path:
            if isinstance(node, yaml.MappingNode):
                found = next(((key, value) for key, value in node.value if key.value == part), None)
                if found is None:
                    break
                line, node = found[0].start_mark.line + 1, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                break
        return line
