"""Shares as shown: how far each route has come, and why that is not plain, when it is not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from strangler.core.model import FULL_SHARE, Config, Route
from strangler.core.shares import FINISHED
from strangler.errors import FlagError
from strangler.flags.data import FlagData
from strangler.flags.summary import FlagSummary, summarise
from strangler.flags.validate import validate


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One route's share of the extracted side."""

    basis_points: int | None
    """None if the flag's values name no sides."""
    note: str
    stages: Mapping[str, int] = field(default_factory=dict)
    """Of a route with a migration flag, the basis points of each stage that has any."""
    held_bp: int = 0
    """Of `basis_points`, those that `rollback.hold_back` keeps on the monolith all the same."""
    prerequisites: tuple[str, ...] = ()
    """Flags that the route's flag asks before it decides, and those that they ask."""


class Shares:
    """Keeps what it worked out until the routes or the flags are others."""

    def __init__(self) -> None:
        self._config: Config | None = None
        self._flags: FlagData | None = None
        self._shares: dict[str, Share] = {}

    def of(self, config: Config, flags: FlagData) -> Mapping[str, Share]:
        """Return each route's share by its name."""
        if config is not self._config or flags is not self._flags:
            document: Mapping[str, Any] = json.loads(flags.document)["flags"]
            # Because thousands of routes share a few flags, what is alike of them is worked out once.
            known: dict[tuple[object, ...], Share] = {}
            self._shares = {}
            for route in config.routes:
                alike = (route.legacy, route.extracted, route.flag, route.share, route.rollback)
                if alike not in known:
                    known[alike] = share_of(route, document, is_ready=flags.ready)
                self._shares[route.name] = known[alike]
            self._config, self._flags = config, flags
        return self._shares


def share_of(route: Route, flags: Mapping[str, Any], *, is_ready: bool) -> Share:
    """Return one route's share among the keys that no target and no rule of its flag names."""
    if route.extracted is None:
        return Share(basis_points=0, note="no extracted service")
    if route.flag is None:
        return Share(basis_points=route.share, note="")
    if not is_ready:
        return Share(basis_points=0, note="flags not ready")
    flag = flags.get(route.flag)
    if flag is None:
        return Share(basis_points=0, note="flag missing")
    try:
        validate(flag)
    except FlagError:
        return Share(basis_points=0, note="flag invalid")
    summary = summarise(flag, legacy_name=route.legacy, extracted_name=route.extracted)
    notes = [] if summary.on else ["flag off"]
    if summary.stage is not None:
        notes.append(f"stage {summary.stage}")
    elif summary.stages:
        notes.append(f"stages {', '.join(f'{stage} {bp / 100:.10g}%' for stage, bp in summary.stages.items())}")
    if summary.on and (summary.rules or summary.targets):
        notes.append(f"{summary.rules} rules and {summary.targets} targets go first")
    if summary.served_bp is None:
        notes.append("a value names no side")
    return Share(
        basis_points=summary.served_bp,
        note=", ".join(notes),
        stages=summary.stages,
        held_bp=_held(route, summary),
        prerequisites=_asked_first(route.flag, flags),
    )


def _held(route: Route, summary: FlagSummary) -> int:
    """Return what is held back of the share; the keys that are held back are those that come over last."""
    if route.rollback is None or not summary.on or summary.served_bp is None:
        return 0
    # Because a key in the last stage has nothing to be compared with, it is not held back.
    movable = summary.served_bp - summary.stages.get(FINISHED, 0)
    return min(max(0, route.rollback.hold_back - (FULL_SHARE - summary.served_bp)), movable)


def _asked_first(key: str, flags: Mapping[str, Any]) -> tuple[str, ...]:
    found: dict[str, None] = {key: None}
    waiting = [key]
    while waiting:
        asked = [str(one.get("key")) for one in (flags.get(waiting.pop()) or {}).get("prerequisites") or ()]
        waiting += [one for one in asked if one not in found]
        found.update(dict.fromkeys(asked))
    return tuple(found)[1:]
