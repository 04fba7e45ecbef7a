"""Readings: whatever a server may take a path for is among them, and a plain path has one."""

from posixpath import normpath
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.normalise import normal
from strangler.core.readings import is_bad, is_deep, is_odd, others

words = st.sampled_from(["a", "b", "A", "~x", "a.b", "x-1"])
odd = st.lists(
    st.sampled_from(
        ["/", "//", "/.", "/..", "/../", "/./", "%2F", "%2f", "%5C", "\\", ";", ";v=1", "%3B", "%41", "a", "b"]
    ),
    max_size=8,
).map(lambda parts: ("/" + "".join(parts)).encode())


@given(st.lists(words, min_size=1, max_size=5), st.sampled_from(["", "/"]), st.sampled_from(["", "?a=%2F../;"]))
def test_a_plain_path_has_one_reading(segments: list[str], end: str, query: str) -> None:
    target = ("/" + "/".join(segments) + end + query).encode()

    assert not is_odd(target)
    assert not is_bad(target)
    assert others(target) == set()


@given(odd)
def test_the_normal_form_is_not_among_the_others(target: bytes) -> None:
    assert normal(target) not in others(target)


@given(odd)
def test_a_path_with_another_reading_is_odd(target: bytes) -> None:
    if others(target):
        assert is_odd(target)


@given(odd.filter(lambda target: b";" not in target and b"%3B" not in target))
def test_a_server_that_undoes_all_escapes_and_then_resolves_is_among_the_readings(target: bytes) -> None:
    """As many frameworks do: the file-system's idea of the path, once its escapes are gone."""
    undone = unquote_to_bytes(target).decode()
    as_file = "/" + normpath(undone.replace("\\", "/")).lstrip("/")

    readings = {normal(target), *others(target)}

    assert as_file.rstrip("/") in {reading.rstrip("/") for reading in readings}


@given(odd.filter(lambda target: b"\\" not in target))
def test_a_server_that_takes_the_bytes_as_they_are_is_among_the_readings(target: bytes) -> None:
    raw = target.decode().replace("%2f", "%2F")

    readings = {normal(target), *others(target)}

    assert raw.replace(";", "%3B") in readings


@given(st.binary() | st.binary().map(lambda rest: b"/" + rest))
def test_any_bytes_have_readings(target: bytes) -> None:
    assert all(reading.startswith("/") for reading in others(target))
    assert isinstance(is_odd(target), bool)


@pytest.mark.parametrize(
    ("target", "readings"),
    [
        (b"/a//b/..", {"/a//b/..", "/a//", "/a/b/.."}),
        (b"/a%2F..", {"/a/..", "/"}),
        (b"/a/.", {"/a/."}),
        (b"/a;x", {"/a%3Bx"}),
    ],
)
def test_the_readings_of_a_path_are_these(target: bytes, readings: set[str]) -> None:
    assert others(target) >= readings - {normal(target)}


@pytest.mark.parametrize(
    ("target", "bad"),
    [
        (b"/%00", True),
        (b"/%c0%AE", True),
        (b"/%C1%9c", True),
        (b"/100%", True),
        (b"/%zz", True),
        (b"/%c3%a9", False),
        (b"/a?100%", False),
        (b"/%41", False),
    ],
)
def test_escapes_that_no_strict_server_takes_are_bad(target: bytes, bad: bool) -> None:
    assert is_bad(target) == bad


def test_a_path_of_more_segments_than_are_read_in_each_way_is_deep() -> None:
    assert not is_deep(b"/" * 128)
    assert is_deep(b"/" * 129)
    assert is_deep(b"/" + b"%2f%5C\\" * 43)
    assert not is_deep(b"/?" + b"/" * 500)
