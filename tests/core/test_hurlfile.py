"""Hurl files: each line is one of Hurl's grammar, and asserts nothing that rules allow to differ."""

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.cases import Body, BodyKind, Case
from strangler.core.checking import ANY, Alike, Members, OfType, Unordered
from strangler.core.expecting import expect
from strangler.core.hurlfile import MAX_ASSERTS, hurl_file, quoted
from tests.core.documents import DOCUMENTS

# Hurl's grammar (docs/spec/grammar/hurl.grammar), as far as exported files go. Its numbers have no sign there, though
# Hurl reads one.
ESCAPE = r'\\(?:["\\bfnrt#:]|u\{[0-9A-Fa-f]+\})'
QUOTED = rf'"(?:[^"\\{{}}\n]|{ESCAPE})*"'
TEMPLATE = r"\{\{[A-Za-z][A-Za-z_0-9-]*\}\}"
VALUE = rf"(?:[^#\n\\{{}}]|{ESCAPE})*"
KEY = rf"(?:[A-Za-z0-9_.@$\[\]-]|{ESCAPE})+"
NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
QUERY = rf"(?:status|body|bytes|sha256|header {QUOTED}|jsonpath {QUOTED})"
FILTERS = r"(?: (?:count|nth [0-9]+))*"
ANY_VALUE = rf"(?:true|false|null|{NUMBER}|{QUOTED}|hex,[0-9A-Fa-f]*;)"
REGEX = r"/(?:[^\n/\\]|\\[^\n])*/"
PREDICATE = (
    rf"(?:== {ANY_VALUE}|>= {NUMBER}|<= {NUMBER}|matches {REGEX}|includes {ANY_VALUE}|exists|not exists"
    r"|isInteger|isFloat|isBoolean|isString)"
)
ASSERT = re.compile(rf"{QUERY}{FILTERS} {PREDICATE}")
REQUEST = re.compile(rf"[A-Z]+ {TEMPLATE}{VALUE}")
HEADER = re.compile(rf"{KEY}: {VALUE}")
STATUS = re.compile(r"HTTP [0-9]+")
COMMENT = re.compile(r"#[^\n]*")


def parsed(text: str) -> list[list[str]]:
    """Return the asserts of each entry; fails at a line that Hurl's grammar does not have there."""
    entries: list[list[str]] = []
    state = "between"
    # Because Hurl ends a line at a line feed alone.
    for line in text.removesuffix("\n").split("\n"):
        if COMMENT.fullmatch(line):
            continue
        if line == "":
            state = "between"
        elif state == "between":
            assert REQUEST.fullmatch(line), line
            entries.append([])
            state = "headers"
        elif state == "headers" and STATUS.fullmatch(line):
            state = "answer"
        elif state == "headers":
            assert HEADER.fullmatch(line), line
        elif state == "answer":
            assert line == "[Asserts]"
            state = "asserts"
        else:
            assert ASSERT.fullmatch(line), line
            entries[-1].append(line)
    return entries


def case(expected: Any = None, **more: Any) -> Case:
    given: dict[str, Any] = {
        "id": "ab12",
        "at": 1.0,
        "side": "legacy",
        "method": "GET",
        "target": "/users/7",
        "headers": (("Accept", "*/*"),),
        "status": 200,
        "answered": (),
        "body": Body(kind=BodyKind.JSON, expected=expected),
    }
    return Case(**{**given, **more})


def asserts(expected: Any = None, **more: Any) -> list[str]:
    ((found),) = parsed(hurl_file("t", (case(expected, **more),)))
    return found


def unquoted(text: str) -> str:
    """Return what a quoted string says, read as Hurl's grammar says."""
    plain = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

    def one(found: re.Match[str]) -> str:
        code = found[1]
        return chr(int(code[2:-1], 16)) if code.startswith("u{") else plain.get(code, code)

    return re.sub(r"\\(u\{[0-9A-Fa-f]+\}|.)", one, text[1:-1])


@pytest.mark.parametrize(
    "expected",
    [
        "a\ud800",
        {"a\udfff": 1},
        {"a \udfff": 1, "b": 2},
        Alike("a\ud800", (("lower",),)),
        Unordered(["a\ud800"]),
        Unordered([{"id": "a\ud800"}], by="id"),
    ],
)
def test_half_a_character_is_not_written_because_no_line_of_the_file_could_be_read(expected: Any) -> None:
    text = hurl_file("t", (case(expected),))

    parsed(text)
    assert not re.search(r"[{][dD][89a-fA-F]", text)


@given(st.text(max_size=30))
def test_a_quoted_string_says_what_it_was_made_of_and_is_no_template(text: str) -> None:
    told = quoted(text)

    assert re.fullmatch(QUOTED, told)
    assert "{{" not in told
    assert unquoted(told) == text


@given(
    DOCUMENTS, st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20), st.text("aB-_.!+~", min_size=1)
)
def test_every_line_is_one_of_the_grammar(value: Any, target: str, name: str) -> None:
    made = case(expect(value, value, ()), target=f"/{target}", headers=((name, target),))

    parsed(hurl_file("t", (made, made)))


