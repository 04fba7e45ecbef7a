"""Bodies, once their coding and character set are undone."""

import gzip
import zlib
from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.comparison import Obstacle
from strangler.core.content import Form, Undecided, decode_text, form_of, html_lines, read_form, undo_codings

pack = partial(gzip.compress, mtime=0)
"""Without the time, so that every process names the tests alike."""


def bare(body: bytes) -> bytes:
    machine = zlib.compressobj(wbits=-15)
    return machine.compress(body) + machine.flush()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": pack,
    "x-gzip": pack,
    "deflate": zlib.compress,
}


@given(st.binary(max_size=500), st.lists(st.sampled_from(sorted(PACKERS)), max_size=3))
def test_what_was_packed_is_unpacked(body: bytes, codings: list[str]) -> None:
    packed = body
    for name in codings:
        packed = PACKERS[name](packed)

    assert undo_codings(packed, ", identity, ".join(codings).upper()) == body


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "identity"]))
def test_bytes_that_are_no_such_coding_are_never_a_crash(body: bytes, coding: str) -> None:
    try:
        undo_codings(body, coding)
    except Undecided as problem:
        assert problem.obstacle is Obstacle.CORRUPT


@pytest.mark.parametrize(
    ("body", "coding", "obstacle"),
    [
        (b"x", "br", Obstacle.ENCODING),
        (b"x", "zstd, gzip", Obstacle.ENCODING),
        (b"x", "gzip, gzip, gzip, gzip", Obstacle.ENCODING),
        (b"x", "gzip", Obstacle.CORRUPT),
        (b"", "gzip", Obstacle.CORRUPT),
        (pack(b"abc")[:-2], "gzip", Obstacle.CORRUPT),
        (pack(b"abc") + b"junk", "gzip", Obstacle.CORRUPT),
        (zlib.compress(b"abc") + b"junk", "deflate", Obstacle.CORRUPT),
        (b"\xff\xff", "deflate", Obstacle.CORRUPT),
        (pack(bytes(2000)), "gzip", Obstacle.TOO_LARGE),
        (pack(bytes(600)) * 2, "gzip", Obstacle.TOO_LARGE),
        (zlib.compress(bytes(2000)), "deflate", Obstacle.TOO_LARGE),
        (bare(bytes(2000)), "deflate", Obstacle.TOO_LARGE),
        (pack(pack(bytes(10**7))), "gzip, gzip", Obstacle.TOO_LARGE),
        (bytes(2000), "", Obstacle.TOO_LARGE),
    ],
)
def test_what_cannot_be_unpacked_says_why(body: bytes, coding: str, obstacle: Obstacle) -> None:
    with pytest.raises(Undecided) as caught:
        undo_codings(body, coding, 1000)

    assert caught.value.obstacle is obstacle


def test_members_padding_and_bare_deflate_are_unpacked() -> None:
    assert undo_codings(pack(b"ab") + pack(b"cd") + b"\0\0", "gzip") == b"abcd"
    assert undo_codings(bare(b"abc"), "deflate") == b"abc"


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        ("application/json", Form.JSON), ("Application/Problem+JSON; charset=utf-8", Form.JSON),
        ("application/x-www-form-urlencoded", Form.FIELDS), ("text/html", Form.HTML),
        ("application/xhtml+xml", Form.HTML), ("text/plain", Form.TEXT), ("image/svg+xml", Form.TEXT),
        ("application/xml", Form.TEXT), ("application/pdf", Form.BYTES), ("", Form.BYTES),
    ],
)  # fmt: skip
def test_the_media_type_says_what_a_body_is_compared_as(content_type: str, form: Form) -> None:
    assert form_of(content_type) is form


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("é".encode(), "text/plain", "é"),
        (b"\xef\xbb\xbfx", "text/plain; charset=UTF-8", "x"),
        (b"\xe9", 'text/plain; a=b; charset="ISO-8859-1"', "é"),
        ("é".encode("utf-16"), "text/plain; charset=utf-16", "é"),
        ("я".encode("cp1251"), "text/plain; charset=windows-1251", "я"),
    ],
)
def test_text_is_read_by_its_character_set(body: bytes, content_type: str, text: str) -> None:
    assert decode_text(body, content_type) == text


@pytest.mark.parametrize("charset", ["nonsense", "hex", "idna", "unicode_escape", "\0", "ascii"])
def test_text_of_no_character_set_is_undecided(charset: str) -> None:
    with pytest.raises(Undecided) as caught:
        decode_text(b"\xe9", f"text/plain; charset={charset}")

    assert caught.value.obstacle is Obstacle.CHARSET


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=5))
def test_a_form_is_read_as_it_was_written(fields: dict[str, str]) -> None:
    assert read_form(urlencode(fields)) == fields


def test_fields_that_repeat_keep_all_values_and_their_number_is_bounded() -> None:
    assert read_form("a=1&a=2&b=") == {"a": ["1", "2"], "b": ""}
    with pytest.raises(Undecided):
        read_form("a=1&" * 20_000)


@given(st.text())
def test_any_text_is_a_page(text: str) -> None:
    assert all(line == " ".join(line.split()) for line in html_lines(text) if line.isascii())


def test_a_page_is_its_words() -> None:
    page = """<!doctype html><title>A &amp; B</title><!-- <p>no > no</p> --><style>p{a<b}</style>
    <p class="x">Hello,   <b>you</b><br/>there</p><script>if (a < b) document.write("<p>no</p>")</script> 1 < 2 </ >x"""

    assert html_lines(page) == ["A & B", "Hello,", "you", "there", "1", "< 2", "x"]
    assert html_lines(page.replace("Hello,   ", "Hello,\n")) == html_lines(page)
