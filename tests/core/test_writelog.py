"""The write log's notes: what is packed is read as it was, and nothing else is read at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.divergence import Why
from strangler.core.model import Side
from strangler.core.writelog import (
    Answered,
    Begun,
    Doubted,
    fields_of,
    pack_answered,
    pack_begun,
    pack_doubted,
    unpack_answered,
    unpack_begun,
    unpack_doubted,
)

some = st.binary(max_size=40)
begins = st.builds(
    Begun,
    route=st.text(max_size=8),
    primary=st.sampled_from(Side),
    method=some,
    target=some,
    host=some,
    headers=some,
    credentials=some,
    key=some,
    request_id=some,
    trace=some,
    connection=st.integers(0, 2**64 - 1),
    at=st.integers(0, 2**32).map(float),
)
answers = st.builds(
    Answered,
    status=st.integers(100, 599),
    at_ns=st.integers(0, 2**64 - 1),
    held=st.none() | st.sampled_from(Why),
    has_body=st.booleans(),
    is_instead=st.booleans(),
)


@given(begun=begins)
def test_what_began_is_read_as_it_was_noted(begun: Begun) -> None:
    assert unpack_begun(pack_begun(begun)) == begun


@given(answered=answers)
def test_an_answer_is_read_as_it_was_noted(answered: Answered) -> None:
    assert unpack_answered(pack_answered(answered)) == answered


@given(begun=begins, data=st.data())
def test_a_note_that_is_cut_is_none(begun: Begun, data: st.DataObject) -> None:
    whole = pack_begun(begun)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]

    with pytest.raises(ValueError):
        unpack_begun(cut)


def test_an_answer_that_is_cut_is_none() -> None:
    with pytest.raises(ValueError):
        unpack_answered(b"\x00" * 10)


@given(doubted=st.builds(Doubted, has_body=st.booleans(), is_instead=st.booleans(), is_of_both=st.booleans()))
def test_a_doubt_is_read_as_it_was_noted(doubted: Doubted) -> None:
    assert unpack_doubted(pack_doubted(doubted)) == doubted


@pytest.mark.parametrize("size", [0, 1, 2, 4])
def test_a_doubt_of_another_size_is_none(size: int) -> None:
    with pytest.raises(ValueError):
        unpack_doubted(b"\x00" * size)


def test_lines_become_fields() -> None:
    assert fields_of(b"A: 1\r\nb:2 \r\n") == ((b"A", b"1"), (b"b", b"2"))
