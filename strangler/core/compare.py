"""Comparing two answers: status, chosen headers, and the body by what it is.

The primary's answer is the measure. Where a route's rules explain all that differs, the result is `ignored`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

from strangler.core.comparison import MAX_DIFFERENCES, Comparison, Difference, Json, Kind, Obstacle, Result
from strangler.core.content import (
    MAX_BYTES,
    Form,
    Undecided,
    decode_both,
    decode_text,
    form_of,
    media_meaning,
    media_type,
    read_form,
    undo_codings,
)
from strangler.core.diff import Differences, diff
from strangler.core.document import read_json
from strangler.core.lines import MAX_LINES, diff_lines, split_lines
from strangler.core.offer import Answer
from strangler.core.page import page_lines
from strangler.core.rewrite import Ignore, Rule


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
        if ours != theirs and (name != "content-type" or _meanings(ours) != _meanings(theirs)):
            yield Difference(kind=Kind.HEADER, place=(name,), primary=_told(ours), shadow=_told(theirs))


def _bodies(primary: Answer, shadow: Answer, how: Comparing) -> tuple[Differences, Differences]:
    """Return what differs under the rules, and what differs without them."""
    types = _value(primary, "content-type"), _value(shadow, "content-type")
    codings = _value(primary, "content-encoding"), _value(shadow, "content-encoding")
    if primary.body == shadow.body and codings[0] == codings[1] and types[0] == types[1]:
        return _SAME, _SAME
    is_ignored = any(type(rule) is Ignore and not rule.path.steps for rule in how.rules)
    try:
        ours = undo_codings(primary.body, codings[0], how.max_bytes)
        theirs = undo_codings(shadow.body, codings[1], how.max_bytes)
        found, raw = _read(ours, theirs, types, how.rules)
    except (Undecided, RecursionError):
        if not is_ignored:
            raise
        found = raw = _digests(primary.body, shadow.body)
    return (_SAME if is_ignored else found), raw


def _read(
    ours: bytes, theirs: bytes, types: tuple[str, str], rules: tuple[Rule, ...]
) -> tuple[Differences, Differences]:
    form, other = map(form_of, types)
    if form is not other:
        told = Difference(kind=Kind.TYPE, primary=media_type(types[0]), shadow=media_type(types[1]))
        return _alike(_SAME if not ours and not theirs else Differences((told,), False))
    if form is Form.JSON or form is Form.JSON_LINES:
        return _json(ours, theirs, types, rules, read_json if form is Form.JSON else _read_lines)
    if form is Form.BYTES:
        return _bytes(ours, theirs, types, rules)
    texts = decode_both(ours, theirs, types)
    if texts[0] == texts[1]:
        return _SAME, _SAME
    if form is Form.FIELDS:
        return _ruled(read_form(texts[0]), read_form(texts[1]), rules)
    lines = (page_lines(texts[0]), page_lines(texts[1])) if form is Form.HTML else split_lines(*texts)
    raw = diff_lines(*lines)
    return (diff_lines(*lines, rules) if rules and raw.found else raw), raw


def _json(
    one: bytes,
    other: bytes,
    types: tuple[str, str],
    rules: tuple[Rule, ...],
    read: Callable[[str], Json],
) -> tuple[Differences, Differences]:
    # Because a text and its document take many times what the bytes do, one text is there at a time.
    ours, theirs = _parsed(one, types[0], read), _parsed(other, types[1], read)
    if ours is not None and theirs is not None:
        return _ruled(ours[0], theirs[0], rules)
    if ours is not None or theirs is not None:
        kinds = ("no JSON", "JSON") if ours is None else ("JSON", "no JSON")
        return _alike(Differences((Difference(kind=Kind.TYPE, primary=kinds[0], shadow=kinds[1]),), False))
    if decode_text(one, types[0]) != decode_text(other, types[1]):
        raise Undecided(Obstacle.INVALID_JSON)
    return _SAME, _SAME


def _parsed(body: bytes, content_type: str, read: Callable[[str], Json]) -> tuple[Json] | None:
    try:
        return (read(decode_text(body, content_type)),)
    except ValueError:
        return None


def _read_lines(text: str) -> Json:
    if text.count("\n") >= MAX_LINES:
        raise Undecided(Obstacle.TOO_LARGE)
    return [read_json(line) for line in text.split("\n") if line.strip(" \t\r")]


def _ruled(one: Json, other: Json, rules: tuple[Rule, ...]) -> tuple[Differences, Differences]:
    if not rules:
        return _alike(diff(one, other))
    # Because most answers are equal, and need no rules to be.
    raw = diff(one, other, matches=0)
    if not raw.found:
        return raw, raw
    return diff(one, other, rules), raw


def _bytes(
    ours: bytes, theirs: bytes, types: tuple[str, str], rules: tuple[Rule, ...]
) -> tuple[Differences, Differences]:
    if ours == theirs:
        return _SAME, _SAME
    if not any(types) and all(body.lstrip()[:1] in (b"{", b"[") for body in (ours, theirs)):
        # Because JSON is what most answers are that say nothing of themselves.
        try:
            return _ruled(read_json(decode_text(ours, "")), read_json(decode_text(theirs, "")), rules)
        except (Undecided, ValueError, RecursionError):
            pass
    if len(ours) != len(theirs):
        return _alike(Differences((Difference(kind=Kind.LENGTH, primary=len(ours), shadow=len(theirs)),), False))
    return _alike(_digests(ours, theirs))


def _digests(ours: bytes, theirs: bytes) -> Differences:
    digests = (blake2b(body, digest_size=16).hexdigest() for body in (ours, theirs))
    return Differences((Difference(kind=Kind.VALUE, primary=next(digests), shadow=next(digests)),), False)


def _alike(found: Differences) -> tuple[Differences, Differences]:
    """Return what differs where no rule but one for the whole body could explain it."""
    return found, found


def _values(answer: Answer, name: str) -> list[str]:
    wanted = name.encode("latin-1")
    return [value.decode("latin-1").strip() for other, value in answer.headers if other.lower() == wanted]


def _meanings(values: list[str]) -> list[str]:
    return [media_meaning(value) for value in values]


def _value(answer: Answer, name: str) -> str:
    return ",".join(_values(answer, name))


def _told(values: list[str]) -> Json:
    return values[0] if len(values) == 1 else (list(values) if values else None)
