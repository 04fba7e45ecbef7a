"""Editing a routes file: one rule more in a route's `shadow`, and not another byte different.

The rule is put into the text where the parser's marks say that it belongs. Nothing is written anew from values,
so comments, quotes and layout cannot change; what the text means afterwards is read with the loader and compared.
"""

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import yaml
from yaml.events import AliasEvent

from strangler.config.load import parse
from strangler.core.model import Config, Route
from strangler.core.shadowing import PathRule, RuleKind
from strangler.errors import ConfigError, EditError

_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What ends a line in YAML 1.1."""
_DASH = re.compile(r"^( *)-(?=\s)", re.MULTILINE)
_PLAIN = re.compile(r"\$[A-Za-z0-9_.$*-]*")
_PLAIN_IN_BLOCK = re.compile(r"\$[A-Za-z0-9_.$*\[\]-]*")
"""Paths that need no quotes."""


def ignore(data: bytes, config: Config, *, route: str, path: str, file: Path) -> bytes:
    """Return a routes file with the rule `ignore: path` added to a route; raises EditError if that cannot be done.

    `config` is what `data` means, and has the route, with a shadow. The result means the same but for the rule.
    """
    rule = PathRule(kind=RuleKind.IGNORE, path=path)
    wanted = replace(config, routes=tuple(_with(one, rule) if one.name == route else one for one in config.routes))
    problems: list[str] = []
    for text in _edited(data.decode("utf-8"), route, path):
        edited = text.encode("utf-8")
        try:
            problem = _difference(parse(edited, path=file), wanted)
        except ConfigError as error:
            problem = str(error.faults[0])
        if problem is None:
            return edited
        problems.append(problem)
    raise EditError(f"the rule cannot be added to route {route!r} by itself. With it: {problems[0]}.")


def _with(route: Route, rule: PathRule) -> Route:
    assert route.shadow is not None
    return replace(route, shadow=replace(route.shadow, rules=(*route.shadow.rules, rule)))


def _difference(found: Config, wanted: Config) -> str | None:
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


def _edited(text: str, route: str, path: str) -> Iterator[str]:
    """Yield texts that have the rule, the one that people would write first."""
    root = _root(text)
    routes = _value(root, "routes")
    items = _own(routes, "routes").value if routes is not None else ()
    at = next((item for item in items if _is_named(item, route)), None)
    shadow = None if at is None else _value(_own(at, f"route {route!r}"), "shadow")
    if at is None or shadow is None:
        raise EditError(f"`shadow` of route {route!r} was not found in the text")
    layout = _Layout(text, root)
    if isinstance(_target(shadow), yaml.ScalarNode):
        if not at.flow_style:
            yield layout.section(_key(at, "shadow"), shadow, path)
        yield layout.inline_section(shadow, path)
        return
    rules = _value(_own(shadow, "shadow"), "rules")
    if rules is None:
        yield layout.with_key(shadow, path)
    else:
        yield layout.with_item(_own(rules, "rules"), path)


class _Alias(yaml.Node):
    """A value that stands elsewhere; its own marks, and the value."""

    id = "alias"


class _Loader(yaml.SafeLoader):
    """Keeps where an alias stands, and lets an anchor be defined anew, as the reader of routes files does."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        # Because the stubs take marks for those of one parser only.
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if self.check_event(AliasEvent):
            start, end = event.start_mark, event.end_mark
            return _Alias("", super().compose_node(parent, index), start, end)
        self.anchors.pop(event.anchor, None)
        return super().compose_node(parent, index)


def _root(text: str) -> Any:
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _target(node: Any) -> Any:
    return node.value if isinstance(node, _Alias) else node


def _own(node: Any, what: str) -> Any:
    """Return a node that stands where it is used."""
    if isinstance(node, _Alias):
        line = node.start_mark.line + 1
        raise EditError(f"{what} is only a YAML alias in line {line}, so others would change too. Write it out there.")
    return node


def _key(mapping: Any, name: str) -> Any:
    return next((key for key, _ in _target(mapping).value if _target(key).value == name), None)


def _value(mapping: Any, name: str) -> Any:
    return next((value for key, value in _target(mapping).value if _target(key).value == name), None)


def _is_named(route: Any, name: str) -> bool:
    return getattr(_target(_value(route, "name")), "value", None) == name


