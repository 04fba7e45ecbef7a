"""Recordings: one read and its answer, as they may be stored, sealed, and asked again.

Credentials are left out: whoever asks again brings their own. What the route holds to be secret by path is taken out of
the answer. A read whose target names a secret is not recorded at all, because without it it would be another request.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import unquote_plus

from strangler.core.comparison import MAX_DEPTH, Json, Obstacle
from strangler.core.content import Form, Undecided, decode_text, form_of, undo_codings
from strangler.core.document import Repeated, dump_json, read_json
from strangler.core.grouping import is_id
from strangler.core.jsonpath import JsonPath, State, advance, hits, start
from strangler.core.model import Side
from strangler.core.offer import MARK, Answer, Fields, Offer
from strangler.core.secrets import is_secret_header, is_secret_parameter

TAKEN_OUT = "[taken out]"
"""What stands in a recorded answer where the route's `redact` names a place."""
_ONE_HOP = frozenset(
    (b"host", b"connection", b"content-length", b"transfer-encoding", b"expect", b"te", b"trailer", b"upgrade",
     b"keep-alive", MARK.lower().encode())
)  # fmt: skip
_OF_ITS_TIME = frozenset(
    (b"x-request-id", b"x-correlation-id", b"traceparent", b"tracestate", b"baggage", b"via", b"x-forwarded-proto",
     b"x-forwarded-host", b"x-forwarded-port", b"if-none-match", b"if-modified-since", b"if-match",
     b"if-unmodified-since", b"if-range")
)  # fmt: skip
"""Of this one request; asked again they would say what is not true any more."""
_NOT_TELLING = frozenset((b"user-agent",))
"""Requests that differ there alone are the same request."""
_MAX_SEGMENTS = 64
_MAX_NAMES = 32


class Skip(StrEnum):
    """Why a read was not recorded. A closed set: metric label."""

    SECRET = "secret"  # noqa: S105 -- because it is a reason, not a secret
    """Its target names a credential or another secret."""
    TOO_LARGE = "too_large"
    """It alone would be more than the route may record."""
    UNREADABLE = "unreadable"
    """The route's `redact` has paths, and this answer cannot be read to take out what they name."""
    BUSY = "busy"
    """The comparer holds as much as it may of what control has not stored yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What is sealed."""

    route: str
    at: float
    """Unix time in seconds."""
    side: Side
    """Whose answer it is."""
    method: bytes
    target: bytes
    headers: Fields
    body: bytes
    answer: Answer
    result: str = ""
    """How the two sides' answers compared then (core.comparison.Result); empty if they did not."""
    taken_out: tuple[str, ...] = ()
    """Paths whose values are not in it."""

    @property
    def size(self) -> int:
        """Return about how many bytes it is."""
        return _size(self.target, self.body, self.answer.body, (*self.headers, *self.answer.headers))


def record(offer: Offer, *, at: float, result: str, redact: tuple[JsonPath, ...], most_bytes: int) -> Recording | Skip:
    """Return what may be stored of a read and its answer, or why it may not."""
    if has_secret(offer.target):
        return Skip.SECRET
    if redact and offer.body:
        # Because what a path names there cannot be taken out of a request without making it another one.
        return Skip.UNREADABLE
    answer = offer.answer
    headers = tuple((name, value) for name, value in answer.headers if not is_secret_header(_text(name)))
    body = answer.body
    if redact:
        try:
            body, headers = _taken_out(body, headers, redact)
        except (Undecided, ValueError, RecursionError):
            return Skip.UNREADABLE
    made = Recording(
        route=offer.route,
        at=at,
        side=offer.primary,
        method=offer.method,
        target=offer.target,
        headers=tuple((name, value) for name, value in offer.headers if _may_be_kept(name)),
        body=offer.body,
        answer=Answer(status=answer.status, headers=headers, body=body),
        result=result,
        taken_out=tuple(map(str, redact)),
    )
    return Skip.TOO_LARGE if made.size > most_bytes else made


