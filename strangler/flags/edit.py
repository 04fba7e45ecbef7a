"""Edits: what an operator may ask of a flag, and the flag that comes of it.

A percentage keeps whatever decides which key is where - salt, seed, the attribute that is bucketed, and the
order of the two variations - so raising a share never sends a key back.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from strangler.core.model import FULL_SHARE, Side
from strangler.core.shares import STAGES
from strangler.errors import FlagError
from strangler.flags.bounds import MAX_DEPTH, is_too_deep
from strangler.flags.summary import FULL_WEIGHT, FlagKind, kind_of, variation_sides
from strangler.flags.validate import MAX_VERSION, validate

_KEY = re.compile(r"[A-Za-z0-9._-]{1,256}")
"""What LaunchDarkly takes as a flag's key."""
_PERCENT = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?\s*%")
_WANTED = (
    f"a percentage such as 25% or 2.5%, on, off, a stage ({', '.join(STAGES)}), or a stage for some of the keys "
    "such as live=25%"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetShare:
    """Send this share of keys to the extracted side, and turn the flag on."""

    share_bp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOn:
    """Serve targets, rules and percentage again as they stand; a flag that is not there is made with 100 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOff:
    """Serve the off variation to everybody; targets, rules and percentage are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStage:
    """Put every key that no target and no rule names into this stage, and turn the flag on."""

    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStages:
    """Put these shares of the keys that no target and no rule names into these stages, and turn the flag on."""

    shares: tuple[tuple[str, int], ...]
    """Each stage once, with its basis points; together all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Take this whole definition; salt and version follow from the one before."""

    flag: Mapping[str, Any]


Edit = SetShare | TurnOn | TurnOff | SetStage | SetStages | Replace


def parse_edit(text: str) -> Edit:
    """Return the edit that an operator typed; raise FlagError with what can be typed instead."""
    word = text.strip().casefold()
    if match := _PERCENT.fullmatch(word):
        return SetShare(share_bp=_basis_points(text.strip(), match[1], match[2] or ""))
    if word == "on":
        return TurnOn()
    if word == "off":
        return TurnOff()
    if word in STAGES:
        return SetStage(stage=word)
    if "=" in word:
        return SetStages(shares=_stage_shares(text.strip(), word))
    if re.fullmatch(r"\d+(\.\d+)?", word):
        raise FlagError(f"{text.strip()!r} has no unit: write {word}%")
    near = get_close_matches(word, ("on", *STAGES), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise FlagError(f"{text.strip()[:40]!r} is not a setting of a flag: write {_WANTED}{hint}")


def apply_edit(key: str, before: Mapping[str, Any] | None, edit: Edit) -> dict[str, Any]:
    """Return the valid flag that `edit` makes of the one before (None: there is none), with a higher version.

    Raises FlagError, and then nothing is changed.
    """
    if not _KEY.fullmatch(key):
        raise FlagError(f"{key[:40]!r} is no flag key: use letters, digits, '.', '_' and '-', at most 256")
    after: dict[str, Any]
    match edit:
        case SetShare(share_bp=share_bp):
            after = _with_share(key, before, share_bp)
        case TurnOn():
            after = _with_share(key, None, FULL_SHARE) if before is None else deepcopy(dict(before))
            after["on"] = True
        case TurnOff():
            after = _with_share(key, None, 0) if before is None else deepcopy(dict(before))
            after["on"] = False
        case SetStage(stage=stage):
            after = _with_stage(key, before, stage)
        case SetStages(shares=shares):
            after = _with_stages(key, before, shares)
        case Replace(flag=flag):
            after = _replaced(key, before, flag)
    if before is not None:
        # Because a flag at the largest version must still be turned off; a version that stands still hides nothing.
        after["version"] = min(max(before["version"] + 1, after["version"]), MAX_VERSION)
    validate(after)
    return after


def describe(edit: Edit) -> str:
    """Return the edit in an operator's words, for the record of changes."""
    match edit:
        case SetShare(share_bp=share_bp):
            return f"set {share_bp / 100:.10g}%"
        case TurnOn():
            return "set on"
        case TurnOff():
            return "set off"
        case SetStage(stage=stage):
            return f"set {stage}"
        case SetStages(shares=shares):
            return f"set {','.join(f'{stage}={share_bp / 100:.10g}%' for stage, share_bp in shares)}"
        case Replace():
            return "replace"


def _stage_shares(text: str, word: str) -> tuple[tuple[str, int], ...]:
    """Return the shares of `shadow=75%,live=25%`; one alone leaves the rest in the stage before it."""
    shares: dict[str, int] = {}
    for part in word.split(","):
        stage, _, percent = (piece.strip() for piece in part.partition("="))
        if stage not in STAGES:
            near = get_close_matches(stage, STAGES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the stages are {', '.join(STAGES)}"
            raise FlagError(f"{stage[:40]!r} is no stage; {hint}")
        if stage in shares:
            raise FlagError(f"{text[:80]!r} has the stage {stage} twice")
        match = _PERCENT.fullmatch(percent)
        if match is None:
            raise FlagError(f"{percent[:40]!r} is no percentage: write {stage}=25%")
        shares[stage] = _basis_points(percent, match[1], match[2] or "")
    total = sum(shares.values())
    first = STAGES.index(next(iter(shares)))
    if len(shares) == 1 and total < FULL_SHARE and first > 0:
        shares[STAGES[first - 1]] = FULL_SHARE - total
    elif total != FULL_SHARE:
        raise FlagError(f"{text[:80]!r} adds up to {total / 100:.10g}%, not 100%")
    return tuple(sorted(shares.items(), key=lambda one: STAGES.index(one[0])))


def _basis_points(text: str, whole: str, fraction: str) -> int:
    digits = fraction.rstrip("0")
    if len(digits) > 2:
        raise FlagError(f"{text!r} is finer than 0.01%: write at most two digits after the point")
    share_bp = int(whole) * 100 + int(digits.ljust(2, "0") or 0)
    if share_bp > FULL_SHARE:
        raise FlagError(f"{text!r} is more than 100%")
    return share_bp


def _with_share(key: str, before: Mapping[str, Any] | None, share_bp: int) -> dict[str, Any]:
    if not 0 <= share_bp <= FULL_SHARE:
        raise FlagError(f"flag {key!r}: a share is from 0 to {FULL_SHARE} basis points, not {share_bp}")
    after = _new(key, [False, True]) if before is None else deepcopy(dict(before))
    if kind_of(after) is FlagKind.MIGRATION:
        raise FlagError(f"flag {key!r} is a migration flag: set a stage ({', '.join(after['variations'])}) or off")
    sides = variation_sides(after["variations"])
    if sorted(map(str, sides)) != sorted((Side.LEGACY, Side.EXTRACTED)):
        raise FlagError(
            f"flag {key!r} has the values {after['variations']}: a percentage needs exactly two, one that means "
            "the monolith and one the service, such as false and true; replace its definition"
        )
    legacy, extracted = sides.index(Side.LEGACY), sides.index(Side.EXTRACTED)
    weight = share_bp * FULL_WEIGHT // FULL_SHARE
    weights = {legacy: FULL_WEIGHT - weight, extracted: weight}
    rollout = (after.get("fallthrough") or {}).get("rollout") or {"contextKind": "user"}
    parts = _parts(key, rollout.get("variations") or [], legacy, extracted)
    rollout["variations"] = [{**part, "weight": weights[part["variation"]]} for part in parts]
    after["fallthrough"] = {"rollout": rollout}
    after["on"] = True
    return after


def _parts(key: str, parts: list[dict[str, Any]], legacy: int, extracted: int) -> list[dict[str, Any]]:
    """Return the rollout's parts in the order that is kept for ever: as it is, or the monolith first."""
    listed = sorted(part["variation"] for part in parts)
    if listed == sorted((legacy, extracted)):
        # Because turning the order round would move nearly every key: 0 of 4039 stayed when it was tried.
        return parts
    if len(set(listed)) < len(listed):
        raise FlagError(
            f"flag {key!r} lists one variation more than once in its rollout, so a percentage would move keys "
            "that should stay; replace its definition"
        )
    return [{"variation": legacy}, {"variation": extracted}]


def _with_stage(key: str, before: Mapping[str, Any] | None, stage: str) -> dict[str, Any]:
    after = _migration(key, before, (stage,))
    after["fallthrough"] = {"variation": after["variations"].index(stage)}
    return after


def _with_stages(key: str, before: Mapping[str, Any] | None, shares: tuple[tuple[str, int], ...]) -> dict[str, Any]:
    after = _migration(key, before, tuple(stage for stage, _ in shares))
    variations = after["variations"]
    rollout = (after.get("fallthrough") or {}).get("rollout") or {"contextKind": "user"}
    parts = rollout.get("variations") or []
    listed = [part["variation"] for part in parts]
    if len(set(listed)) < len(listed):
        raise FlagError(
            f"flag {key!r} lists one variation more than once in its rollout, so a percentage would move keys "
            "that should stay; replace its definition"
        )
    course = sorted(range(len(variations)), key=lambda index: STAGES.index(variations[index]))
    if listed != [index for index in course if index in listed]:
        # Because turning an order round would move nearly every key, one that is another than the course's stays.
        course = [*listed, *(index for index in course if index not in listed)]
    weights = {variations.index(stage): share_bp * FULL_WEIGHT // FULL_SHARE for stage, share_bp in shares}
    kept = {part["variation"]: part for part in parts}
    rollout["variations"] = [
        {**kept.get(index, {"variation": index}), "weight": weights.get(index, 0)} for index in course
    ]
    after["fallthrough"] = {"rollout": rollout}
    return after


def _migration(key: str, before: Mapping[str, Any] | None, stages: tuple[str, ...]) -> dict[str, Any]:
    """Return a migration flag that is on and has these stages."""
    if before is None:
        return {**_new(key, list(STAGES)), "migration": {}, "on": True}
    after = deepcopy(dict(before))
    kind = kind_of(after)
    if kind is not FlagKind.MIGRATION:
        raise FlagError(f"flag {key!r} is a {kind} flag, which has no stages: set a percentage, on or off")
    for stage in stages:
        if stage not in after["variations"]:
            raise FlagError(f"flag {key!r} has no stage {stage!r}: it has {', '.join(after['variations'])}")
    if not set(after["variations"]) <= set(STAGES):
        raise FlagError(f"flag {key!r} has values that are no stages; replace its definition")
    after["on"] = True
    return after


def _replaced(key: str, before: Mapping[str, Any] | None, flag: Mapping[str, Any]) -> dict[str, Any]:
    if is_too_deep(flag):
        raise FlagError(f"flag {key!r}: lists and objects are nested more than {MAX_DEPTH} levels deep")
    after = deepcopy(dict(flag))
    after.setdefault("key", key)
    if after["key"] != key:
        raise FlagError(f"flag {key!r}: the definition's key is {str(after['key'])[:40]!r}")
    after.setdefault("version", 1)
    # Because another salt means other buckets for every key, one that is not named stays what it was.
    after.setdefault("salt", key if before is None else before.get("salt", ""))
    validate(after)
    return after


def _new(key: str, variations: list[Any]) -> dict[str, Any]:
    """Return a flag that is off; its salt is its key, so that two nodes that make it agree on buckets."""
    return {
        "key": key,
        "version": 1,
        "on": False,
        "salt": key,
        "variations": variations,
        "offVariation": 0,
        "prerequisites": [],
        "targets": [],
        "rules": [],
        "fallthrough": {"variation": 0},
    }
