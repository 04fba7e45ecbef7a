"""JSONPath: the part of RFC 9535 that rules use to name places in a document.

    $            the document itself
    .name        a member; letters, digits, `_`, `-`, `$` and whatever is not ASCII
    ['name']     a member of any name, in single or double quotes; `\\` escapes the quote and itself
    [3]          an element, counted from 0
    [*]  .*      every element of a list, every member of an object
    ..name       a member of that name at any depth below; `..['name']` and `..[*]` too

There are no filters, slices, unions or negative indexes: a rule names places, it does not compute them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from strangler.core.comparison import Place

MAX_STEPS = 32
"""Steps of one path; deeper than documents that people write rules for."""

_PLAIN = re.compile(r"(?:[A-Za-z_$-]|[^\x00-\x7f])(?:[A-Za-z0-9_$-]|[^\x00-\x7f])*")
_QUOTED = re.compile(r"""\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]""", re.DOTALL)
_INDEX = re.compile(r"\[(0|[1-9][0-9]{0,8})\]")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path."""

    key: str | int | None
    """A member's name or an element's index; None for every one."""
    is_deep: bool = False
    """Whether it may be any number of levels further down."""

    def takes(self, key: str | int) -> bool:
        """Return whether the step leads to this member or element."""
        return self.key is None or (type(self.key) is type(key) and self.key == key)


Steps: TypeAlias = tuple[Step, ...]
State: TypeAlias = frozenset[tuple[int, int]]
"""(path, steps taken) of every path that a place may still be on."""


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A parsed path; printing it gives text that parses to the same."""

    steps: Steps

    def __str__(self) -> str:
        return "$" + "".join(_step_text(step) for step in self.steps)

    def matches(self, place: Place) -> bool:
        """Return whether a place is one that the path names."""
        paths, state = (self,), START_OF_ONE
        for key in place:
            state = advance(paths, state, key)
        return 0 in hits(paths, state)


START_OF_ONE: State = frozenset({(0, 0)})


def parse_path(text: str) -> JsonPath:
    """Return the path that `text` writes; raise ValueError with what is wrong, where, and what to write."""
    if not text.startswith("$"):
        raise ValueError(f"a path starts with `$`; write `$.{text.lstrip('.')}`")
    at, steps = 1, []
    while at < len(text):
        is_deep = text.startswith("..", at)
        start, at = at, at + 2 if is_deep else at
        key, at = _key(text, at, start, is_deep=is_deep)
        steps.append(Step(key, is_deep))
    if len(steps) > MAX_STEPS:
        raise ValueError(f"a path has at most {MAX_STEPS} steps, this one has {len(steps)}; use `..name` to skip some")
    return JsonPath(tuple(steps))


def print_place(place: Place) -> str:
    """Return a place as a path that names it and no other."""
    return "$" + "".join(_step_text(Step(key)) for key in place)


def start(paths: Iterable[JsonPath]) -> State:
    """Return the state at the root of a document, for paths that are followed together."""
    return frozenset((index, 0) for index, _ in enumerate(paths))


def advance(paths: tuple[JsonPath, ...], state: State, key: str | int) -> State:
    """Return the state one level down, in the member or element `key`."""
    if not state:
        # Because most of a large document is on no path, and every member and element comes by here.
        return state
    moved = set()
    for index, taken in state:
        steps = paths[index].steps
        if taken < len(steps):
            step = steps[taken]
            if step.is_deep:
                moved.add((index, taken))
            if step.takes(key):
                moved.add((index, taken + 1))
    return frozenset(moved)


def hits(paths: tuple[JsonPath, ...], state: State) -> tuple[int, ...]:
    """Return which of the paths name the place of this state, in their order."""
    return tuple(sorted(index for index, taken in state if taken == len(paths[index].steps))) if state else ()


def _key(text: str, at: int, start: int, *, is_deep: bool) -> tuple[str | int | None, int]:
    rest = text[at:]
    if rest.startswith("["):
        if rest.startswith("[*]"):
            return None, at + 3
        if found := _INDEX.match(rest):
            return int(found[1]), at + found.end()
        if found := _QUOTED.match(rest):
            quoted = found[1] if found[1] is not None else found[2]
            return re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL), at + found.end()
        raise ValueError(
            f"`{rest}` at character {start + 1} is not a step; write `[0]`, `[*]` or `['name']` "
            "(there are no filters, slices or negative indexes)"
        )
    if not is_deep:
        if not rest.startswith("."):
            raise ValueError(f"`{rest}` at character {start + 1} follows no dot; write `.name` or `['name']`")
        at, rest = at + 1, rest[1:]
    if rest.startswith("*"):
        return None, at + 1
    name = _PLAIN.match(rest)
    if name is None:
        raise ValueError(f"there is no name at character {at + 1}; write `.name`, or `['name']` for any other name")
    return name[0], at + name.end()


def _step_text(step: Step) -> str:
    if isinstance(step.key, str) and _PLAIN.fullmatch(step.key):
        return (".." if step.is_deep else ".") + step.key
    dots = ".." if step.is_deep else ""
    if isinstance(step.key, str):
        return dots + "['" + step.key.replace("\\", "\\\\").replace("'", "\\'") + "']"
    return f"{dots}[{'*' if step.key is None else step.key}]"
