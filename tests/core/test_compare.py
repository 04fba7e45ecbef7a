"""Two answers side by side."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.compare import Comparing, compare
from strangler.core.comparison import MAX_DIFFERENCES, Comparison, Difference, Json, Kind, Obstacle, Result
from strangler.core.document import HugeNumber, dump_json
from strangler.core.jsonpath import parse_path
from strangler.core.offer import Answer
from strangler.core.rewrite import Ignore
from tests.core.documents import DOCUMENTS, sameness

PLAIN = Comparing()
EQUAL = Comparison(result=Result.EQUAL)
TYPES = st.sampled_from(
    [
        "application/json",
        "text/html; charset=utf-8",
        "text/plain; charset=x",
        "application/x-www-form-urlencoded",
        "a/b",
    ]
)


def answer(body: bytes | str, kind: str = "application/json", status: int = 200, **headers: str) -> Answer:
    fields = tuple((name.replace("_", "-").title().encode(), value.encode()) for name, value in headers.items())
    raw = body.encode() if isinstance(body, str) else body
    return Answer(status=status, headers=(*fields, (b"Content-Type", kind.encode())), body=raw)


def different(*found: Difference) -> Comparison:
    return Comparison(result=Result.DIFFERENT, differences=found)


def unread(obstacle: Obstacle) -> Comparison:
    return Comparison(result=Result.NOT_COMPARABLE, obstacle=obstacle)


@given(
    st.binary(max_size=60), TYPES, st.sampled_from(["", "gzip", "deflate", "br", "zstd", "dcb"]), st.integers(100, 599)
)
def test_an_answer_equals_itself(body: bytes, kind: str, coding: str, status: int) -> None:
    one = answer(body, kind, status, content_encoding=coding)

    assert compare(one, one, PLAIN) == EQUAL


@given(
    st.binary(max_size=60),
    st.binary(max_size=60),
    TYPES,
    TYPES,
    st.sampled_from(["", "gzip", "deflate", "br", "zstd", "dcb"]),
)
def test_whatever_comes_is_compared_or_told_why_not(a: bytes, b: bytes, x: str, y: str, coding: str) -> None:
    found = compare(answer(a, x, content_encoding=coding), answer(b, y), PLAIN)

    assert (found.result is Result.DIFFERENT) == bool(found.differences)
    assert found.result is not Result.NOT_COMPARABLE or found.obstacle is not None


@given(DOCUMENTS, DOCUMENTS)
def test_json_answers_are_equal_only_if_they_say_the_same(one: Json, other: Json) -> None:
    found = compare(
        answer(dump_json(one)), answer(gzip.compress(dump_json(other).encode()), content_encoding="gzip"), PLAIN
    )

    assert (found.result is Result.EQUAL) == (sameness(one) == sameness(other))


def test_an_answer_with_another_status_is_different_and_its_body_is_left_out() -> None:
    found = compare(answer("[1]"), answer("oops", "text/html", 500), PLAIN)

    assert found == different(
        Difference(kind=Kind.STATUS, primary=200, shadow=500),
        Difference(kind=Kind.HEADER, place=("content-type",), primary="application/json", shadow="text/html"),
    )


def test_chosen_headers_are_compared_and_others_are_not() -> None:
    how = Comparing(headers=("location", "x-a"))
    one = answer("1", location="/a", date="now")
    other = answer("1", location="/b", date="then")
    twice = Answer(status=200, headers=(*one.headers, (b"X-A", b"1"), (b"x-a", b" 2 ")), body=b"1")

    assert compare(one, other, how) == different(
        Difference(kind=Kind.HEADER, place=("location",), primary="/a", shadow="/b")
    )
    assert compare(one, twice, how) == different(
        Difference(kind=Kind.HEADER, place=("x-a",), primary=None, shadow=["1", "2"])
    )


def test_what_rules_explain_is_ignored_and_said() -> None:
    how = Comparing(rules=(Ignore(path=parse_path("$.at")),))

    assert compare(answer('{"at": 1}'), answer('{"at": 2}'), how) == Comparison(
        result=Result.IGNORED, ignored=(Difference(kind=Kind.VALUE, place=("at",), primary=1, shadow=2),)
    )
    assert compare(answer('{"at": 1}'), answer('{"at":1}'), how) == EQUAL
    assert compare(answer('{"at": 1, "b": 1}'), answer('{"at": 2, "b": 2}'), how) == different(
        Difference(kind=Kind.VALUE, place=("b",), primary=1, shadow=2)
    )


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (answer("{"), answer("["), unread(Obstacle.INVALID_JSON)),
        (answer("{"), answer("[]"), different(Difference(kind=Kind.TYPE, primary="no JSON", shadow="JSON"))),
        (answer("[]"), answer("{"), different(Difference(kind=Kind.TYPE, primary="JSON", shadow="no JSON"))),
        (answer("{", a="1"), answer("{", a="2"), EQUAL),
        (answer("{"), answer(b"\xef\xbb\xbf{"), EQUAL),
        (answer("[1]"), answer(b"\xef\xbb\xbf[ 1 ]"), EQUAL),
        (answer("[" * 9_999), answer("[" * 9_998), unread(Obstacle.TOO_DEEP)),
        (answer("[" * 200 + "1" + "]" * 200), answer("[" * 200 + "2" + "]" * 200), unread(Obstacle.TOO_DEEP)),
        (answer("1"), answer("x", content_encoding="dcb"), unread(Obstacle.ENCODING)),
        (answer("1"), answer("x", content_encoding="br"), unread(Obstacle.CORRUPT)),
        (answer(b"\xff"), answer("1"), unread(Obstacle.CHARSET)),
        (answer("1" * 200), answer("1"), unread(Obstacle.TOO_LARGE)),
        (answer("a=1&b=2", "application/x-www-form-urlencoded"), answer("b=2&a=1", "application/x-www-form-urlencoded"),
         EQUAL),
        (answer("a=1", "application/x-www-form-urlencoded"), answer("a=2", "application/x-www-form-urlencoded"),
         different(Difference(kind=Kind.VALUE, place=("a",), primary="1", shadow="2"))),
        (answer("<p>Hi  you", "text/html"), answer("<b>Hi you</b>", "text/html"), EQUAL),
        (answer("<p>Hi", "text/html"), answer("<p>Ho", "text/html"),
         different(Difference(kind=Kind.VALUE, place=(0,), primary="Hi", shadow="Ho"))),
        (answer("a\nb", "text/plain"), answer("a\nc", "text/plain"),
         different(Difference(kind=Kind.VALUE, place=(1,), primary="b", shadow="c"))),
        (answer("a\nb", "text/plain"), answer("a", "text/plain"),
         different(Difference(kind=Kind.MISSING, place=(1,), primary="b"))),
        (answer("<p>a<p>c", "text/html"), answer("<p>a<p>b<p>c", "text/html"),
         different(Difference(kind=Kind.EXTRA, place=(1,), shadow="b"))),
        (answer("a\nb", "text/plain"), answer("a\r\nb", "text/plain"),
         different(Difference(kind=Kind.VALUE, place=(0,), primary="a", shadow="a\r"))),
        (answer("é".encode("latin-1"), "text/html"), answer("<p>é".encode("latin-1"), "text/html"), EQUAL),
        (answer("é".encode("latin-1"), "text/html"), answer("é", "text/html"),
         different(Difference(kind=Kind.VALUE, place=(0,), primary="é", shadow="Ã©"))),
        (answer("", content_encoding="gzip"), answer("", content_encoding="br"), EQUAL),
        (answer('{"a":1,"b":2}', "text/json"), answer('{"b":2,"a":1}', "text/json"), EQUAL),
        (answer('{"a":1,"b":2}', ""), answer('{"b":2,"a":1}', ""), EQUAL),
        (answer('{"a":1}', ""), answer('{"a":2}', ""),
         different(Difference(kind=Kind.VALUE, place=("a",), primary=1, shadow=2))),
        (answer('{"a":1}', ""), answer('{"a":1', ""), different(Difference(kind=Kind.LENGTH, primary=7, shadow=6))),
        (answer(b"[\xff]", ""), answer("[]", ""), different(Difference(kind=Kind.LENGTH, primary=3, shadow=2))),
        (answer('{"t":1}\n{"t":2}\n', "application/x-ndjson"), answer('{"t": 1}\r\n\n{"t":3}', "application/x-ndjson"),
         different(Difference(kind=Kind.VALUE, place=(1, "t"), primary=2, shadow=3))),
        (answer("[NaN, Infinity]"), answer("[NaN,Infinity]"), EQUAL),
        (answer("[NaN]"), answer("[-Infinity]"),
         different(Difference(kind=Kind.VALUE, place=(0,), primary=HugeNumber("NaN"), shadow=HugeNumber("-Infinity")))),
        (answer("[NaN]"), answer('["NaN"]'),
         different(Difference(kind=Kind.TYPE, place=(0,), primary=HugeNumber("NaN"), shadow="NaN"))),
        (answer("a", "text/plain; charset=utf-8"), answer("a", "text/plain; charset=ascii"), EQUAL),
        (answer("ab", "image/png"), answer("abc", "image/png"),
         different(Difference(kind=Kind.LENGTH, primary=2, shadow=3))),
        (answer("ab", "image/png", content_encoding="identity"), answer("ab", "image/png"), EQUAL),
        (answer("", "image/png"), answer("", "text/html"), EQUAL),
        (answer("1"), answer("1", "text/html; charset=utf-8"),
         different(Difference(kind=Kind.TYPE, primary="application/json", shadow="text/html"))),
    ],
)  # fmt: skip
def test_bodies_are_compared_by_what_they_are(one: Answer, other: Answer, found: Comparison) -> None:
    assert compare(one, other, Comparing(headers=(), max_bytes=20_000 if len(one.body) != 200 else 100)) == found


SHOWN = "<p>Balance {}</p>"


@pytest.mark.parametrize(
    "page",
    [
        f"<script>var x='<!--';</script>{SHOWN}", f"<style>a::after='<!--'</style>{SHOWN}", f"<!-- never ended {SHOWN}",
        f"<script>never ended {SHOWN}", f"<!-->{SHOWN}<!-- -->", f"<!-- --!>{SHOWN}<!-- -->",
        f"<textarea><!-- </textarea>{SHOWN}<!-- -->", f"<title><!--</title>{SHOWN}<!-- -->",
        "<textarea><script>{}</script></textarea>", "<plaintext><script>{}</script>", "<xmp><!--{}--></xmp>",
        f"<iframe><!--</iframe>{SHOWN}<!-- -->", f"<template><template></template>{SHOWN}</template>",
        "<![CDATA[{}]]>", "<b {}", "<a x=a='b>{}'>", "<a ='b>{}'>", "<a x='b>{}", "<a title='x > y'>{}</a>", "</{}",
        "<input value={}>", "<input type=hidden name=total value='{}'>", "<option value={}>x", "<meter value={}>",
    ],
)  # fmt: skip
def test_what_a_reader_of_a_page_sees_is_compared(page: str) -> None:
    one, other = answer(page.format(100), "text/html"), answer(page.format(999), "text/html")

    assert compare(one, other, PLAIN).result is Result.DIFFERENT


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Total: <b>5</b> EUR", "Total: 5 EUR"),
        ("<p>a<!-- x -->b</p>", "<div class='y > z'>ab</div>"),
        ("<script>1</script>x", "<script>2</script>x"),
        ("<input type=hidden name=csrf_token value=1>x", "<input type=hidden name=csrf_token value=2>x"),
    ],
)
def test_what_no_reader_of_a_page_sees_is_not(one: str, other: str) -> None:
    assert compare(answer(one, "text/html"), answer(other, "text/html"), PLAIN) == EQUAL


def test_an_input_that_is_checked_is_another() -> None:
    one, other = answer("<input name=a checked>", "text/html"), answer("<input name=a>", "text/html")

    assert compare(one, other, PLAIN) == different(
        Difference(kind=Kind.VALUE, place=(0,), primary="<input a checked>", shadow="<input a>")
    )


ROOT = Comparing(headers=(), rules=(Ignore(path=parse_path("$")),))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (answer("ab", "image/png"), answer("abc", "image/png")),
        (answer("a", "text/plain"), answer("b", "text/plain")),
        (answer("a", "text/html"), answer("<p>b", "text/html")),
        (answer("a=1", "application/x-www-form-urlencoded"), answer("a=2", "application/x-www-form-urlencoded")),
        (answer("[1]"), answer("2")),
        (answer("{"), answer("[")),
        (answer("{"), answer("[]")),
        (answer("1"), answer("1", "text/html")),
        (answer("x", content_encoding="br"), answer("x")),
        (answer("[" * 9_999), answer("[" * 9_998)),
    ],
)
def test_an_ignored_body_is_ignored_whatever_it_is(one: Answer, other: Answer) -> None:
    found = compare(one, other, ROOT)

    assert (found.result, len(found.ignored)) == (Result.IGNORED, 1)
    assert compare(one, Answer(status=201, headers=other.headers, body=other.body), ROOT).result is Result.DIFFERENT


def test_rules_reach_the_lines_of_pages_and_of_text() -> None:
    lines = Comparing(rules=(Ignore(path=parse_path("$[1]")),))

    for kind, end in (("text/plain", "\n"), ("text/html", "<p>")):
        one, other, third = (answer(end.join(text), kind) for text in ("abc", "axc", "xbc"))
        assert compare(one, other, lines) == Comparison(
            result=Result.IGNORED, ignored=(Difference(kind=Kind.VALUE, place=(1,), primary="b", shadow="x"),)
        )
        assert compare(one, third, lines).result is Result.DIFFERENT


def test_a_place_in_lines_of_json_is_named_by_a_path() -> None:
    how = Comparing(rules=(Ignore(path=parse_path("$..t")),))
    one, other = (answer(text, "application/jsonl") for text in ('{"t":1}\n{"t":2}', '{"t":1}\n{"t":3}'))

    assert compare(one, other, how).result is Result.IGNORED


def test_too_many_lines_of_json_are_not_comparable() -> None:
    one, other = answer("1\n" * 100_000, "application/jsonl"), answer("2\n", "application/jsonl")

    assert compare(one, other, PLAIN) == unread(Obstacle.TOO_LARGE)


def test_a_content_type_that_is_written_otherwise_is_the_same() -> None:
    one, other = answer("1", "application/json; charset=utf-8"), answer("1", "application/json;charset=UTF-8")

    assert compare(one, other, PLAIN) == EQUAL


def test_other_bytes_are_told_by_a_digest() -> None:
    found = compare(answer("ab", "image/png"), answer("cd", "image/png"), PLAIN)

    (difference,) = found.differences
    assert difference.kind is Kind.VALUE
    assert difference.primary != difference.shadow
    assert len(str(difference.primary)) == 32


def test_headers_count_where_bodies_cannot_be_read() -> None:
    found = compare(answer("{", location="/a"), answer("[", location="/b"), PLAIN)

    assert (found.result, found.obstacle) == (Result.DIFFERENT, Obstacle.INVALID_JSON)


def test_no_more_differences_are_kept_than_the_bound_headers_included() -> None:
    one, other = dump_json(list(range(500))), dump_json(list(range(1, 501)))

    found = compare(answer(one, location="/a"), answer(other, location="/b"), PLAIN)

    assert (len(found.differences), found.is_cut) == (MAX_DIFFERENCES, True)
