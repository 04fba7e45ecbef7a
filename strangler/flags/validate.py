"""Validation: every fault in a flag's definition, each with the field that it is in.

LaunchDarkly's service checks what is typed into it; a file and the embedded store have nobody else to do so.
Unknown fields pass: the format is LaunchDarkly's, and grows.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ldclient.versioned_data_kind import FEATURES

from strangler.core.model import Side
from strangler.errors import FlagError
from strangler.flags.bounds import MAX_DEPTH, is_too_deep
from strangler.flags.patterns import may_stall
from strangler.flags.sdk import fault_of
from strangler.flags.summary import FULL_WEIGHT, FlagKind, kind_of, variation_sides

MAX_VERSION = 2**53 - 1
"""The largest whole number that every JSON reader keeps exact (RFC 8259 section 6)."""

Item = Mapping[str, Any]
FieldPath = tuple[str | int, ...]

_OPERATORS = frozenset(
    {
        *("in", "startsWith", "endsWith", "matches", "contains", "before", "after", "segmentMatch"),
        *("lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"),
        *("semVerEqual", "semVerLessThan", "semVerGreaterThan"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagFault:
    """One mistake in a flag."""

    path: FieldPath
    """Keys and indexes from the flag down to the field."""
    message: str

    def __str__(self) -> str:
        return f"{show_path(self.path)}: {self.message}" if self.path else self.message


def show_path(path: FieldPath) -> str:
    """Return a path as people write it: `rules[0].clauses[1].op`; nothing in it can drive a terminal."""
    return "".join(map(_show_part, path)).removeprefix(".")


def _show_part(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if part.isprintable() else f"[{part!r}]"


def validate(flag: Mapping[str, Any]) -> None:
    """Raise FlagError, naming the flag and every field at fault, unless it can be served as it stands."""
    if found := faults(flag.get("key"), flag):
        listed = "; ".join(map(str, found))
        raise FlagError(f"flag {str(flag.get('key'))!r}: {listed}")


def faults(key: object, flag: object) -> tuple[FlagFault, ...]:
    """Return every fault of the flag that is kept under `key`."""
    if not isinstance(flag, dict):
        return (FlagFault(path=(), message="must be an object"),)
    if is_too_deep(flag):
        return (FlagFault(path=(), message=f"lists and objects are nested more than {MAX_DEPTH} levels deep"),)
    check = _Check()
    check.flag(key, flag)
    if not check.found and (refused := fault_of(FEATURES, flag)):
        check.add((), f"LaunchDarkly's SDK does not take it: {refused}")
    return tuple(check.found)


def cautions(flag: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is allowed in a valid flag and rarely meant, one sentence each."""
    said = []
    sides: Sequence[Side | None] = variation_sides(flag["variations"])
    if kind_of(flag) is FlagKind.OTHER:
        said.append("its values are neither all booleans nor all strings, so its routes stay on the monolith")
    off = flag.get("offVariation")
    if off is not None and sides[off] is Side.EXTRACTED:
        said.append("offVariation means the extracted side, so turning the flag off sends everybody there")
    for served, name in _served(flag):
        parts = (served.get("rollout") or {}).get("variations") or []
        if len(parts) > 1 and sides[parts[0]["variation"]] is Side.EXTRACTED:
            said.append(f"{name}.rollout lists the extracted side first, so callers without the key go there")
    said += [
        f"the pattern {pattern!r} repeats what repeats, so a caller who chooses the attribute can make it take too long"
        for rule in flag.get("rules") or ()
        for clause in rule["clauses"]
        if clause["op"] == "matches"
        for pattern in clause["values"]
        if may_stall(pattern)
    ]
    return tuple(said)


def _served(flag: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str]]:
    rules = [(rule, f"rules[{index}]") for index, rule in enumerate(flag.get("rules") or ())]
    return [*rules, (flag.get("fallthrough") or {}, "fallthrough")]


