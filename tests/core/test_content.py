"""Bodies, once their coding and character set are undone."""

import gzip
import zlib
from collections.abc import Callable
from functools import partial
from random import Random
from time import process_time
from urllib.parse import urlencode

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.comparison import Obstacle
from strangler.core.content import (
    Form,
    Undecided,
    codec_of,
    decode_both,
    decode_text,
    form_of,
    media_meaning,
    read_form,
    undo_codings,
)

pack = partial(gzip.compress, mtime=0)
"""Without the time, so that every process names the tests alike."""


def bare(body: bytes) -> bytes:
    machine = zlib.compressobj(wbits=-15)
    return machine.compress(body) + machine.flush()


def zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(body)


def wide(body: bytes) -> bytes:
    """Return what asks for 128 MiB of memory."""
    machine = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    ).compressobj()
    return machine.compress(body) + machine.flush()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": pack,
    "x-gzip": pack,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd,
}


@given(st.binary(max_size=500), st.lists(st.sampled_from(sorted(PACKERS)), max_size=3))
def test_what_was_packed_is_unpacked(body: bytes, codings: list[str]) -> None:
    packed = body
    for name in codings:
        packed = PACKERS[name](packed)

    assert undo_codings(packed, ", identity, ".join(codings).upper()) == body


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "br", "zstd", "identity"]))
def test_bytes_that_are_no_such_coding_are_never_a_crash(body: bytes, coding: str) -> None:
    try:
        undo_codings(body, coding)
    except Undecided as problem:
        assert problem.obstacle is Obstacle.CORRUPT or (coding == "zstd" and problem.obstacle is Obstacle.TOO_LARGE)


@pytest.mark.parametrize(
    ("body", "coding", "obstacle"),
    [
        (b"x", "compress", Obstacle.ENCODING),
        (b"x", "dcb, gzip", Obstacle.ENCODING),
        (b"x", "br", Obstacle.CORRUPT),
        (brotli.compress(b"abc")[:-1], "br", Obstacle.CORRUPT),
        (brotli.compress(b"abc") + b"junk", "br", Obstacle.CORRUPT),
        (brotli.compress(bytes(2000)), "br", Obstacle.TOO_LARGE),
        (brotli.compress(bytes(10**8)), "br", Obstacle.TOO_LARGE),
        (b"x", "zstd", Obstacle.CORRUPT),
        (zstd(b"abc")[:-1], "zstd", Obstacle.CORRUPT),
        (zstd(b"abc")[:-1] + b"x", "zstd", Obstacle.CORRUPT),
        (zstd(b"abc") + b"junk", "zstd", Obstacle.CORRUPT),
        (zstd(bytes(2000)), "zstd", Obstacle.TOO_LARGE),
        (zstd(bytes(10**8)), "zstd", Obstacle.TOO_LARGE),
        (zstd(b"") * 1_001, "zstd", Obstacle.TOO_LARGE),
        (wide(b"abc"), "zstd", Obstacle.TOO_LARGE),
        (b"x", "gzip, gzip, gzip, gzip", Obstacle.ENCODING),
        (b"x", "gzip", Obstacle.CORRUPT),
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
        (pack(b"") * 1_001, "gzip", Obstacle.TOO_LARGE),
        (pack(b"abc") + b"\0\0junk", "gzip", Obstacle.CORRUPT),
    ],
)
def test_what_cannot_be_unpacked_says_why(body: bytes, coding: str, obstacle: Obstacle) -> None:
    with pytest.raises(Undecided) as caught:
        undo_codings(body, coding, 1000)

    assert caught.value.obstacle is obstacle


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip, gzip, gzip"])
def test_of_an_empty_body_nothing_has_to_be_undone(coding: str) -> None:
    assert undo_codings(b"", coding) == b""


