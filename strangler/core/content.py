"""Content: what a body says, once its content coding and its character set are undone.

Every step has a bound, so that no body costs more than its size allows, however it was packed.
"""

import codecs
import re
import zlib
from enum import StrEnum
from html import unescape
from urllib.parse import parse_qsl

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
_SILENT = ("script", "style", "template", "noscript")
_WHITE = re.compile(r"\s+")
_TAG = re.compile(r"/?([a-zA-Z][a-zA-Z0-9]*)")


class Form(StrEnum):
    """What a body is compared as."""

    JSON = "json"
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
    names = [name for part in codings.split(",") if (name := part.strip().lower()) not in ("", "identity")]
    if len(names) > _MAX_CODINGS or any(name not in ("gzip", "x-gzip", "deflate") for name in names):
        raise Undecided(Obstacle.ENCODING)
    for name in reversed(names):
        body = _inflate(body, most) if name == "deflate" else _gunzip(body, most)
    if len(body) > most:
        raise Undecided(Obstacle.TOO_LARGE)
    return body


def form_of(content_type: str) -> Form:
    """Return what a body of this media type is compared as."""
    media = media_type(content_type)
    if media == "application/json" or media.endswith("+json"):
        return Form.JSON
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


def decode_text(body: bytes, content_type: str) -> str:
    """Return the characters of a body; UTF-8 where no character set is named. Raise Undecided if they are not that."""
    named = ""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            named = value.strip().strip('"')
    try:
        codec = codecs.lookup(named or "utf-8-sig")
        if not _CHARSET.fullmatch(codec.name):
            raise Undecided(Obstacle.CHARSET)
        return body.decode("utf-8-sig" if codec.name == "utf-8" else codec.name)
    except (LookupError, ValueError) as error:
        raise Undecided(Obstacle.CHARSET) from error


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


def html_lines(text: str) -> list[str]:
    """Return the text of a page as a reader sees it: no tags, comments, scripts or styles, white space as one blank.

    One pass over the text, and no parser: what is compared is the words, and a page may be any soup of tags.
    """
    lines: list[str] = []
    silent = ""
    first, *parts = text.split("<")
    _add_line(lines, first)
    in_comment = False
    for part in parts:
        if in_comment or part.startswith("!--"):
            _, end, rest = part.partition("-->")
            in_comment = not end
        else:
            tag = _TAG.match(part)
            name = tag[1].lower() if tag else ""
            if silent and not (part.startswith("/") and name == silent):
                continue
            silent = name if name in _SILENT and not part.startswith("/") else ""
            rest = part.partition(">")[2] if tag or part[:1] in ("/", "!", "?") else "<" + part
        if not silent:
            _add_line(lines, rest)
    return lines


def _add_line(lines: list[str], text: str) -> None:
    words = _WHITE.sub(" ", unescape(text)).strip()
    if words:
        lines.append(words)


def _gunzip(body: bytes, most: int) -> bytes:
    """Return what all members of a gzip file hold (RFC 1952 section 2.2)."""
    parts: list[bytes] = []
    left = most
    while True:
        part, body = _unpack(body, 31, left)
        parts.append(part)
        left -= len(part)
        if not body.strip(b"\0"):
            return b"".join(parts)


def _inflate(body: bytes, most: int) -> bytes:
    """Return what a deflate body holds: zlib's format, or bare, as some servers send it (RFC 9110 section 8.4.1.2)."""
    try:
        part, rest = _unpack(body, 15, most)
    except Undecided as problem:
        if problem.obstacle is not Obstacle.CORRUPT:
            raise
        part, rest = _unpack(body, -15, most)
    if rest:
        raise Undecided(Obstacle.CORRUPT)
    return part


def _unpack(body: bytes, window: int, most: int) -> tuple[bytes, bytes]:
    machine = zlib.decompressobj(window)
    try:
        part = machine.decompress(body, most + 1)
    except zlib.error as error:
        raise Undecided(Obstacle.CORRUPT) from error
    if len(part) > most:
        raise Undecided(Obstacle.TOO_LARGE)
    if not machine.eof:
        raise Undecided(Obstacle.CORRUPT)
    return part, machine.unused_data