class _Layout:
    """Puts a rule into one text, in the manner of what stands there."""

    def __init__(self, text: str, root: Any) -> None:
        self._text = text
        nested = [value for _, value in root.value if isinstance(value, yaml.MappingNode) and not value.flow_style]
        self._step = max(nested[0].value[0][0].start_mark.column, 1) if nested else 2
        routes = _value(root, "routes")
        self._dash = self._step if routes.flow_style else self._column_of_dash(routes)

    def section(self, key: Any, word: Any, path: str) -> str:
        """Return the text with a mode alone made a section, in lines of its own."""
        start = word.start_mark.index
        if word.start_mark.line > key.end_mark.line:
            indent, before = word.start_mark.column, "mode: "
        else:
            indent = key.start_mark.column + self._step
            before = f"{self._break(start)}{' ' * indent}mode: "
            # Because no space is to be left at a line's end.
            start -= len(self._text[:start]) - len(self._text[:start].rstrip(" "))
        lines = self._rules(indent, path)
        text = self._text[:start] + before + self._text[word.start_mark.index :]
        return _Layout._insert(text, self._line_end(self._end(word)) + len(text) - len(self._text), lines)

    def inline_section(self, word: Any, path: str) -> str:
        """Return the text with a mode alone made a section, in its line."""
        end = self._end(word)
        text = _Layout._insert(self._text, end, f", rules: [{_item(path)}]}}")
        return _Layout._insert(text, word.start_mark.index, "{mode: ")

    def with_key(self, section: Any, path: str) -> str:
        """Return the text with `rules` after a section's other keys."""
        if section.flow_style:
            return self._into(section, f"rules: [{_item(path)}]")
        indent = section.value[0][0].start_mark.column
        return self._after(section, self._rules(indent, path))

    def with_item(self, rules: Any, path: str) -> str:
        """Return the text with one more in a list of rules."""
        if rules.flow_style:
            return self._into(rules, _item(path))
        line = f"{' ' * self._column_of_dash(rules)}- ignore: {_written(path, _PLAIN_IN_BLOCK)}"
        return self._after(rules, self._break(self._end(rules)) + line)

    def _rules(self, indent: int, path: str) -> str:
        line = self._break(0)
        item = f"- ignore: {_written(path, _PLAIN_IN_BLOCK)}"
        return f"{line}{' ' * indent}rules:{line}{' ' * (indent + self._dash)}{item}"

    def _after(self, node: Any, lines: str) -> str:
        return _Layout._insert(self._text, self._line_end(self._end(node)), lines)

    def _into(self, collection: Any, item: str) -> str:
        if collection.value:
            last = collection.value[-1]
            return _Layout._insert(self._text, self._end(last[1] if isinstance(last, tuple) else last), f", {item}")
        return _Layout._insert(self._text, collection.end_mark.index - 1, item)

    @staticmethod
    def _insert(text: str, at: int, more: str) -> str:
        return text[:at] + more + text[at:]

    def _end(self, node: Any) -> int:
        """Return where the last character of a value stands; a block's own mark is at whatever comes after it."""
        end: int = node.end_mark.index
        if isinstance(node, _Alias):
            return end
        if isinstance(node, yaml.ScalarNode):
            start = node.start_mark.index
            return start + len(self._text[start:end].rstrip()) if node.style in ("|", ">") else end
        if not node.value or (node.flow_style and self._text[end - 1] in "]}"):
            return end
        last = node.value[-1]
        return self._end(last[1] if isinstance(last, tuple) else last)

    def _line_end(self, at: int) -> int:
        found = _BREAK.search(self._text, at)
        return len(self._text) if found is None else found.start()

    def _break(self, at: int) -> str:
        found = _BREAK.search(self._text, at) or _BREAK.search(self._text)
        return "\n" if found is None else found[0]

    def _column_of_dash(self, sequence: Any) -> int:
        at: int = sequence.start_mark.index
        # Because the mark of a list with an anchor is the anchor's.
        found = None if self._text.startswith("-", at) else _DASH.search(self._text, at)
        return sequence.start_mark.column if found is None else len(found[1])


def _item(path: str) -> str:
    return f"{{ignore: {_written(path, _PLAIN)}}}"


def _written(path: str, plain: re.Pattern[str]) -> str:
    """Return a path as YAML writes it."""
    if plain.fullmatch(path):
        return path
    if '"' not in path and "\\" not in path:
        return f'"{path}"'
    return "'" + path.replace("'", "''") + "'"