def test_a_case_asks_and_asserts_status_headers_and_values() -> None:
    made = case(
        {"id": 7, "fee": Decimal("1.50"), "ok": True, "no": None, "list": ["a"]},
        answered=(("location", False), ("etag", True), ("content-type", "application/json")),
    )

    assert hurl_file("Reads of users", (made,)).splitlines()[5:] == [
        "# ab12: recorded 1970-01-01, legacy",
        "GET {{base_url}}/users/7",
        "Accept: */*",
        "HTTP 200",
        "[Asserts]",
        'header "location" not exists',
        'header "etag" exists',
        'header "content-type" == "application/json"',
        'jsonpath "$.*" count == 5',
        'jsonpath "$.id" isInteger',
        'jsonpath "$.id" == 7',
        'jsonpath "$.fee" isFloat',
        'jsonpath "$.fee" == 1.50',
        'jsonpath "$.ok" == true',
        'jsonpath "$.no" == null',
        'jsonpath "$.list" count == 1',
        'jsonpath "$.list[0]" == "a"',
    ]


UUID = "0b6cc1a4-7f0e-4c0a-9b4e-2d2c8a0f3b11"


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (ANY, []),
        (OfType("string"), ["isString"]),
        (OfType("number"), ["isFloat"]),
        (OfType("object"), ["exists"]),
        (Alike(Decimal("5.250"), (("round", 1),)), [">= 5.15", "<= 5.25"]),
        (Alike(5, (("numeric",),)), ["== 5"]),
        (Alike("aB.c", (("lower",),)), [r"matches /^(?i)aB\x{2e}c$/"]),
        (Alike("2024-01-01", (("within", 2.0),)), ["isString"]),
        (Alike(1, (("map", ((1, 2),)),)), ["exists"]),
        (Alike("no uuid", (("uuid",),)), ["exists"]),
        (Decimal("1E+40"), ["isFloat"]),
        (10**30, ["isInteger"]),
        (-5, ["isInteger", "== -5"]),
        (Members({"a": 1}, ("b",)), []),
    ],
)
def test_a_rule_is_asserted_as_far_as_hurl_can_say_it(expected: Any, found: list[str]) -> None:
    lines = [line for line in asserts(expected) if '"$.a"' not in line]

    assert lines == [f'jsonpath "$" {said}' for said in found]


def test_any_uuid_is_accepted_where_one_is_expected() -> None:
    (line,) = asserts(Alike(UUID, (("uuid",),)))
    pattern = line.partition("/^(?i)")[2].removesuffix("$/")

    assert re.fullmatch(pattern, UUID, re.IGNORECASE)
    assert re.fullmatch(pattern, UUID.replace("-", ""), re.IGNORECASE)
    assert not re.fullmatch(pattern, UUID[:-1], re.IGNORECASE)


def test_elements_in_any_order_are_found_by_their_member_or_counted() -> None:
    keyed = Unordered([{"id": 1, "n": ["x"]}, Members({"id": "b", "o": {"p": 2, "q": 3}}, ("c",))], by="id")
    plain = Unordered(["a", 2, True, {"x": 1}])

    assert asserts({"list": keyed})[1:] == [
        "jsonpath \"$.list[?(@.id==1)].id\" nth 0 isInteger",
        "jsonpath \"$.list[?(@.id==1)].id\" nth 0 == 1",
        "jsonpath \"$.list[?(@.id==1)].n\" nth 0 count == 1",
        "jsonpath \"$.list[?(@.id==1)].n[0]\" nth 0 == \"x\"",
        "jsonpath \"$.list[?(@.id=='b')].id\" nth 0 == \"b\"",
        "jsonpath \"$.list[?(@.id=='b')].o.p\" nth 0 isInteger",
        "jsonpath \"$.list[?(@.id=='b')].o.p\" nth 0 == 2",
        "jsonpath \"$.list[?(@.id=='b')].o.q\" nth 0 isInteger",
        "jsonpath \"$.list[?(@.id=='b')].o.q\" nth 0 == 3",
    ]  # fmt: skip
    assert asserts(plain) == ['jsonpath "$" count == 4', 'jsonpath "$" includes "a"', 'jsonpath "$" includes 2']
    assert asserts(Unordered([{"id": None, "x": 1}], by="id")) == ['jsonpath "$" count == 1']


def test_names_that_no_path_can_say_are_left_out_with_a_comment() -> None:
    text = hurl_file("t", (case({"a b": 1, "it's": 2}),))

    assert "jsonpath \"$['a b']\" == 1\n" in text
    assert "# a member is left out whose name no path can say\n" in text
    parsed(text)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (Body(kind=BodyKind.TEXT, text='a"\n{{b}}'), r'body == "a\"\u{a}\u{7b}\u{7b}b\u{7d}\u{7d}"'),
        (Body(kind=BodyKind.DIGEST, text="ab" * 32), f"sha256 == hex,{'ab' * 32};"),
        (Body(kind=BodyKind.EMPTY), "bytes count == 0"),
    ],
)
def test_other_bodies_are_asserted_as_a_whole(body: Body, line: str) -> None:
    assert asserts(body=body) == [line]


def test_what_is_not_asserted_is_said_and_a_long_answer_is_cut() -> None:
    silent = hurl_file("t", (case(body=Body(kind=BodyKind.NOTHING, why="the text holds a secret")),))
    long = hurl_file("t", (case(list(range(MAX_ASSERTS))),))
    none = hurl_file("t", (case(ANY),))

    assert "# of the body nothing is asserted: the text holds a secret" in silent
    assert f"# {MAX_ASSERTS + 1} more are left out" in long
    assert len(parsed(long)[0]) == MAX_ASSERTS
    assert "[Asserts]" not in none
    assert parsed(none) == [[]]
