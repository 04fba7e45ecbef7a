"""Layout: where in a routes file's text something belongs, by the parser's marks.

Nothing is written anew from values, so comments, quotes and layout cannot change; what a text means afterwards is read
with the loader and compared.
"""

import re
from dataclasses import fields, replace
from typing import Any

import yaml
from yaml.events import AliasEvent

from strangler.core.model import Config
from strangler.errors import EditError

_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What ends a line in YAML 1.1."""
_DASH = re.compile(r"^( *)-(?=\s)", re.MULTILINE)


def difference(found: Config, wanted: Config) -> str | None:
    """Return what of one meaning is not as in the other; None if all is, wherever it stands in the file."""
    for one, other in zip(found.routes, wanted.routes, strict=False):
        if replace(one, line=0) != replace(other, line=0):
            return f"route {other.name!r} would not be as it is meant, perhaps because of a YAML anchor"
    if len(found.routes) != len(wanted.routes):
        return "there would be another number of routes"
    for field in fields(Config):
        if field.name not in ("routes", "digest") and getattr(found, field.name) != getattr(wanted, field.name):
            return f"{field.name!r} would change too, perhaps because of a YAML anchor"
    return None


class Alias(yaml.Node):
    """A value that stands elsewhere; its own marks, and the value."""

    id = "alias"


class _Loader(yaml.SafeLoader):
    """Keeps where an alias stands, and lets an anchor be defined anew, as the reader of routes files does."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        # Because the stubs take marks for those of one parser only.
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if self.check_event(AliasEvent):
            start, end = event.start_mark, event.end_mark
            return Alias("", super().compose_node(parent, index), start, end)
        self.anchors.pop(event.anchor, None)
        return super().compose_node(parent, index)


def root_of(text: str) -> Any:
    """Return the node of a whole text. Raises EditError where this reader is stricter than that of routes files."""
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        # Because what it says may quote the file, its place is told alone.
        mark = error.problem_mark or error.context_mark
        where = "the text" if mark is None else f"line {mark.line + 1}"
        raise EditError(
            f"{where} cannot be edited as it is. Where a tab stands there, replace it by a space."
        ) from error


def target(node: Any) -> Any:
    """Return what an alias stands for; other nodes as they are."""
    return node.value if isinstance(node, Alias) else node


def own(node: Any, what: str) -> Any:
    """Return a node that stands where it is used."""
    if isinstance(node, Alias):
        line = node.start_mark.line + 1
        raise EditError(f"{what} is only a YAML alias in line {line}, so others would change too. Write it out there.")
    return node


def key_of(mapping: Any, name: str) -> Any:
    """Return the node of a mapping's key, None if it has none of that name."""
    return next((key for key, _ in target(mapping).value if target(key).value == name), None)


def value_of(mapping: Any, name: str) -> Any:
    """Return the node of a key's value, None if there is no such key."""
    return next((value for key, value in target(mapping).value if target(key).value == name), None)


def is_named(route: Any, name: str) -> bool:
    """Return whether a route's node has this name."""
    return getattr(target(value_of(route, "name")), "value", None) == name


class Layout:
    """One text, and how it is laid out; puts more into it in the manner of what stands there."""

    def __init__(self, text: str, root: Any) -> None:
        self.text = text
        nested = [value for _, value in root.value if isinstance(value, yaml.MappingNode) and not value.flow_style]
        self.step = max(nested[0].value[0][0].start_mark.column, 1) if nested else 2
        routes = value_of(root, "routes")
        is_block = isinstance(routes, yaml.SequenceNode) and not routes.flow_style
        self.dash = self.column_of_dash(routes) if is_block else self.step

    def after(self, block: Any, column: int, lines: str) -> str:
        """Return the text with lines after a block in lines of its own, and after the comments that belong to it: those
        that follow and are indented by more than `column`, where it stands."""
        at = end = self.line_end(self.end(block))
        while found := _BREAK.match(self.text, at):
            at = self.line_end(found.end())
            line = self.text[found.end() : at]
            comment = line.lstrip(" ")
            if comment.startswith("#") and len(line) - len(comment) > column:
                end = at
            elif comment.strip():
                break
        return Layout.insert(self.text, end, lines)

    def into(self, collection: Any, item: str) -> str:
        """Return the text with one more in a list or mapping in brackets."""
        if collection.value:
            last = collection.value[-1]
            return Layout.insert(self.text, self.end(last[1] if isinstance(last, tuple) else last), f", {item}")
        return Layout.insert(self.text, collection.end_mark.index - 1, item)

    @staticmethod
    def insert(text: str, at: int, more: str) -> str:
        """Return a text with more at one place."""
        return text[:at] + more + text[at:]

    def end(self, node: Any) -> int:
        """Return where the last character of a value stands; a block's own mark is at whatever comes after it."""
        end: int = node.end_mark.index
        if isinstance(node, Alias):
            return end
        if isinstance(node, yaml.ScalarNode):
            start = node.start_mark.index
            return start + len(self.text[start:end].rstrip()) if node.style in ("|", ">") else end
        if not node.value or (node.flow_style and self.text[end - 1] in "]}"):
            return end
        last = node.value[-1]
        return self.end(last[1] if isinstance(last, tuple) else last)

    def line_end(self, at: int) -> int:
        """Return where the line of a place ends, before its break."""
        found = _BREAK.search(self.text, at)
        return len(self.text) if found is None else found.start()

    def line_break(self, at: int) -> str:
        """Return what ends lines here."""
        found = _BREAK.search(self.text, at) or _BREAK.search(self.text)
        return "\n" if found is None else found[0]

    def column_of_dash(self, sequence: Any) -> int:
        """Return how far the dashes of a list in lines of its own are indented."""
        at: int = sequence.start_mark.index
        # Because the mark of a list with an anchor is the anchor's.
        found = None if self.text.startswith("-", at) else _DASH.search(self.text, at)
        return sequence.start_mark.column if found is None else len(found[1])
