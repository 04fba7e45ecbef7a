"""Learning: the secrets of a message, told by where they stand: in its headers, its target, its body of any kind."""

from base64 import b64decode
from collections.abc import Iterable, Iterator
from re import compile as pattern

from strangler.core.comparison import Json
from strangler.core.content import MAX_BYTES, Form, Undecided, decode_text, form_of, read_form, undo_codings
from strangler.core.document import read_json
from strangler.core.redaction import Redactor
from strangler.core.secrets import is_secret_name

_PAIR = pattern(r"([^\s=;,\"]+)=(\"(?:[^\"\\]|\\.)*\"|[^\s;,\"]*[^\s;,=\"][^\s;,\"]*)")
_PUBLIC = frozenset(("realm", "uri", "algorithm", "qop", "nc", "charset", "username", "host", "proto", "version"))
"""Parameters of credentials and of Forwarded that are none."""


def learn_message(redactor: Redactor, headers: Iterable[tuple[str, str]], body: bytes) -> None:
    """Have the secrets of a request, or an answer, remembered, before anything of its record is redacted."""
    fields = tuple(headers)
    for name, text in fields:
        if redactor.is_secret_header(name):
            for secret, is_named in header_secrets(name, text):
                redactor.remember(secret, is_named=is_named)
        else:
            redactor.learn_text(text)
    document, plain = read_body(fields, body)
    if plain is not None:
        redactor.learn_text(plain)
    redactor.learn(document)


def read_body(headers: Iterable[tuple[str, str]], body: bytes, most: int = MAX_BYTES) -> tuple[Json, str | None]:
    """Return what a body says as a document, or else as text; neither where it cannot be read."""
    told = {name.lower(): value for name, value in headers}
    media = told.get("content-type", "")
    try:
        text = decode_text(undo_codings(body, told.get("content-encoding", ""), most), media)
    except (Undecided, ValueError):
        return None, None
    try:
        return (read_form if form_of(media) is Form.FIELDS else read_json)(text), None
    except (Undecided, ValueError, RecursionError):
        return None, text


def header_secrets(name: str, text: str) -> Iterator[tuple[str, bool]]:
    """Yield the values in a header that is secret, and whether a name says so; never names, attributes or schemes."""
    lower = name.lower()
    if "cookie" in lower:
        yield text, False
        for pair in text.split(";")[: 1 if lower.startswith("set-") else None]:
            called, equals, value = pair.strip().partition("=")
            yield (value if equals else called).strip().strip('"'), is_secret_name(called)
        return
    scheme, blank, rest = text.strip().partition(" ")
    if "authorization" not in lower or not blank or "=" in scheme:
        rest = text
    is_named = is_secret_name(name)
    yield text, is_named
    yield rest.strip(), is_named
    if scheme.lower() == "basic":
        yield _decoded(rest).partition(":")[2], is_named
    pairs = _PAIR.findall(rest)
    yield from ((value.strip('"'), is_named) for called, value in pairs if called.lower() not in _PUBLIC)
    if not pairs:
        yield from ((word.strip('"'), is_named) for word in rest.replace(";", " ").replace(",", " ").split())


def _decoded(text: str) -> str:
    try:
        return b64decode(text.strip() + "=" * (-len(text.strip()) % 4)).decode("utf-8", "replace")
    except ValueError:
        return ""
