"""Summaries: what a flag amounts to, for a person who reads a list of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from strangler.core.model import FULL_SHARE, Side
from strangler.core.shares import FINISHED, STAGES, side_of
from strangler.flags.migration import check_ratio, is_migration

FULL_WEIGHT = 100_000
"""What the weights of one rollout add up to in LaunchDarkly's format."""


class FlagKind(StrEnum):
    """What a flag's values are."""

    BOOLEAN = "boolean"
    STRING = "string"
    """Words or upstream names that mean a side."""
    MIGRATION = "migration"
    """Stages."""
    OTHER = "other"
    """Values that mean no side; routes with such a flag stay on the monolith."""
    INVALID = "invalid"
    """A definition that cannot be served; routes with such a flag stay on the monolith."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagSummary:
    """One flag at a glance."""

    key: str
    kind: FlagKind
    version: int
    on: bool
    share_bp: int | None
    """Basis points of the extracted side among keys that no target and no rule names, while the flag is on.
    None if its values mean no sides."""
    served_bp: int | None
    """The same as it is served now: when the flag is off, what its off variation means."""
    off_bp: int | None
    """What its off variation means."""
    stage: str | None
    """The stage that such keys are in now; None unless it is a migration flag with one stage for all."""
    stages: dict[str, int]
    """Of a migration flag, the basis points of such keys in each stage as it is served now, in the flag's order."""
    check_ratio: int | None
    """Of a migration flag, how many reads there are to one that is compared; 0 compares none."""
    rules: int
    targets: int
    """Keys that are named one by one."""


def summarise(flag: Mapping[str, Any], *, legacy_name: str = "", extracted_name: str = "") -> FlagSummary:
    """Return the summary of a valid flag; the names are the upstreams' of the route that it is for."""
    variations = flag["variations"]
    kind = kind_of(flag)
    if kind is FlagKind.MIGRATION:
        # Because a stage means what LaunchDarkly says, whatever upstreams are called.
        legacy_name = extracted_name = ""
    sides = variation_sides(variations, legacy_name=legacy_name, extracted_name=extracted_name)
    on = flag.get("on") is True
    share_bp = _share(flag.get("fallthrough") or {}, sides)
    off = flag.get("offVariation")
    off_bp = 0 if off is None else _fixed(sides[off])
    now = (flag.get("fallthrough") or {}).get("variation") if on else off
    targets = [*(flag.get("targets") or ()), *(flag.get("contextTargets") or ())]
    return FlagSummary(
        key=flag["key"],
        kind=kind,
        version=flag["version"],
        on=on,
        share_bp=share_bp,
        served_bp=share_bp if on else off_bp,
        off_bp=off_bp,
        stage=variations[now] if kind is FlagKind.MIGRATION and now is not None else None,
        stages=_stages(flag) if kind is FlagKind.MIGRATION else {},
        check_ratio=check_ratio(flag),
        rules=len(flag.get("rules") or ()),
        targets=sum(len(target["values"]) for target in targets),
    )


def finished_of(flags: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """Return the keys of those valid flags that have some keys in the last stage, as they are served now."""
    return frozenset(key for key, flag in flags.items() if FINISHED in summarise(flag).stages)


def kind_of(flag: Mapping[str, Any]) -> FlagKind:
    """Return what the flag's values are."""
    variations = flag["variations"]
    if all(isinstance(value, bool) for value in variations):
        return FlagKind.BOOLEAN
    if not all(isinstance(value, str) for value in variations):
        return FlagKind.OTHER
    return FlagKind.MIGRATION if is_migration(flag) else FlagKind.STRING


def variation_sides(
    variations: Sequence[Any], *, legacy_name: str = "", extracted_name: str = ""
) -> tuple[Side | None, ...]:
    """Return each variation's side.

    Of two words of which one names the monolith, the other is the service, whose name is not known here.
    """
    sides = [
        side_of(value, legacy_name, extracted_name) if isinstance(value, bool | str) else None for value in variations
    ]
    if len(sides) == 2 and sorted(map(str, sides)) == sorted(map(str, (Side.LEGACY, None))):
        other = sides.index(None)
        if isinstance(variations[other], str) and not extracted_name:
            sides[other] = Side.EXTRACTED
    return tuple(sides)


def _share(served: Mapping[str, Any], sides: Sequence[Side | None]) -> int | None:
    rollout = served.get("rollout")
    if rollout is None:
        fixed = served.get("variation")
        return None if fixed is None else _fixed(sides[fixed])
    weight = 0
    for part in rollout["variations"]:
        side = sides[part["variation"]]
        if side is None and part["weight"]:
            return None
        weight += part["weight"] if side is Side.EXTRACTED else 0
    return weight * FULL_SHARE // FULL_WEIGHT


def _stages(flag: Mapping[str, Any]) -> dict[str, int]:
    """Return the share of each stage that has any; LaunchDarkly's default, `off`, where the flag gives no value."""
    served = flag["fallthrough"] if flag.get("on") is True else {"variation": flag.get("offVariation")}
    rollout = served.get("rollout")
    if rollout is None:
        now = served.get("variation")
        return {STAGES[0] if now is None else flag["variations"][now]: FULL_SHARE}
    found: dict[str, int] = {}
    for part in rollout["variations"]:
        if part["weight"]:
            stage = flag["variations"][part["variation"]]
            found[stage] = found.get(stage, 0) + part["weight"] * FULL_SHARE // FULL_WEIGHT
    return found


def _fixed(side: Side | None) -> int | None:
    match side:
        case None:
            return None
        case Side.LEGACY:
            return 0
        case Side.EXTRACTED:
            return FULL_SHARE
