"""Changes: what another routes file means otherwise, route by route, and not how it is written."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from strangler.core.model import Config

_NOT_MEANT = ("line",)
"""Of a route: where it stands."""
_NOT_SETTINGS = ("routes", "digest", "files", "upstreams")


class ChangeKind(StrEnum):
    """What becomes of something."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing that is otherwise."""

    name: str
    before: str
    """JSON; empty where there was nothing."""
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One route, upstream or setting that is otherwise."""

    what: str
    """`route`, `upstream` or `setting`."""
    name: str
    kind: ChangeKind
    fields: tuple[Field, ...]


def changes(before: Config, after: Config) -> tuple[Change, ...]:
    """Return all that differs in meaning: routes, then upstreams, then settings."""
    old, new = _plain(before), _plain(after)
    return (
        *_named("route", old["routes"], new["routes"]),
        *_named("upstream", old["upstreams"], new["upstreams"]),
        *(
            Change(what="setting", name=one.name, kind=ChangeKind.CHANGED, fields=(one,))
            for one in _fields(_settings(old), _settings(new))
        ),
    )


def _named(what: str, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Iterator[Change]:
    old, new = ({one["name"]: one for one in several} for several in (before, after))
    for name in {**old, **new}:
        fields = tuple(_fields(old.get(name, {}), new.get(name, {})))
        if name not in old:
            yield Change(what=what, name=name, kind=ChangeKind.ADDED, fields=fields)
        elif name not in new:
            yield Change(what=what, name=name, kind=ChangeKind.REMOVED, fields=fields)
        elif fields:
            yield Change(what=what, name=name, kind=ChangeKind.CHANGED, fields=fields)


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Field]:
    for name in {**before, **after}:
        if name not in _NOT_MEANT and before.get(name) != after.get(name):
            yield Field(name=name, before=_text(before, name), after=_text(after, name))


def _text(values: Mapping[str, Any], name: str) -> str:
    return json.dumps(values[name], sort_keys=True) if name in values else ""


def _settings(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in plain.items() if name not in _NOT_SETTINGS}


def _plain(config: Config) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(config)
    return plain
