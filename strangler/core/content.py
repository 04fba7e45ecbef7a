"""Content: what a body says, once its content coding and its character set are undone.

Every step has a bound, so that no body costs more than its size allows, however it was packed.
"""

import codecs
import json
import re
from enum import StrEnum
from urllib.parse import parse_qsl

from strangler.core.codings import CODINGS, Corrupt, TooLarge, unpack
from strangler.core.comparison import Json, Obstacle

MAX_BYTES = 8 * 1024 * 1024
"""A body once its coding is undone. Precedent: what part 4 keeps of a body at most, 8 MiB."""
_MAX_CODINGS = 3
"""One after the other; more than one is rare, and each may unpack to the bound."""
_MAX_FIELDS = 10_000
"""Of a form. Precedent: Django's `DATA_UPLOAD_MAX_NUMBER_FIELDS` 1,000, with room."""
_CHARSET = re.compile(
    r"ascii|utf-(?:8|8-sig|16|16-[bl]e|32|32-[bl]e)|(?:iso8859|cp|koi8|euc|shift|gb|big5|mac).*|hz|johab|tis-620"
)
"""Because Python calls more things codecs than are character sets, such as `zip`, `idna` and `unicode_escape`."""


_JSON = ("application/json", "text/json", "text/x-json", "application/x-json")
_JSON_LINES = (
    "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl", "application/jsonlines",
    "application/x-jsonlines", "application/json-lines", "text/jsonl", "text/x-ndjson", "text/x-jsonl",
)  # fmt: skip
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VALUE = rf'(?:{_WORD}|"(?:[^"\\]|\\.)*")'
_MEDIA = re.compile(rf"\s*{_WORD}/{_WORD}\s*(?:;\s*(?:{_WORD}={_VALUE}\s*)?)*")
_PARAMETER = re.compile(rf";\s*({_WORD})=({_VALUE})")
_DECLARED = re.compile(
    rb"<(?:meta\s[^>]*?charset|\?xml\s[^>]*?encoding)\s*=\s*[\"']?\s*([A-Za-z][\w.:-]*)", re.IGNORECASE
)
_MOST_LOOKED_AT = 1_024
"""Bytes. Precedent: the HTML standard's section 13.2.3.2 has browsers look there for a character set."""


class Form(StrEnum):
    """What a body is compared as."""

    JSON = "json"
    JSON_LINES = "json_lines"
    """A JSON text on each line."""
    FIELDS = "fields"
    """application/x-www-form-urlencoded."""
    HTML = "html"
    TEXT = "text"
    BYTES = "bytes"


class Undecided(Exception):  # noqa: N818 -- because it is an answer, not an error: told as `not comparable`.
    """A body cannot be read; says why."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(obstacle.value)
        self.obstacle = obstacle


def undo_codings(body: bytes, codings: str, most: int = MAX_BYTES) -> bytes:
    """Return a body without its content codings (RFC 9110 section 8.4); raise Undecided where that cannot be."""
    if not body:
        # Because an answer to HEAD has the head of another, and nothing that was coded.
        return body
    names = [name for part in codings.split(",") if (name := part.strip().lower()) not in ("", "identity")]
    if len(names) > _MAX_CODINGS or not CODINGS.keys() >= set(names):
        raise Undecided(Obstacle.ENCODING)
    try:
        for name in reversed(names):
            body = unpack(body, name, most)
    except Corrupt as error:
        raise Undecided(Obstacle.CORRUPT) from error
    except TooLarge as error:
        raise Undecided(Obstacle.TOO_LARGE) from error
    if len(body) > most:
        raise Undecided(Obstacle.TOO_LARGE)
    return body


def form_of(content_type: str) -> Form:
    """Return what a body of this media type is compared as."""
    media = media_type(content_type)
    if media in _JSON or media.endswith("+json"):
        return Form.JSON
    if media in _JSON_LINES:
        return Form.JSON_LINES
    if media == "application/x-www-form-urlencoded":
        return Form.FIELDS
    if media in ("text/html", "application/xhtml+xml"):
        return Form.HTML
    if media.startswith("text/") or media in ("application/xml", "application/javascript") or media.endswith("+xml"):
        return Form.TEXT
    return Form.BYTES


def media_type(content_type: str) -> str:
    """Return the media type without its parameters, lower case."""
    return content_type.partition(";")[0].strip().lower()


def media_meaning(content_type: str) -> str:
    """Return the same text for values of Content-Type that say the same (RFC 9110 section 8.3.1).

    Case counts in the values of parameters, but for `charset`; white space, quotes and order do not. What is no media
    type means itself.
    """
    if not _MEDIA.fullmatch(content_type):
        return content_type
    found = []
    for name, value in _PARAMETER.findall(content_type):
        plain = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        found.append(f"; {name.lower()}={json.dumps(plain.lower() if name.lower() == 'charset' else plain)}")
    return media_type(content_type) + "".join(sorted(found))


def decode_text(body: bytes, content_type: str) -> str:
    """Return the characters of a body. Raise Undecided if they are not of the character set that is named.

    Where none is named it is UTF-8; or, of pages and other text, what they say in themselves, else windows-1252, which
    is what browsers take it for.
    """
    return _decoded(body, content_type)[0]


def codec_of(body: bytes, content_type: str) -> str:
    """Return the name of Python's codec that reads a body as `decode_text` does; raise as that does."""
    return _decoded(body, content_type)[1]


def decode_both(one: bytes, other: bytes, types: tuple[str, str]) -> tuple[str, str]:
    """Return the characters of two bodies; raise as `decode_text` does.

    Where one is guessed at, so is the other that names no character set either: the same bytes are the same text.
    """
    (ours, _, is_guessed), (theirs, _, is_other_guessed) = _decoded(one, types[0]), _decoded(other, types[1])
    if is_guessed and not _charset(types[1]):
        theirs, _ = _guessed(other)
    if is_other_guessed and not _charset(types[0]):
        ours, _ = _guessed(one)
    return ours, theirs


def read_form(text: str) -> Json:
    """Return a form's fields as an object; a name that stands more than once has a list."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise Undecided(Obstacle.TOO_LARGE) from error
    found: dict[str, list[Json]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _charset(content_type: str) -> str:
    named = ""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            named = value.strip().strip('"')
    return named


def _decoded(body: bytes, content_type: str) -> tuple[str, str, bool]:
    """Return the characters, the codec that they were read with, and whether that is a guess."""
    named = _charset(content_type)
    try:
        return (*_characters(body, named or "utf-8"), False)
    except Undecided:
        if named or form_of(content_type) not in (Form.TEXT, Form.HTML):
            raise
        return (*_guessed(body), True)


def _guessed(body: bytes) -> tuple[str, str]:
    declared = _DECLARED.search(body[:_MOST_LOOKED_AT])
    names = [declared[1].decode("ascii")] if declared else []
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        names = ["utf-16"]
    for name in (*names, "windows-1252"):
        try:
            return _characters(body, name)
        except Undecided:
            continue
    # Because windows-1252 has five bytes to which it gives no meaning, and this has a character for each.
    return body.decode("latin-1"), "latin-1"


def _characters(body: bytes, charset: str) -> tuple[str, str]:
    try:
        name = codecs.lookup(charset).name
        if not _CHARSET.fullmatch(name):
            raise Undecided(Obstacle.CHARSET)
        codec = "utf-8-sig" if name == "utf-8" else name
        return body.decode(codec), codec
    except (LookupError, ValueError) as error:
        raise Undecided(Obstacle.CHARSET) from error
