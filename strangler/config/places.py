"""Places: where each value of a routes file stands, and whether those may see it who may not change the file.

The table of keys says what a value is. What stands under a key that the table has not is hidden too, because a
misspelt `headers` has secrets in it all the same.
"""

import re
from dataclasses import dataclass, field
from enum import Enum

import yaml

from strangler.config import kinds, shadow_kinds
from strangler.config.forms import Many, OrOff, Reference, Section, Split
from strangler.config.keys import ROOT
from strangler.config.kind import Kind

HARMLESS = frozenset(
    (
        *("accept", "accept-charset", "accept-encoding", "accept-language", "accept-version", "api-version"),
        *("cache-control", "content-encoding", "content-language", "content-type", "origin", "sec-fetch-dest"),
        *("sec-fetch-mode", "sec-fetch-site", "sec-fetch-user", "upgrade", "user-agent", "x-api-version"),
        "x-requested-with",
    )
)
"""Headers whose values tell what is asked for, and open nothing; any other may be a credential, whatever its name."""

_KEY = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
"""What may be a name; in anything else a value may stand, as in `X-Api-Key:hush`."""
_WEB = re.compile(r"https?://\S+", re.IGNORECASE)
_WORD = re.compile(r"true|false|on|off|yes|no|null|~|", re.IGNORECASE)
_BOM = "\ufeff"


class _Hidden(Enum):
    """What a value may be that the table has no form for, or one that keeps secrets."""

    HEADERS = "headers"
    """Values that a request must have."""
    URL = "url"
    """Nothing but a web address is shown, and of that no more than its host."""
    UNKNOWN = "unknown"
    WHOLE = "whole"
    """Everything is hidden, whatever it looks like."""


_Form = object
"""What stands at a place: a form of the table, None for what may be seen with all that is in it, or a way to hide."""
_MAPPED = (kinds.ATTRIBUTES, shadow_kinds.VALUES)
"""Kinds that are mappings themselves, of values that are no secrets."""
_URLS = (kinds.URL, kinds.URLS, kinds.SERVICE)


@dataclass(slots=True)
class Value:
    """A single value, or a key, and where it is."""

    start: int
    end: int
    text: str
    is_plain: bool
    """Whether it is written as it is, without quotes, tag or anchor."""
    is_long: bool
    """Whether it is on more than one line, as no value of the format needs to be: a quote was forgotten."""
    is_hidden: bool = False


@dataclass(slots=True, eq=False)
class _Sequence:
    items: list["_Node"] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Mapping:
    parts: list["_Node"] = field(default_factory=list)
    """Keys and values in turn."""


_Node = Value | _Sequence | _Mapping


def values(text: str) -> list[Value] | None:
    """Return each value and key in the order of the text, with whether it is hidden; None if this is no YAML."""
    offset = len(_BOM) if text.startswith(_BOM) else 0
    try:
        roots, found = _parsed(text, offset)
    except (yaml.YAMLError, ValueError, OverflowError, LookupError):
        # Because an alias may name nothing, and a number be too large for a character.
        return None
    for root in roots:
        _hide(root)
    return found


def _parsed(text: str, offset: int) -> tuple[list[_Node], list[Value]]:
    """Return the documents and all values; an alias is the very node that it stands for."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    anchors: dict[str, _Node] = {}
    roots: list[_Node] = []
    found: list[Value] = []
    within: list[list[_Node]] = [roots]
    for event in yaml.parse(text[offset:], Loader=loader):
        node: _Node
        match event:
            case yaml.CollectionEndEvent():
                within.pop()
                continue
            case yaml.AliasEvent(anchor=str(name)):
                within[-1].append(anchors[name])
                continue
            case yaml.ScalarEvent():
                assert event.start_mark is not None and event.end_mark is not None
                start, end = event.start_mark.index + offset, event.end_mark.index + offset
                raw = text[start:end]
                node = Value(
                    start=start,
                    end=end,
                    text=event.value,
                    is_plain=raw == event.value,
                    is_long="\n" in raw.rstrip("\n"),
                )
                found.append(node)
                within[-1].append(node)
            case yaml.MappingStartEvent():
                node = _Mapping()
                within[-1].append(node)
                within.append(node.parts)
            case yaml.SequenceStartEvent():
                node = _Sequence()
                within[-1].append(node)
                within.append(node.items)
            case _:
                continue
        if event.anchor is not None:
            anchors[event.anchor] = node
    return roots, found


def _hide(root: _Node) -> None:
    todo: list[tuple[_Node, _Form]] = [(root, ROOT)]
    seen: set[tuple[int, int]] = set()
    """Because aliases may stand for each other's aliases, each node is looked at once as each form."""
    while todo:
        node, form = todo.pop()
        if (id(node), id(form)) in seen:
            continue
        seen.add((id(node), id(form)))
        match node:
            case Value():
                node.is_hidden |= _hides(form, node)
            case _Sequence(items=items):
                inner = _of_items(form)
                todo += [(item, inner) for item in items]
            case _Mapping(parts=parts):
                for key, value in zip(parts[::2], parts[1::2], strict=True):
                    todo.append((value, _of_key(form, key)))
                    todo.append((key, None if isinstance(key, Value) else _Hidden.WHOLE))
                    if isinstance(key, Value):
                        key.is_hidden |= form is not None and (
                            not _KEY.fullmatch(key.text) or _is_rest(form, key, value)
                        )


def _is_rest(form: _Form, key: Value, value: _Node) -> bool:
    """Return whether a key may be the rest of a value, behind a comma that parted them: it has none of its own."""
    section = form.section if isinstance(form, OrOff) else form
    is_known = isinstance(section, Section) and key.text in section.by_name
    return not is_known and isinstance(value, Value) and not value.text and value.is_plain


def _of_items(form: _Form) -> _Form:
    match form:
        case Many(named=False, section=section):
            return section
        case _Hidden.HEADERS:
            return _Hidden.WHOLE
        case Section() | OrOff() | Many():
            return _Hidden.UNKNOWN
    return form


def _of_key(form: _Form, key: _Node) -> _Form:
    name = key.text if isinstance(key, Value) else ""
    if form is shadow_kinds.CREDENTIALS:
        return None if name in ("header", "env") else _Hidden.WHOLE
    match form:
        case Section() | OrOff():
            section = form if isinstance(form, Section) else form.section
            known = section.by_name.get(name)
            return _Hidden.UNKNOWN if known is None else _taken(known.takes)
        case Many(named=True, section=section):
            return section
        case Many():
            return _Hidden.UNKNOWN
        case _Hidden.HEADERS:
            return None if name.lower() in HARMLESS else _Hidden.WHOLE
        case Kind() | Reference():
            return _Hidden.UNKNOWN
    return form


def _taken(takes: object) -> _Form:
    if isinstance(takes, Section | OrOff | Many):
        return takes
    if takes is kinds.HEADERS:
        return _Hidden.HEADERS
    if any(takes is one for one in _URLS):
        return _Hidden.URL
    return None if takes in _MAPPED or isinstance(takes, Split) else takes


def _hides(form: _Form, value: Value) -> bool:
    """Return whether a single value at a place of this form is hidden."""
    if form is None or isinstance(form, Kind | Reference):
        return value.is_long
    if value.is_plain and _WORD.fullmatch(value.text):
        return False
    match form:
        case OrOff(also=also):
            return value.text not in also
        case _Hidden.URL | _Hidden.UNKNOWN:
            return not _WEB.fullmatch(value.text)
    return True
