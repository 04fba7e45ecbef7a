"""Accepting: a difference that is meant becomes a rule of the route in the text of a routes file."""

import difflib
from pathlib import Path

from strangler.config.edit import ignore
from strangler.config.load import parse
from strangler.config.reading import nearest, shorten
from strangler.config.shadow_kinds import MAX_TEXT
from strangler.core.jsonpath import parse_path
from strangler.core.model import Config, Route
from strangler.core.shadowing import RuleKind, Shadow, ShadowMode
from strangler.errors import UsageError


def accept(before: bytes, *, route: str, path: str, file: Path) -> bytes | None:
    """Return the file with the rule; None if it has it already. Raises ConfigError, EditError and UsageError."""
    check_path(path)
    config = parse(before, path=file)
    shadow = _shadow(_route(config, route))
    if _is_ignored(shadow, path):
        return None
    return ignore(before, config, route=route, path=path, file=file)


def check_path(path: str) -> None:
    """Refuse what no rule can be about. Raises UsageError."""
    if path == "status":
        raise UsageError("no rule ignores a status that differs: bodies are not even compared then. Mend the service.")
    if path == "header" or path.startswith("header "):
        raise UsageError("a header is not ignored by a path. Leave it out of the list `headers` of the route's shadow.")
    try:
        parse_path(path)
    except ValueError as error:
        raise UsageError(f"PATH: {_printable(str(error))}.") from error
    if not path.isprintable() or len(path) > MAX_TEXT:
        raise UsageError(f"PATH: write at most {MAX_TEXT} printable characters; `..name` skips steps.")


def _route(config: Config, name: str) -> Route:
    route = next((route for route in config.routes if route.name == name), None)
    if route is None:
        names = tuple(route.name for route in config.routes)
        close = difflib.get_close_matches(name, names)
        remedy = f"Nearest: {', '.join(close)}" if close else nearest(name, names)
        raise UsageError(f"there is no route {shorten(name)!r}. {remedy}.")
    return route


def _shadow(route: Route) -> Shadow:
    if route.shadow is None or route.shadow.mode is ShadowMode.OFF:
        mode = ShadowMode.SHADOW if route.flag is None else ShadowMode.STAGE
        raise UsageError(
            f"route {route.name!r} has no `shadow` to add a rule to. Add `shadow: {mode}` to it, or write that mode "
            "where `off` stands."
        )
    return route.shadow


def _is_ignored(shadow: Shadow, path: str) -> bool:
    wanted = parse_path(path)
    return any(rule.kind is RuleKind.IGNORE and parse_path(rule.path) == wanted for rule in shadow.rules)


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)
