"""Editing a routes file: one rule more in a route's `shadow`, and not another byte different.

The rule is put into the text where the parser's marks say that it belongs. Nothing is written anew from values,
so comments, quotes and layout cannot change; what the text means afterwards is read with the loader and compared.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from strangler.config.layout import Layout, difference, is_named, key_of, own, root_of, target, value_of
from strangler.config.load import parse
from strangler.core.model import Config, Route
from strangler.core.shadowing import PathRule, RuleKind
from strangler.errors import ConfigError, EditError

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
            problem = difference(parse(edited, path=file), wanted)
        except ConfigError as error:
            problem = str(error.faults[0])
        if problem is None:
            return edited
        problems.append(problem)
    raise EditError(f"the rule cannot be added to route {route!r} by itself. With it: {problems[0]}.")


def _with(route: Route, rule: PathRule) -> Route:
    assert route.shadow is not None
    return replace(route, shadow=replace(route.shadow, rules=(*route.shadow.rules, rule)))


def _edited(text: str, route: str, path: str) -> Iterator[str]:
    """Yield texts that have the rule, the one that people would write first."""
    root = root_of(text)
    routes = value_of(root, "routes")
    items = own(routes, "routes").value if routes is not None else ()
    at = next((item for item in items if is_named(item, route)), None)
    shadow = None if at is None else value_of(own(at, f"route {route!r}"), "shadow")
    if at is None or shadow is None:
        raise EditError(f"`shadow` of route {route!r} was not found in the text")
    layout = Layout(text, root)
    if isinstance(target(shadow), yaml.ScalarNode):
        if not at.flow_style:
            yield _section(layout, key_of(at, "shadow"), shadow, path)
        yield _inline_section(layout, shadow, path)
        return
    rules = value_of(own(shadow, "shadow"), "rules")
    if rules is None:
        yield _with_key(layout, shadow, path)
    else:
        yield _with_item(layout, own(rules, "rules"), path)


def _section(layout: Layout, key: Any, word: Any, path: str) -> str:
    """Return the text with a mode alone made a section, in lines of its own."""
    start = word.start_mark.index
    if word.start_mark.line > key.end_mark.line:
        indent, before = word.start_mark.column, "mode: "
    else:
        indent = key.start_mark.column + layout.step
        before = f"{layout.line_break(start)}{' ' * indent}mode: "
        # Because no space is to be left at a line's end.
        start -= len(layout.text[:start]) - len(layout.text[:start].rstrip(" "))
    lines = _rules(layout, indent, path)
    text = layout.text[:start] + before + layout.text[word.start_mark.index :]
    return Layout.insert(text, layout.line_end(layout.end(word)) + len(text) - len(layout.text), lines)


def _inline_section(layout: Layout, word: Any, path: str) -> str:
    """Return the text with a mode alone made a section, in its line."""
    end = layout.end(word)
    text = Layout.insert(layout.text, end, f", rules: [{_item(path)}]}}")
    return Layout.insert(text, word.start_mark.index, "{mode: ")


def _with_key(layout: Layout, section: Any, path: str) -> str:
    """Return the text with `rules` after a section's other keys."""
    if section.flow_style:
        return layout.into(section, f"rules: [{_item(path)}]")
    indent = section.value[0][0].start_mark.column
    return layout.after(section, indent, _rules(layout, indent, path))


def _with_item(layout: Layout, rules: Any, path: str) -> str:
    """Return the text with one more in a list of rules."""
    if rules.flow_style:
        return layout.into(rules, _item(path))
    dash = layout.column_of_dash(rules)
    line = f"{' ' * dash}- ignore: {_written(path, _PLAIN_IN_BLOCK)}"
    return layout.after(rules, dash, layout.line_break(layout.end(rules)) + line)


def _rules(layout: Layout, indent: int, path: str) -> str:
    line = layout.line_break(0)
    item = f"- ignore: {_written(path, _PLAIN_IN_BLOCK)}"
    return f"{line}{' ' * indent}rules:{line}{' ' * (indent + layout.dash)}{item}"


def _item(path: str) -> str:
    return f"{{ignore: {_written(path, _PLAIN)}}}"


def _written(path: str, plain: re.Pattern[str]) -> str:
    """Return a path as YAML writes it."""
    if plain.fullmatch(path):
        return path
    if '"' not in path and "\\" not in path:
        return f'"{path}"'
    return "'" + path.replace("'", "''") + "'"
