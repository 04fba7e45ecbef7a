"""The one form of a path: however it is spelled, it is matched as the same path, and nothing raises."""

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strangler.core.normalise import normal, path_of

AS_IT_IS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@"

odd_targets = st.lists(
    st.sampled_from(
        [b"/", b"//", b".", b"..", b";", b"%2e", b"%2F", b"%", b"%4", b"%%34%31", b"a", b"A", b"?", b"\xff"]
    )
).map(b"".join)
names = st.binary(min_size=1, max_size=4).filter(lambda name: name not in (b".", b".."))
"""Segments as a server that has undone the escapes sees them."""


@st.composite
def spelled(draw: st.DrawFn, segments: list[bytes]) -> bytes:
    """Draw one of the ways to write a path of these segments."""
    path = bytearray()
    for segment in segments:
        path += draw(st.sampled_from([b"/", b"//", b"/./", b"/%2E/", b"/x/../", b"/%78/.%2e/", b"/;a=b/"]))
        for byte in segment:
            escape = draw(st.sampled_from([b"%%%02X", b"%%%02x"])) % byte
            is_raw = byte not in b"/?;%" and draw(st.booleans())
            path += bytes([byte]) if is_raw else escape
        path += draw(st.sampled_from([b"", b";", b";v=1", b";/"[:1]]))
    return bytes(path) + draw(st.sampled_from([b"", b"?", b"?/a/../b", b"?%2F"]))


@given(st.binary() | odd_targets | st.binary().map(lambda rest: b"/" + rest))
@example(b"%%34%31")
@example(b"/%\xff1")
def test_a_second_call_changes_nothing(target: bytes) -> None:
    once = normal(target)

    assert normal(once.encode("ascii")) == once


@given(st.data(), st.lists(names, min_size=1, max_size=3))
def test_all_spellings_of_one_path_have_one_normal_form(data: st.DataObject, segments: list[bytes]) -> None:
    one, other = data.draw(spelled(segments)), data.draw(spelled(segments))

    assert normal(one) == normal(other)


@given(st.data(), st.lists(names, min_size=1, max_size=3))
def test_the_normal_form_still_says_what_each_segment_was(data: st.DataObject, segments: list[bytes]) -> None:
    form = normal(data.draw(spelled(segments)))

    assert [unquote_to_bytes(part) for part in form[1:].split("/")] == segments


@given(st.binary().map(lambda rest: b"/" + rest) | odd_targets.map(lambda rest: b"/" + rest))
def test_no_path_leaves_its_root_or_keeps_what_servers_undo(target: bytes) -> None:
    segments = normal(target).split("/")

    assert segments[0] == ""
    assert "" not in segments[1:-1]
    assert not {".", ".."} & set(segments)
    assert not any(character in segment for segment in segments for character in "?;")


@given(st.integers(0, 255))
def test_each_byte_has_one_spelling(byte: int) -> None:
    upper, lower = b"/%%%02X" % byte, b"/%%%02x" % byte

    # A dot alone is a dot segment.
    expected = "/" if byte == ord(".") else f"/{chr(byte)}" if byte in AS_IT_IS else f"/%{byte:02X}"
    assert normal(upper) == normal(lower) == expected


@pytest.mark.parametrize(
    ("target", "form"),
    [
        (b"/", "/"),
        (b"*", "*"),
        (b"/a/b", "/a/b"),
        (b"/a/b/", "/a/b/"),
        (b"/a//b", "/a/b"),
        (b"/a?b=c", "/a"),
        (b"/A", "/A"),
        (b"/a/%2e%2E/b", "/b"),
        (b"/a/..;x=y/b", "/b"),
        (b"/../../a", "/a"),
        (b"/a/b/..", "/a/"),
        (b"/a/.", "/a/"),
        (b"/..", "/"),
        (b"/a;v=1/b;w", "/a/b"),
        (b"/a%2Fb", "/a%2Fb"),
        (b"/a%3bb", "/a%3Bb"),
        (b"/jobs%3Arun", "/jobs:run"),
        (b"/a|b", "/a%7Cb"),
        (b"/caf\xc3\xa9", "/caf%C3%A9"),
        (b"/100%", "/100%25"),
    ],
)
def test_the_documented_examples_hold(target: bytes, form: str) -> None:
    assert normal(target) == form


@given(st.binary())
def test_the_path_of_a_target_is_all_before_the_query(target: bytes) -> None:
    path = path_of(target)

    assert target.startswith(path)
    assert b"?" not in path
    assert target[len(path) : len(path) + 1] in (b"", b"?")


def test_a_long_path_costs_what_its_length_says() -> None:
    """Because the pattern has no repetition, nothing it meets makes it go back."""
    target = b"/%" * 50_000

    assert len(normal(target)) == 4 * 50_000
