"""Pages as their readers see them."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.comparison import Obstacle
from strangler.core.content import Undecided
from strangler.core.page import MAX_PARTS, page_lines

SOUP = st.lists(
    st.sampled_from(
        ["<", ">", "</", "<!--", "-->", "--!>", "<script>", "</script", "<TextArea>", "</textarea >", "<b ", "<p>", "=",
         "'", '"', "<input value=", "type=hidden", "<![CDATA[", "]]>", "<plaintext>", "&amp;", "&#6", "a",
         " ", "\n", "/"]
    ), max_size=30,
).map("".join)  # fmt: skip


@given(st.text() | SOUP)
def test_any_text_is_a_page(text: str) -> None:
    assert all(line == " ".join(line.split()) for line in page_lines(text) if line.isascii() and "<" not in line)


@given(st.lists(st.text(st.characters(blacklist_characters="<&", blacklist_categories=["Cs"])), max_size=5))
def test_words_between_tags_are_all_there_in_their_order(words: list[str]) -> None:
    page = "<p class='a > b'>".join(words)

    assert page_lines(page) == [line for text in words if (line := " ".join(text.split()))]


@given(SOUP, st.sampled_from(["1", "2"]))
def test_what_stands_before_the_first_tag_is_never_hidden(soup: str, word: str) -> None:
    assert "".join(page_lines(word + soup)).startswith(word)


def test_a_page_is_its_words() -> None:
    page = """<!doctype html><title>A &amp; B</title><!-- <p>no > no</p> --><style>p{a<b}</style>
    <p class="x">Hello,   <b>you</b><br/>there</p><script>if (a < b) document.write("<p>no</p>")</script> 1 < 2 </ >x"""

    assert page_lines(page) == ["A & B", "Hello, you", "there", "1 < 2 x"]
    assert page_lines(page.replace("Hello,   ", "Hello,\n")) == page_lines(page)


@pytest.mark.parametrize(
    ("page", "lines"),
    [
        ("<INPUT Name=a VALUE='x &amp; \"y' value=2 checked/>", ['<input a="x & \\"y" checked>']),
        ("<input>", ["<input>"]),
        ("<input type=password name=p value=hunter2>", ['<input password="hunter2">']),
        ("<input type=hidden name=csrf value=1><input type=hidden name=n value=1>", ["<input csrf>", '<input n="1">']),
        ("a<select><option>b<option value=1 selected>c", ["a", "b", '<option value="1" selected>', "c"]),
        ("<progress value=70 max=100>70 %</progress>", ['<progress value="70">', "70 %"]),
        ("<p>&#" + "1" * 5_000, ["&#" + "1" * 5_000]),
        ("<p>a<![CDATA[b]]>c", ["abc"]),
        ("a<?php b > c", ["a c"]),
        ("a</ b", ["a</ b"]),
        ("a<![CDATA[b", ["ab"]),
        ("a<script>b<script>c", ["abc"]),
    ],
)
def test_what_stands_in_fields_and_odd_markup_is_read_as_browsers_do(page: str, lines: list[str]) -> None:
    assert page_lines(page) == lines


def test_a_page_of_too_many_parts_is_undecided() -> None:
    assert page_lines("<b>" * 3 + "x", 3) == ["x"]
    for page in ("<b>" * 4, "&a" * 4, "<b>&a" * 2):
        with pytest.raises(Undecided) as caught:
            page_lines(page, 3)
        assert caught.value.obstacle is Obstacle.TOO_LARGE


@pytest.mark.parametrize(
    "piece",
    ["<", "<a", "<a>", "<!--", "<script>", "<textarea>", '<a x="', "<a x='<a y=\"", "<a x=\"<b>\"", "</a", "</", "<?",
     "&#", "<![CDATA[", "< ", "\n ", "--", "<a =", "<b x = ", "<script></script", '<input value="', "<a/", "a=b ",
     "&#1", "&a"],
)  # fmt: skip
def test_no_page_takes_more_time_than_its_length_allows(piece: str) -> None:
    text = piece * (1_048_576 // len(piece))
    began = process_time()

    try:
        page_lines(text)
    except Undecided as problem:
        assert problem.obstacle is Obstacle.TOO_LARGE

    # Because a search that begins anew at each piece would take minutes, any of these bounds shows it.
    assert process_time() - began < 5
    assert MAX_PARTS == 100_000
