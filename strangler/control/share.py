"""Shares as shown: how far each route has come, and why that is not plain, when it is not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from strangler.core.model import Config, Route
from strangler.errors import FlagError
from strangler.flags.data import FlagData
from strangler.flags.summary import summarise
from strangler.flags.validate import validate


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One route's share of the extracted side."""

    basis_points: int | None
    """None if the flag's values name no sides."""
    note: str
    stages: Mapping[str, int] = field(default_factory=dict)
    """Of a route with a migration flag, the basis points of each stage that has any."""


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
            self._shares = {route.name: share_of(route, document, is_ready=flags.ready) for route in config.routes}
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
    return Share(basis_points=summary.served_bp, note=", ".join(notes), stages=summary.stages)
