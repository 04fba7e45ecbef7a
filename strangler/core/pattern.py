"""Patterns: path templates, as routes name them."""

import re
from dataclasses import dataclass
from enum import IntEnum

from strangler.core.normalise import normal

MAX_SEGMENTS = 64
"""A deeper path is no route's, and goes to the monolith; this bounds what a lookup may cost."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LITERAL = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,=:@%]*")


class SegmentKind(IntEnum):
    """How a segment matches; the lower, the more specific."""

    LITERAL = 0
    ONE = 1
    """`{name}`: one segment that is not empty."""
    REST = 2
    """`{name...}`: one segment or more, the last of a template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One part of a template between slashes."""

    kind: SegmentKind
    text: str = ""
    """The literal; empty for the other kinds, whose names do not matter for matching."""


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed path template; two of the same shape are equal whatever their parameters are called."""

    segments: tuple[Segment, ...]


def parse_template(text: str) -> Template:
    """Return the template that `text` writes; raise ValueError with what is wrong and what to write."""
    if not text.startswith("/"):
        raise ValueError("a path starts with `/`; write `/" + text + "`")
    if "?" in text or "#" in text:
        raise ValueError("a path has no query and no fragment; leave out what follows the `?` or `#`")
    parts = text[1:].split("/")
    if len(parts) > MAX_SEGMENTS:
        raise ValueError(f"a path has at most {MAX_SEGMENTS} segments; end the template with `{{rest...}}`")
    names: set[str] = set()
    segments: list[Segment] = []
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        if not part and not is_last:
            raise ValueError("a path has no empty segments (`//`); write one `/`")
        segments.append(_segment(part, is_last=is_last, names=names))
    _check_normal(parts)
    return Template(tuple(segments))


def _segment(part: str, *, is_last: bool, names: set[str]) -> Segment:
    if part.startswith("{") and part.endswith("}"):
        name = part[1:-1]
        is_rest = name.endswith("...")
        name = name.removesuffix("...")
        if not _NAME.fullmatch(name):
            raise ValueError(f"`{part}` is not a parameter; write a name of letters, digits and `_`, as in `{{id}}`")
        if name in names:
            raise ValueError(f"`{{{name}}}` stands twice; give each parameter a name of its own")
        names.add(name)
        if is_rest and not is_last:
            raise ValueError(f"`{part}` takes all the rest; put it at the end")
        return Segment(kind=SegmentKind.REST if is_rest else SegmentKind.ONE)
    if "{" in part or "}" in part:
        raise ValueError(f"`{part}` mixes text and a parameter; a parameter is a whole segment, as in `/a/{{id}}`")
    if part == "*":
        raise ValueError("`*` is not a wildcard here; write `{name}` for one segment or `{name...}` for the rest")
    if not _LITERAL.fullmatch(part):
        raise ValueError(f"`{part}` has characters that a path does not; percent-encode them")
    return Segment(kind=SegmentKind.LITERAL, text=part)


def _check_normal(parts: list[str]) -> None:
    stand_ins = {part: f"~{index}~" if part.startswith("{") else part for index, part in enumerate(parts)}
    written = "/" + "/".join(stand_ins[part] for part in parts)
    as_matched = normal(written.encode("ascii"))
    if as_matched != written:
        for part, stand_in in stand_ins.items():
            as_matched = as_matched.replace(stand_in, part) if part.startswith("{") else as_matched
        raise ValueError(f"paths are matched in their normal form; write `{as_matched}`")
