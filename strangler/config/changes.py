"""Changes: what another routes file means otherwise, route by route, and not how it is written."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import yaml

from strangler.config.written import written
from strangler.config.written_rules import Document
from strangler.core.model import Config

_NOTHING = ""
_NO_WIDTH = sys.maxsize


class ChangeKind(StrEnum):
    """What becomes of something."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing that is otherwise."""

    name: str
    """Its key, with dots where it stands in others."""
    before: str
    """As the file writes it, or as JSON; empty where there was nothing."""
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One route, upstream, setting or other thing that is otherwise."""

    what: str
    """`route`, `upstream` or `setting`; a dry run has others, such as `flag`."""
    name: str
    kind: ChangeKind
    fields: tuple[Field, ...]


def changes(before: Config, after: Config) -> tuple[Change, ...]:
    """Return all that differs in meaning: routes, then upstreams, then settings."""
    old, new = written(before), written(after)
    order = _order([one["name"] for one in old["routes"]], [one["name"] for one in new["routes"]])
    return (
        *_named("route", *({one["name"]: one for one in side.pop("routes")} for side in (old, new))),
        *_named("upstream", *(side.pop("upstreams") for side in (old, new))),
        *order,
        *_settings(old, new),
    )


def _order(old: list[str], new: list[str]) -> Iterator[Change]:
    """Yield that routes stand in another order, which decides between those that are as specific."""
    kept = set(old) & set(new)
    before, after = ([name for name in names if name in kept] for names in (old, new))
    while before and before[-1] == after[-1]:
        del before[-1], after[-1]
    start = next((at for at, (one, other) in enumerate(zip(before, after, strict=True)) if one != other), None)
    if start is not None:
        field = Field(name="order", before=", ".join(before[start:]), after=", ".join(after[start:]))
        yield Change(what="setting", name="routes", kind=ChangeKind.CHANGED, fields=(field,))


def _named(what: str, old: Document, new: Document) -> Iterator[Change]:
    for name in {**old, **new}:
        fields = tuple(_fields(old.get(name, {}), new.get(name, {})))
        if name not in old:
            yield Change(what=what, name=name, kind=ChangeKind.ADDED, fields=fields)
        elif name not in new:
            yield Change(what=what, name=name, kind=ChangeKind.REMOVED, fields=fields)
        elif fields:
            yield Change(what=what, name=name, kind=ChangeKind.CHANGED, fields=fields)


def _settings(old: Document, new: Document) -> Iterator[Change]:
    for name in {**old, **new}:
        fields = tuple(_fields({name: old.get(name, _NOTHING)}, {name: new.get(name, _NOTHING)}))
        if fields:
            yield Change(what="setting", name=name, kind=ChangeKind.CHANGED, fields=fields)


def _fields(before: Document, after: Document, within: str = "") -> Iterator[Field]:
    for name in {**before, **after}:
        old, new = (_by_name(side.get(name, _NOTHING)) for side in (before, after))
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _fields(old, new, f"{within}{name}.")
        elif old != new:
            yield Field(name=f"{within}{name}", before=_text(old), after=_text(new))


def _by_name(value: Any) -> Any:
    """Return a list of things that have names as what stands under each."""
    if isinstance(value, list) and value and all(isinstance(one, dict) and "name" in one for one in value):
        return {one["name"]: {key: inner for key, inner in one.items() if key != "name"} for one in value}
    return value


def _text(value: Any) -> str:
    """Return a value as it stands in a file, in one line."""
    if isinstance(value, str):
        return value
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=_NO_WIDTH)
    return text.removesuffix("\n").removesuffix("\n...")
