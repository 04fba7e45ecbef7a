"""Cases: what was recorded, as a test asks and asserts it, with nothing secret in it.

A request that holds a secret makes no case, because without it it would be another request. An answer that holds one
does: where it stands, only the type is asserted.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from strangler.core.content import Form, Undecided, codec_of, decode_text, form_of, undo_codings
from strangler.core.document import parse_json
from strangler.core.expecting import Expected, expect
from strangler.core.jsonpath import parse_path
from strangler.core.learning import learn_message
from strangler.core.pathrules import comparing_of
from strangler.core.recording import Recording
from strangler.core.redaction import Redaction, Redactor
from strangler.core.rewrite import Ignore
from strangler.core.shadowing import Shadow

_NOT_SENT = frozenset(("user-agent", "accept-encoding"))
"""A test names itself, and takes answers as they are."""
_PLAIN = re.compile(r"[!-~]+")
_PRINTABLE = re.compile(r"[ -~]*")
_LEAST_DIGESTED = 32
"""Bytes; of fewer a digest could be tried out."""


class Omission(StrEnum):
    """Why a recording makes no case. A closed set, told by the command."""

    SECRET = "secret"  # noqa: S105 -- because it is a reason, not a secret
    """Its request holds a secret, by redaction's rules."""
    BODY = "body"
    """Its request has a body."""
    BYTES = "bytes"
    """Its request has bytes that a test cannot write as text."""


class BodyKind(StrEnum):
    """What is asserted of a body."""

    JSON = "json"
    TEXT = "text"
    DIGEST = "digest"
    EMPTY = "empty"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is expected of a body."""

    kind: BodyKind
    expected: Expected = None
    """For JSON."""
    text: str = ""
    """The text, or the digest (SHA-256, hexadecimal)."""
    codec: str = "utf-8-sig"
    """Python's codec that the recorded text or JSON is read with."""
    why: str = ""
    """Why nothing is asserted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test."""

    id: str
    at: float
    side: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    status: int
    answered: tuple[tuple[str, str | bool], ...]
    """The headers that the route compares, lower case: the value, or whether there is one."""
    body: Body


def cases(
    recordings: Iterable[tuple[str, Recording]], shadow: Shadow, salt: bytes
) -> tuple[tuple[Case, ...], Counter[Omission]]:
    """Return a case for each recording that makes one, and why others make none."""
    made: list[Case] = []
    left_out: Counter[Omission] = Counter()
    for name, recording in recordings:
        case = _case(name, recording, shadow, salt)
        if isinstance(case, Case):
            made.append(case)
        else:
            left_out[case] += 1
    return tuple(made), left_out


def _case(name: str, recording: Recording, shadow: Shadow, salt: bytes) -> Case | Omission:
    hidden = tuple(parse_path(path) for path in dict.fromkeys((*recording.taken_out, *shadow.redact)))
    redactor = Redactor(Redaction(paths=hidden), salt)
    headers = tuple((_text(header), _text(value)) for header, value in recording.headers)
    answered = tuple((_text(header), _text(value)) for header, value in recording.answer.headers)
    target = _text(recording.target)
    redactor.learn_target(target)
    learn_message(redactor, headers, recording.body)
    learn_message(redactor, answered, recording.answer.body)
    if redactor.is_full:
        return Omission.SECRET
    body = _body(recording, answered, shadow, redactor)
    if recording.body:
        return Omission.BODY
    if redactor.target(target) != target or redactor.headers(headers) != headers:
        return Omission.SECRET
    if not _PLAIN.fullmatch(target) or not all(_PRINTABLE.fullmatch(text) for pair in headers for text in pair):
        return Omission.BYTES
    return Case(
        id=name,
        at=recording.at,
        side=recording.side.value,
        method=_text(recording.method),
        target=target,
        headers=tuple((header, value) for header, value in headers if header.lower() not in _NOT_SENT),
        status=recording.answer.status,
        answered=tuple((wanted, _answered(wanted, answered, redactor)) for wanted in shadow.headers),
        body=body,
    )


def _answered(wanted: str, answered: tuple[tuple[str, str], ...], redactor: Redactor) -> str | bool:
    values = [value.strip() for name, value in answered if name.lower() == wanted]
    if len(values) != 1:
        # Because several lines of one name are told as one by some clients, only that there are some is asserted.
        return bool(values)
    is_sayable = _PRINTABLE.fullmatch(values[0]) and redactor.header(wanted, values[0]) == values[0]
    return values[0] if is_sayable else True


def _body(recording: Recording, answered: tuple[tuple[str, str], ...], shadow: Shadow, redactor: Redactor) -> Body:
    told = {name.lower(): value for name, value in answered}
    content_type = told.get("content-type", "")
    try:
        plain = undo_codings(recording.answer.body, told.get("content-encoding", ""))
        if not plain:
            return Body(kind=BodyKind.EMPTY)
        form = form_of(content_type)
        if form is Form.BYTES:
            return _digest(plain)
        text = decode_text(plain, content_type)
        codec = codec_of(plain, content_type)
        if form is Form.JSON:
            return _json(text, codec, recording, shadow, redactor)
    except (Undecided, ValueError, RecursionError) as error:
        return Body(kind=BodyKind.NOTHING, why=f"the recorded body cannot be read ({type(error).__name__})")
    if form is not Form.TEXT:
        return Body(kind=BodyKind.NOTHING, why="a form, a page or JSON lines are asserted by status and headers alone")
    if redactor.text(text) != text:
        return Body(kind=BodyKind.NOTHING, why="the text holds a secret")
    return Body(kind=BodyKind.TEXT, text=text, codec=codec)


def _json(text: str, codec: str, recording: Recording, shadow: Shadow, redactor: Redactor) -> Body:
    value = parse_json(text)
    # Because what was taken out of it says nothing of what stands there, it is not asserted at all.
    gone = tuple(Ignore(path=parse_path(path)) for path in recording.taken_out)
    rules = (*comparing_of(shadow).rules, *gone)
    return Body(kind=BodyKind.JSON, expected=expect(value, redactor.json(value), rules), codec=codec)


def _digest(plain: bytes) -> Body:
    if len(plain) < _LEAST_DIGESTED:
        return Body(kind=BodyKind.NOTHING, why="a digest of so few bytes could be tried out")
    return Body(kind=BodyKind.DIGEST, text=sha256(plain).hexdigest())


def _text(data: bytes) -> str:
    return data.decode("latin-1")
