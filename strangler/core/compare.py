"""Comparing two answers: status, chosen headers, and the body by what it is.

The primary's answer is the measure. Where a route's rules explain all that differs, the result is `ignored`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from strangler.core.comparison import MAX_DIFFERENCES, Comparison, Difference, Json, Kind, Obstacle, Result
from strangler.core.content import (
    MAX_BYTES,
    Form,
    Undecided,
    decode_text,
    form_of,
    html_lines,
    media_type,
    read_form,
    undo_codings,
)
from strangler.core.diff import Differences, diff
from strangler.core.document import read_json
from strangler.core.offer import Answer
from strangler.core.rewrite import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparing:
    """What is compared of a route's answers, and how."""

    headers: tuple[str, ...] = ("location", "content-type")
    """Lower case. Because every server has its own Date, Server and ids, headers are chosen, not left out."""
    rules: tuple[Rule, ...] = ()
    max_bytes: int = MAX_BYTES


def compare(primary: Answer, shadow: Answer, how: Comparing) -> Comparison:
    """Return how the shadow's answer compares to the primary's; whatever bytes there are, nothing is raised."""
    heads = tuple(_heads(primary, shadow, how.headers))
    if primary.status != shadow.status:
        # Because an error page is no version of what was asked for, its body tells nothing more.
        return Comparison(result=Result.DIFFERENT, differences=heads)
    try:
        real, raw = _bodies(primary, shadow, how)
    except Undecided as problem:
        return _unread(heads, problem.obstacle)
    except RecursionError:
        return _unread(heads, Obstacle.TOO_DEEP)
    found = heads + real.found
    if found:
        is_cut = real.is_cut or len(found) > MAX_DIFFERENCES
        return Comparison(result=Result.DIFFERENT, differences=found[:MAX_DIFFERENCES], is_cut=is_cut)
    if raw.found:
        return Comparison(result=Result.IGNORED, ignored=raw.found, is_cut=raw.is_cut)
    return Comparison(result=Result.EQUAL)


_SAME = Differences((), False)


def _unread(heads: tuple[Difference, ...], obstacle: Obstacle) -> Comparison:
    if heads:
        return Comparison(result=Result.DIFFERENT, differences=heads, obstacle=obstacle)
    return Comparison(result=Result.NOT_COMPARABLE, obstacle=obstacle)


def _heads(primary: Answer, shadow: Answer, names: tuple[str, ...]) -> Iterator[Difference]:
    if primary.status != shadow.status:
        yield Difference(kind=Kind.STATUS, primary=primary.status, shadow=shadow.status)
    for name in names:
        ours, theirs = _values(primary, name), _values(shadow, name)
        if ours != theirs:
            yield Difference(kind=Kind.HEADER, place=(name,), primary=_told(ours), shadow=_told(theirs))


def _bodies(primary: Answer, shadow: Answer, how: Comparing) -> tuple[Differences, Differences]:
    """Return what differs under the rules, and what differs without them if the rules explain all of it."""
    types = _value(primary, "content-type"), _value(shadow, "content-type")
    form, other = map(form_of, types)
    codings = _value(primary, "content-encoding"), _value(shadow, "content-encoding")
    if primary.body == shadow.body and codings[0] == codings[1] and types[0] == types[1]:
        return _SAME, _SAME
    ours = undo_codings(primary.body, codings[0], how.max_bytes)
    theirs = undo_codings(shadow.body, codings[1], how.max_bytes)
    if form is not other:
        told = Difference(kind=Kind.TYPE, primary=media_type(types[0]), shadow=media_type(types[1]))
        return (_SAME if not ours and not theirs else Differences((told,), False)), _SAME
    if form is Form.BYTES:
        return _bytes(ours, theirs), _SAME
    if form is Form.JSON:
        return _json(ours, theirs, types, how.rules)
    texts = decode_text(ours, types[0]), decode_text(theirs, types[1])
    if texts[0] == texts[1]:
        return _SAME, _SAME
    if form is Form.FIELDS:
        return _ruled(read_form(texts[0]), read_form(texts[1]), how.rules)
    if form is Form.HTML:
        return _lines(html_lines(texts[0]), html_lines(texts[1])), _SAME
    return _lines(texts[0].splitlines(), texts[1].splitlines(), texts), _SAME


def _json(one: bytes, other: bytes, types: tuple[str, str], rules: tuple[Rule, ...]) -> tuple[Differences, Differences]:
    # Because a text and its document take many times what the bytes do, one text is there at a time.
    ours, theirs = _parsed(one, types[0]), _parsed(other, types[1])
    if ours is not None and theirs is not None:
        return _ruled(ours[0], theirs[0], rules)
    if ours is not None or theirs is not None:
        kinds = ("no JSON", "JSON") if ours is None else ("JSON", "no JSON")
        return Differences((Difference(kind=Kind.TYPE, primary=kinds[0], shadow=kinds[1]),), False), _SAME
    if decode_text(one, types[0]) != decode_text(other, types[1]):
        raise Undecided(Obstacle.INVALID_JSON)
    return _SAME, _SAME


def _parsed(body: bytes, content_type: str) -> tuple[Json] | None:
    try:
        return (read_json(decode_text(body, content_type)),)
    except ValueError:
        return None


def _ruled(one: Json, other: Json, rules: tuple[Rule, ...]) -> tuple[Differences, Differences]:
    if not rules:
        return diff(one, other), _SAME
    # Because most answers are equal, and need no rules to be.
    raw = diff(one, other, matches=0)
    if not raw.found:
        return raw, raw
    return diff(one, other, rules), raw


def _lines(ours: list[str], theirs: list[str], texts: tuple[str, str] = ("", "")) -> Differences:
    """Return the lines that differ, or the length if there are more of them on one side."""
    if len(ours) != len(theirs):
        return Differences((Difference(kind=Kind.LENGTH, primary=len(ours), shadow=len(theirs)),), False)
    one: Json = list(ours)
    other: Json = list(theirs)
    found = diff(one, other)
    if not found.found and texts[0] != texts[1]:
        # Because the lines are the same and only their ends differ.
        return Differences((Difference(kind=Kind.LENGTH, primary=len(texts[0]), shadow=len(texts[1])),), False)
    return found


def _bytes(ours: bytes, theirs: bytes) -> Differences:
    if ours == theirs:
        return _SAME
    if len(ours) != len(theirs):
        return Differences((Difference(kind=Kind.LENGTH, primary=len(ours), shadow=len(theirs)),), False)
    digests = (blake2b(body, digest_size=16).hexdigest() for body in (ours, theirs))
    return Differences((Difference(kind=Kind.VALUE, primary=next(digests), shadow=next(digests)),), False)


def _values(answer: Answer, name: str) -> list[str]:
    wanted = name.encode("latin-1")
    return [value.decode("latin-1").strip() for other, value in answer.headers if other.lower() == wanted]


def _value(answer: Answer, name: str) -> str:
    return ",".join(_values(answer, name))


def _told(values: list[str]) -> Json:
    return values[0] if len(values) == 1 else (list(values) if values else None)
