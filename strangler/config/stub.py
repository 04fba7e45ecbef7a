"""Stubs: a route for an endpoint that was seen, added to a routes file, and not another byte different.

A stub names no extracted service, so the monolith answers its requests as before. What is left to write is said in a
comment beside it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from strangler.config.layout import Layout, difference, own, root_of, value_of
from strangler.config.load import parse
from strangler.core.model import Config
from strangler.errors import ConfigError, EditError

TODO = "# once its service is there: extracted, and a flag or a share"

_WORD = re.compile(r"[^A-Za-z0-9]+")
_DONE = {"GET": "read", "POST": "create", "PUT": "put", "PATCH": "change", "DELETE": "delete", "OPTIONS": "options"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stub:
    """A route as it is suggested."""

    name: str
    method: str
    """Empty for any."""
    path: str


def suggest(config: Config, method: str, template: str) -> Stub:
    """Return a stub for an endpoint, with a name that no route of the file has."""
    words = [_WORD.sub("-", part).strip("-") for part in template.split("/") if part and not part.startswith("{")]
    words = [word for word in words if word and word != "api"][-3:] or ["root"]
    end = template.rsplit("/", 1)[-1]
    # Because a collection is read as a list, and one of it as itself.
    done = "list" if method == "GET" and end and not end.startswith("{") else _DONE.get(method, "other")
    name = ".".join([*words, done])[:56]
    taken = {route.name for route in config.routes}
    names = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    return Stub(
        name=next(one for one in names if one not in taken), method=method if method in _DONE else "", path=template
    )


def add_stub(data: bytes, config: Config, stub: Stub, *, file: Path) -> bytes:
    """Return a routes file with the stub as its last route; raises EditError if that cannot be done.

    `config` is what `data` means. The result means the same but for the route.
    """
    problems: list[str] = []
    for text in _edited(data.decode("utf-8"), stub):
        edited = text.encode("utf-8")
        try:
            problem = _problem(parse(edited, path=file), config, stub)
        except ConfigError as error:
            problem = str(error.faults[0])
        if problem is None:
            return edited
        problems.append(problem)
    raise EditError(f"the route cannot be added by itself. With it: {problems[0]}.")


def _problem(found: Config, config: Config, stub: Stub) -> str | None:
    last = found.routes[-1] if found.routes else None
    if last is None or last.name != stub.name or last.match.path != stub.path or last.extracted is not None:
        return "the last route would not be the one that is meant"
    return difference(replace(found, routes=found.routes[:-1]), config)


def _edited(text: str, stub: Stub) -> Iterator[str]:
    root = root_of(text)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise EditError("the file is written in braces as a whole; routes are added to lines only")
    layout = Layout(text, root)
    routes = value_of(root, "routes")
    if routes is None:
        lines = ["routes:", *_lines(layout.dash, stub)]
        yield layout.after(root, 0, "".join(layout.line_break(0) + line for line in lines))
        return
    routes = own(routes, "routes")
    if routes.flow_style:
        yield layout.into(routes, f"{{name: {stub.name}, match: {_match(stub)}}}")
        return
    dash = layout.column_of_dash(routes)
    lines = _lines(dash, stub)
    yield layout.after(routes, dash, "".join(layout.line_break(layout.end(routes)) + line for line in lines))


def _lines(dash: int, stub: Stub) -> list[str]:
    indent = " " * dash
    return [f"{indent}- name: {stub.name}", f"{indent}  match: {_match(stub)}", f"{indent}  {TODO}"]


def _match(stub: Stub) -> str:
    methods = f"methods: [{stub.method}], " if stub.method else ""
    return f'{{{methods}path: "{stub.path}"}}'