def test_members_padding_and_bare_deflate_are_unpacked() -> None:
    assert undo_codings(pack(b"ab") + pack(b"cd") + b"\0\0", "gzip") == b"abcd"
    assert undo_codings(bare(b"abc"), "deflate") == b"abc"
    assert undo_codings(zstd(b"ab") + b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip" + zstd(b"cd"), "zstd") == b"abcd"


def test_a_mebibyte_of_any_coding_is_unpacked() -> None:
    body = bytes(range(256)) * 3_072 + Random(1).randbytes(2**18)

    for coding, packed in ((coding, PACKERS[coding](body)) for coding in PACKERS):
        assert undo_codings(packed, coding) == body


def test_a_body_of_many_members_takes_no_more_time_than_its_length_allows() -> None:
    began = process_time()

    assert undo_codings(pack(b"a" * 999) * 1_000 + bytes(2**22), "gzip") == b"a" * 999_000
    with pytest.raises(Undecided):
        undo_codings(pack(b"") * (2**22 // len(pack(b""))), "gzip")
    with pytest.raises(Undecided):
        undo_codings((pack(b"") + b"\0") * (2**22 // len(pack(b""))), "gzip")

    assert process_time() - began < 2


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        ("application/json", Form.JSON), ("Application/Problem+JSON; charset=utf-8", Form.JSON),
        ("application/x-www-form-urlencoded", Form.FIELDS), ("text/html", Form.HTML),
        ("application/xhtml+xml", Form.HTML), ("text/plain", Form.TEXT), ("image/svg+xml", Form.TEXT),
        ("application/xml", Form.TEXT), ("application/pdf", Form.BYTES), ("", Form.BYTES),
        ("text/json", Form.JSON), ("application/x-ndjson", Form.JSON_LINES), ("Application/JSONL", Form.JSON_LINES),
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


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b"caf\xe9 \x80", "text/html", "café €"),
        (b"\xe9\x81", "text/plain", "é\x81"),
        (b'<meta charset="iso-8859-2">\xb1', "text/html", '<meta charset="iso-8859-2">ą'),
        (b"<META http-equiv=a content='text/html; charset=koi8-r'>\xc1", "text/html",
         "<META http-equiv=a content='text/html; charset=koi8-r'>а"),
        (b"<?xml version='1.0' encoding='windows-1251'?>\xff", "image/svg+xml",
         "<?xml version='1.0' encoding='windows-1251'?>я"),
        (b"<meta charset=nonsense>\xe9", "text/html", "<meta charset=nonsense>é"),
        (b"<meta charset=hex>\xe9", "text/html", "<meta charset=hex>é"),
        (b"<meta charset=utf-8>\xe9", "text/html", "<meta charset=utf-8>é"),
        (b"<meta charset=koi8-r>\xc3\xa9", "text/html", "<meta charset=koi8-r>é"),
        ("é".encode("utf-16"), "text/plain", "é"),
        (b"x" * 1024 + b"<meta charset=koi8-r>\xe9", "text/html", "x" * 1024 + "<meta charset=koi8-r>é"),
    ],
)  # fmt: skip
def test_text_that_names_no_character_set_and_is_no_utf8_is_read_as_browsers_do(
    body: bytes, content_type: str, text: str
) -> None:
    assert decode_text(body, content_type) == text
    assert body.decode(codec_of(body, content_type)) == text


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_what_is_always_utf8_is_not_guessed_at(content_type: str) -> None:
    with pytest.raises(Undecided):
        decode_text(b"\xe9", content_type)


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_two_texts_without_a_character_set_are_the_same_only_if_their_bytes_are(one: bytes, other: bytes) -> None:
    ours, theirs = decode_both(one, other, ("text/plain", "text/html"))

    marks = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
    if not one.startswith(marks) and not other.startswith(marks):
        assert (ours == theirs) == (one == other)


def test_text_is_guessed_at_on_both_sides_or_on_none() -> None:
    utf8, latin = "é".encode(), b"\xe9"

    assert decode_both(utf8, latin, ("text/plain", "text/plain")) == ("Ã©", "é")
    assert decode_both(latin, utf8, ("text/plain", "text/plain")) == ("é", "Ã©")
    assert decode_both(latin, utf8, ("text/plain", "text/plain; charset=utf-8")) == ("é", "é")
    assert decode_both(latin, utf8, ("text/plain; charset=latin-1", "text/plain")) == ("é", "é")


TOKENS = st.text(st.sampled_from("abz09+-"), min_size=1, max_size=5)
PARAMETERS = st.lists(st.tuples(TOKENS, st.text(st.sampled_from('ab9 ;="\\'), max_size=4)), max_size=3)


def quoted(value: str) -> str:
    return '"' + "".join("\\" + character for character in value) + '"'


@given(TOKENS, TOKENS, PARAMETERS, st.randoms(use_true_random=False))
def test_a_media_type_means_the_same_however_it_is_written(
    kind: str, part: str, parameters: list[tuple[str, str]], dice: Random
) -> None:
    plain = f"{kind}/{part}" + "".join(f";{name}={quoted(value)}" for name, value in parameters)
    dice.shuffle(parameters)
    odd = f" {kind.upper()}/{part} ; " + "; ;".join(f"{name.upper()}={quoted(value)} " for name, value in parameters)

    assert media_meaning(plain) == media_meaning(odd)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("application/json; charset=utf-8", 'application/json;charset="UTF-8"', True),
        ("a/b; x=1; y=2", "A/B; Y=2;x=1;", True),
        ("a/b; x=a", "a/b; x=A", False),
        ("a/b; charset=utf-8", "a/b", False),
        ("a/b; x", "a/b;x", False),
        ("a/b; x=1; x=1", "a/b; x=1", False),
        ("a/b;x=1", 'a/b;x="1\\""', False),
        ("", "a/b", False),
    ],
)
def test_media_types_that_do_not_mean_the_same_are_apart(one: str, other: str, is_same: bool) -> None:
    assert (media_meaning(one) == media_meaning(other)) == is_same


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
