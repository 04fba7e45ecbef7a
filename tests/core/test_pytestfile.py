"""Pytest files: what is expected is written as text that says the same."""

import ast
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from strangler.core.cases import Body, BodyKind, Case
from strangler.core.checking import ANY, Alike, Members, OfType, Unordered
from strangler.core.pytestfile import literal, pytest_file
from tests.core.documents import DOCUMENTS

SCOPE: dict[str, Any] = {
    "ANY": ANY,
    "Alike": Alike,
    "Decimal": Decimal,
    "Members": Members,
    "OfType": OfType,
    "Unordered": Unordered,
}
WIDE = "x" * 60
TREES = [
    ANY,
    OfType("string"),
    Alike(Decimal("1.50"), (("round", 1), ("map", (("a", None), (1, True))))),
    Members({"a": 1}, may_have=("b", "c")),
    Members({WIDE: WIDE, "b": [WIDE, WIDE]}, may_have=("c",), is_open=True),
    Unordered([{"id": 1}], by="id"),
    [Alike(WIDE, (("lower",),)), ANY],
    {"a": Alike(WIDE * 2, (("lower",),)), "b": WIDE * 2},
    Unordered([WIDE, [WIDE, {}], {"a": WIDE, "b": []}]),
    {"deep": {"deeper": {"deepest": [WIDE, WIDE, Decimal("1E+5")]}}},
    [],
    {},
]


@given(DOCUMENTS)
def test_a_document_is_written_as_text_that_says_the_same(value: Any) -> None:
    text = literal(value, 8)

    assert text.isascii()
    assert repr(eval(text, dict(SCOPE))) == repr(value)


@pytest.mark.parametrize("tree", TREES)
def test_what_is_not_plain_is_written_as_text_that_says_the_same(tree: Any) -> None:
    assert eval(literal(tree, 8), dict(SCOPE)) == tree
    assert eval(literal(tree), dict(SCOPE)) == tree


def case(body: Body, target: str = "/users/7?x=1") -> Case:
    return Case(
        id="ab12",
        at=1.0,
        side="legacy",
        method="GET",
        target=target,
        headers=(("Accept", "*/*"),),
        status=200,
        answered=(("etag", True),),
        body=body,
    )


def test_a_test_asks_and_asserts_what_its_case_says() -> None:
    text = pytest_file("t", "t.py", (case(Body(kind=BodyKind.JSON, expected={"id": 7})),), ())

    assert text.splitlines()[-9:] == [
        "def test_get_users_7_ab12() -> None:",
        "    check(",
        "        'GET',",
        "        '/users/7?x=1',",
        "        headers=[('Accept', '*/*')],",
        "        status=200,",
        "        answered={'etag': True},",
        "        document={'id': 7},",
        "    )",
    ]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (Body(kind=BodyKind.TEXT, text="a\n'"), '        text="a\\n\'",'),
        (Body(kind=BodyKind.TEXT, text="a", codec="iso8859-1"), "        codec='iso8859-1',"),
        (Body(kind=BodyKind.DIGEST, text="ab"), "        digest='ab',"),
        (Body(kind=BodyKind.EMPTY), '        text="",'),
        (Body(kind=BodyKind.NOTHING, why="so"), "    # Of the body nothing is asserted: so."),
    ],
)
def test_every_kind_of_body_has_its_line(body: Body, line: str) -> None:
    text = pytest_file("t", "t.py", (case(body, "/?"),), ())

    assert line in text.splitlines()
    assert "def test_get_root_ab12() -> None:" in text


def test_the_helpers_are_joined_without_what_each_says_of_itself_and_without_our_own_modules() -> None:
    one = '"""One."""\n\nimport re\nfrom typing import Any\n\nA = 1\n\n\n\n\nB = 2\n'
    other = '"""Other.\n\nMore.\n"""\n\nimport os\nimport re\n\nfrom strangler.core.checking import A\n\nC = A\n'
    bare = "D = 1\n"

    text = pytest_file("t", "t.py", (case(Body(kind=BodyKind.EMPTY)),), (one, other, bare))

    assert text.partition('"""\n\n')[2].startswith(
        "import os\nimport re\nfrom typing import Any\n\nA = 1\n\n\nB = 2\n\n\nC = A\n\n\nD = 1\n\n\ndef test_get"
    )
    compile(text, "t.py", "exec")


@pytest.mark.parametrize("name", ['a""".py', "a\\", "\\N{x}.py", "a'b\n\"c.py", "\udc80.py", '""" + boom() + """'])
def test_a_name_ends_no_docstring_and_stands_in_it_as_it_is(name: str) -> None:
    text = pytest_file("t", name, (case(Body(kind=BodyKind.EMPTY)),), ())

    docstring = ast.get_docstring(ast.parse(text), clean=False)

    assert docstring is not None and f" pytest {name}\n" in docstring