class _Check:
    """Walks one flag and gathers what is wrong."""

    def __init__(self) -> None:
        self.found: list[FlagFault] = []
        self._variations = 0

    def add(self, path: FieldPath, message: str) -> None:
        self.found.append(FlagFault(path=path, message=message))

    def flag(self, key: object, flag: Mapping[str, Any]) -> None:
        if flag.get("key") != key or not isinstance(key, str) or not key:
            self.add(("key",), f"is {flag.get('key')!r}, but the flag is kept as {key!r}")
        elif not key.isprintable():
            self.add(("key",), f"{key!r} has characters that cannot be printed")
        self._whole(flag, ("version",), "version", required=True, most=MAX_VERSION)
        self._is(flag, (), "on", bool, "true or false", required=True)
        self._is(flag, (), "salt", str, "text")
        variations = flag.get("variations")
        if not isinstance(variations, list) or not variations:
            self.add(("variations",), "must be a list of at least one value")
        else:
            self._variations = len(variations)
        self._index(flag, (), "offVariation")
        self._each(flag, (), "prerequisites", self._prerequisite)
        self._each(flag, (), "targets", self._target)
        self._each(flag, (), "contextTargets", self._target)
        self._each(flag, (), "rules", self._rule)
        if flag.get("fallthrough") is not None:
            self._served(flag["fallthrough"], ("fallthrough",))
        elif flag.get("on") is True:
            self.add(("fallthrough",), "is missing, so the flag has no value while it is on")
        if self._is(flag, (), "migration", dict, "an object"):
            self._whole(flag["migration"], ("migration", "checkRatio"), "checkRatio", required=False)

    def _is(
        self,
        item: Item,
        path: FieldPath,
        name: str,
        kind: type,
        wanted: str,
        *,
        required: bool = False,
    ) -> bool:
        value = item.get(name)
        if value is None and not required:
            return False
        if isinstance(value, kind):
            return True
        self.add((*path, name), "is missing" if name not in item else f"must be {wanted}, not {_show(value)}")
        return False

    def _whole(self, item: Item, path: FieldPath, name: str, *, required: bool, most: int | None = None) -> int | None:
        """Check a whole number of at least 0; in Python a bool is an int, here it is not."""
        value = item.get(name)
        if value is None and not required:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= (most or value):
            return value
        span = f"from 0 to {most}" if most else "of at least 0"
        message = "is missing" if name not in item else f"must be a whole number {span}, not {_show(value)}"
        self.add(path, message)
        return None

    def _index(self, item: Item, path: FieldPath, name: str, *, required: bool = False) -> None:
        index = self._whole(item, (*path, name), name, required=required)
        if index is not None and self._variations and index >= self._variations:
            last = self._variations - 1
            self.add((*path, name), f"is {index}, but the variations are numbered 0 to {last}")

    def _each(self, item: Item, path: FieldPath, name: str, check: Callable[[Item, FieldPath], None]) -> None:
        if not self._is(item, path, name, list, "a list"):
            return
        for index, inner in enumerate(item[name]):
            if isinstance(inner, dict):
                check(inner, (*path, name, index))
            else:
                self.add((*path, name, index), f"must be an object, not {_show(inner)}")

    def _prerequisite(self, item: Item, path: FieldPath) -> None:
        self._is(item, path, "key", str, "text", required=True)
        self._whole(item, (*path, "variation"), "variation", required=True)

    def _target(self, item: Item, path: FieldPath) -> None:
        self._index(item, path, "variation", required=True)
        self._is(item, path, "contextKind", str, "text")
        self._texts(item, path)

    def _texts(self, item: Item, path: FieldPath) -> None:
        if self._is(item, path, "values", list, "a list", required=True):
            for index, value in enumerate(item["values"]):
                if not isinstance(value, str):
                    self.add((*path, "values", index), f"must be text, not {_show(value)}")

    def _rule(self, item: Item, path: FieldPath) -> None:
        self._is(item, path, "clauses", list, "a list", required=True)
        self._each(item, path, "clauses", self._clause)
        self._served(item, path)

    def _clause(self, item: Item, path: FieldPath) -> None:
        if self._is(item, path, "op", str, "text", required=True) and item["op"] not in _OPERATORS:
            self.add((*path, "op"), f"is {item['op']!r}; LaunchDarkly knows {', '.join(sorted(_OPERATORS))}")
        self._is(item, path, "attribute", str, "text", required=True)
        self._is(item, path, "values", list, "a list", required=True)
        self._is(item, path, "negate", bool, "true or false")
        self._is(item, path, "contextKind", str, "text")
        if item.get("op") == "matches" and isinstance(item.get("values"), list):
            self._patterns(item["values"], path)

    def _patterns(self, values: list[Any], path: FieldPath) -> None:
        for index, value in enumerate(values):
            try:
                re.compile(value)
            except (re.error, TypeError) as error:
                self.add((*path, "values", index), f"is no regular expression: {error}")

    def _served(self, item: object, path: FieldPath) -> None:
        """Check what a rule or the fallthrough gives: one variation or a rollout."""
        if not isinstance(item, dict):
            self.add(path, f"must be an object, not {_show(item)}")
            return
        fixed, rollout = item.get("variation"), item.get("rollout")
        if (fixed is None) == (rollout is None):
            self.add(path, "must have either variation or rollout")
        self._index(item, path, "variation")
        if rollout is not None and self._is(item, path, "rollout", dict, "an object"):
            self._rollout(rollout, (*path, "rollout"))

    def _rollout(self, rollout: Mapping[str, Any], path: FieldPath) -> None:
        for name in ("contextKind", "bucketBy", "kind"):
            self._is(rollout, path, name, str, "text")
        self._whole(rollout, (*path, "seed"), "seed", required=False)
        parts = rollout.get("variations")
        if not isinstance(parts, list) or not parts:
            self.add((*path, "variations"), "must be a list of at least one variation with its weight")
            return
        before = len(self.found)
        self._each(rollout, path, "variations", self._weight)
        if len(self.found) == before and (total := sum(part["weight"] for part in parts)) != FULL_WEIGHT:
            # Because the SDK gives whatever is left to the last one: 10000 + 10000 sends 90 % there.
            message = f"the weights add up to {total}; make it {FULL_WEIGHT} (1 % is {FULL_WEIGHT // 100})"
            self.add((*path, "variations"), message)

    def _weight(self, item: Item, path: FieldPath) -> None:
        self._index(item, path, "variation", required=True)
        self._whole(item, (*path, "weight"), "weight", required=True, most=FULL_WEIGHT)


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