def size_of(offer: Offer) -> int:
    """Return about how many bytes the recording of a read is, at most."""
    return _size(offer.target, offer.body, offer.answer.body, (*offer.headers, *offer.answer.headers))


def has_secret(target: bytes) -> bool:
    """Return whether a parameter's name in a target says that its value is secret."""
    _, _, query = _text(target).partition("?")
    return any(is_secret_parameter(unquote_plus(part.partition("=")[0])) for part in query.replace(";", "&").split("&"))


def id_of(offer: Offer, salt: bytes) -> str:
    """Return what is the same for the same read, asked by anyone with the same headers, credentials left out.

    Because it is keyed, a client cannot choose to be kept.
    """
    digest = blake2b(key=salt[: blake2b.MAX_KEY_SIZE], digest_size=8)
    told = [(n.lower(), v) for n, v in offer.headers if _may_be_kept(n) and n.lower() not in _NOT_TELLING]
    for part in (offer.method, offer.target, offer.body, *(text for pair in sorted(told) for text in pair)):
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()


def shape_of(offer: Offer, result: str) -> str:
    """Return what is the same for reads of one kind: ids in the path do not count, nor do values in the query.

    What came of comparing them does, so that a rare difference is not lost among what is equal.
    """
    path, _, query = _text(offer.target).partition("?")
    segments = ["*" if is_id(part) else part for part in path.split("/")[:_MAX_SEGMENTS]]
    names = sorted({"*" if is_id(name) else name for part in query.split("&") if (name := part.partition("=")[0])})
    answer = offer.answer
    media = _text(b",".join(value for name, value in answer.headers if name.lower() == b"content-type"))
    told = [_text(offer.method), "/".join(segments), *names[:_MAX_NAMES]]
    told += [str(answer.status), media.partition(";")[0], result]
    return blake2b("\n".join(told).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _size(target: bytes, body: bytes, answer: bytes, fields: Fields) -> int:
    return len(target) + len(body) + len(answer) + sum(len(name) + len(value) for name, value in fields)


@lru_cache(maxsize=4_096)
def _may_be_kept(name: bytes) -> bool:
    lower = name.lower()
    return lower not in _ONE_HOP and lower not in _OF_ITS_TIME and not is_secret_header(_text(name))


def _taken_out(body: bytes, headers: Fields, paths: tuple[JsonPath, ...]) -> tuple[bytes, Fields]:
    """Return a body without the values that paths name, and the headers that it has then.

    Raises Undecided, ValueError or RecursionError if it cannot be read.
    """
    told = {name.lower(): _text(value) for name, value in headers}
    content_type = told.get(b"content-type", "")
    form = form_of(content_type)
    if form in (Form.FIELDS, Form.JSON_LINES) or (body and not content_type):
        # Because what paths name may be in it, and it is not written anew.
        raise Undecided(Obstacle.INVALID_JSON)
    if form is not Form.JSON or not body:
        # Because a path names nothing in it.
        return body, headers
    value = read_json(decode_text(undo_codings(body, told.get(b"content-encoding", "")), content_type))
    text = dump_json(_hidden(value, paths, start(paths), 0))
    plain = text.encode("ascii")
    if decode_text(plain, content_type) != text:
        raise Undecided(Obstacle.CHARSET)
    gone = (b"content-encoding", b"content-length")
    return plain, tuple((name, value) for name, value in headers if name.lower() not in gone)


def _hidden(value: Json, paths: tuple[JsonPath, ...], state: State, depth: int) -> Json:
    if depth > MAX_DEPTH:
        raise RecursionError
    if hits(paths, state):
        return TAKEN_OUT
    if not state:
        return value
    if isinstance(value, dict):
        pairs = value.pairs if isinstance(value, Repeated) else value.items()
        told = [(name, _hidden(inner, paths, advance(paths, state, name), depth + 1)) for name, inner in pairs]
        return Repeated(told) if isinstance(value, Repeated) else dict(told)
    if isinstance(value, list):
        return [_hidden(inner, paths, advance(paths, state, at), depth + 1) for at, inner in enumerate(value)]
    return value


def _text(data: bytes) -> str:
    return data.decode("latin-1")
